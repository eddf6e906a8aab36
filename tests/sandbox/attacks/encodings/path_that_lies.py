"""Names a file by an object that is one name when it is shown, and another when it is opened."""

EXPECTED = "refused"
import io


class Path:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return self.path

    def __str__(self):
        return __file__


def attack(aim):
    return io.FileIO(Path(aim["secret"])).read().decode()
