"""Raises audit events with objects of its own as arguments, whose methods run amid the hook."""

EXPECTED = "refused"
import sys

found = []


class Spy(int):
    def look(self, *args):
        frame = sys._getframe(1)
        while frame is not None and "aim" not in frame.f_locals:
            for value in list(frame.f_locals.values()):
                for name in getattr(type(value), "__slots__", ()):
                    try:
                        setattr(value, name, (("/", "/"),))
                        found.append(name)
                    except (AttributeError, TypeError):
                        pass
            frame = frame.f_back
        return False

    __lt__ = __gt__ = __ge__ = __le__ = __and__ = __rand__ = look
    __str__ = __repr__ = __fspath__ = lambda self: str(self.look())


def attack(aim):
    for args in (
        ("open", Spy(), Spy(), Spy()),
        ("os.remove", "/", Spy()),
        ("os.system", [Spy()]),
        ("import", Spy(), Spy()),
    ):
        try:
            sys.audit(*args)
        except Exception:
            pass
    return open(aim["secret"]).read()
