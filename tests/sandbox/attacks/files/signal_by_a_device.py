"""Asks for the same signal by the call that is for devices."""

EXPECTED = "refused"
ALONE = ("interpreter",)
import fcntl
import os
import socket
import struct


def attack(aim):
    ours, theirs = socket.socketpair()
    fcntl.ioctl(ours, 0x8901, struct.pack("i", os.getpid()))
    fcntl.ioctl(ours, 0x5452, struct.pack("i", 1))
    theirs.send(b"x")
    ours.recv(1)
