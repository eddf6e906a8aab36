"""Logs without end, records that cannot be formatted among them."""

EXPECTED = "contained"
OPTIONS = {"timeout": 0.15}
import logging


def attack(aim):
    while True:
        logging.getLogger("a" * 1000).critical("%d", "no number")
