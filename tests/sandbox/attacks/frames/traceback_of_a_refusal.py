"""Walks the traceback of a refusal into the hook, and empties or replaces all that its frames hold."""

EXPECTED = "refused"


def attack(aim):
    def spoil(value):
        owner = getattr(value, "__self__", None)
        if isinstance(owner, dict):
            owner.clear()
        for cell in getattr(value, "__closure__", None) or ():
            if isinstance(cell.cell_contents, dict):
                cell.cell_contents.clear()

    try:
        open(aim["secret"])
    except PermissionError as error:
        trace = error.__traceback__
        while trace is not None:
            names = trace.tb_frame.f_locals
            if "aim" not in names:
                for name in list(names):
                    spoil(names[name])
                    try:
                        names[name] = lambda *args: None
                    except Exception:
                        pass
            trace = trace.tb_next
    return open(aim["secret"]).read()
