"""Takes as much memory as there is."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
OPTIONS = {"memory": 400_000_000}
ALONE = ("interpreter",)
SAYS = "MemoryError"

kept = []


def attack(aim):
    for _ in range(50):
        kept.append(b"x" * 10_000_000)
