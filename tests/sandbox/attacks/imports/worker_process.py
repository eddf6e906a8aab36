"""Starts a process by `multiprocessing`, in which no hook is."""

EXPECTED = "refused"
import multiprocessing


def attack(aim):
    worker = multiprocessing.get_context("spawn").Process(target=print)
    worker.start()
    worker.join()
