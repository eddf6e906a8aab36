"""Takes the functions that were replaced out of the closures of their replacements."""

EXPECTED = "refused"
import os


def attack(aim):
    found = []
    for function in (os.open, os._exit):
        found += [cell.cell_contents for cell in function.__closure__ or ()]
        found += list(function.__defaults__ or ())
    real = [each for each in found if type(each).__name__ == "builtin_function_or_method" and each.__name__ == "open"]
    folder = os.open(os.path.dirname(__file__), os.O_RDONLY)
    try:
        for each in [*real, *found, os.open]:
            if callable(each):
                try:
                    fd = each(os.path.relpath(aim["secret"], os.path.dirname(__file__)), os.O_RDONLY, dir_fd=folder)
                except TypeError:
                    continue
                return os.read(fd, 100).decode()
    finally:
        os.close(folder)
