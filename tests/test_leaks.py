"""The guard against leaks sees each kind of leak."""

import os
import threading

from leaks import Holdings, left_since

from subpool._wire import interpreters


def test_nothing_taken_is_nothing_left() -> None:
    assert left_since(Holdings.now()) == {}


def test_a_descriptor_is_seen() -> None:
    before = Holdings.now()
    reading, writing = os.pipe()
    try:
        assert len(left_since(before, grace=0)["descriptors"]) == 2
    finally:
        os.close(reading)
        os.close(writing)
    assert left_since(before) == {}


def test_a_thread_is_seen_by_name() -> None:
    before = Holdings.now()
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="a sleeper")
    thread.start()
    try:
        (left,) = left_since(before, grace=0)["threads"]
        assert "a sleeper" in left
    finally:
        release.set()
        thread.join()
    assert left_since(before) == {}


def test_an_interpreter_and_a_queue_are_seen() -> None:
    before = Holdings.now()
    queue, interpreter = interpreters.create_queue(), interpreters.create()
    try:
        left = left_since(before, grace=0)
        assert (left["queues"], left["interpreters"]) == ([str(queue)], [str(interpreter)])
    finally:
        interpreters.destroy(interpreter)
        interpreters.destroy_queue(queue)
    assert left_since(before) == {}
