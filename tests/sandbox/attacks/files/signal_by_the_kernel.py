"""Has the kernel send the process a signal that ends it, as soon as there is something to read."""

EXPECTED = "refused"
ALONE = ("interpreter",)
import fcntl
import os
import socket


def attack(aim):
    ours, theirs = socket.socketpair()
    fcntl.fcntl(ours, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(ours, fcntl.F_SETFL, fcntl.fcntl(ours, fcntl.F_GETFL) | os.O_ASYNC)
    theirs.send(b"x")
    ours.recv(1)
