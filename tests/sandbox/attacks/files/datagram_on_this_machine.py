"""Sends a datagram to another process of this machine."""

EXPECTED = "refused"
import socket


def attack(aim):
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "/dev/log")
