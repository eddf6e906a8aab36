"""Sends what it knows to a place in the network."""

EXPECTED = "refused"
import socket


def attack(aim):
    socket.create_connection(("127.0.0.1", 9), timeout=1)
