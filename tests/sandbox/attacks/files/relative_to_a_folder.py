"""Opens its own folder, and from there a secret by a path relative to the descriptor."""

EXPECTED = "refused"
import os


def attack(aim):
    folder = os.path.dirname(__file__)
    fd = os.open(folder, os.O_RDONLY)
    try:
        return os.read(os.open(os.path.relpath(aim["secret"], folder), os.O_RDONLY, dir_fd=fd), 100).decode()
    finally:
        os.close(fd)
