"""Has itself told of every call, the hook's own among them."""

EXPECTED = "refused"
import threading


def attack(aim):
    threading.setprofile_all_threads(lambda *event: None)
