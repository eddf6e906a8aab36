"""Starts threads until there can be no more."""

EXPECTED = "contained"
OPTIONS = {"timeout": 10.0}
import threading


def attack(aim):
    end = threading.Event()
    threads = []
    for _ in range(300):
        threads.append(threading.Thread(target=end.wait))
        threads[-1].start()
    end.set()
    for each in threads:
        each.join()
    return len(threads)
