"""Three workloads, in pure Python: many filters of one picture, words counted into a state, a model dear to make.

They are those of Ray's "10x faster parallel Python without Python multiprocessing" (Nishihara, 2019), which mpire
measures itself by, without NumPy and TensorFlow, which do not load in a subinterpreter. Only the standard library is
used here: subinterpreters import this.
"""

import random
from array import array
from functools import cache

WIDTH = 160
PREFIX = 4
UNITS = 96

type Kernel = tuple[float, ...]
type Model = list[list[float]]


# -- many filters of one picture ---------------------------------------------------------------------------------------


def picture() -> array[float]:
    """Grey values."""
    dice = random.Random(1)
    return array("d", (dice.random() for _ in range(WIDTH * WIDTH)))


def kernels(count: int) -> list[Kernel]:
    """Filters of three by three."""
    dice = random.Random(2)
    return [tuple(dice.random() for _ in range(9)) for _ in range(count)]


def filtered(image: array[float], kernel: Kernel) -> float:
    """How bright a picture is after a filter."""
    a, b, c, d, e, f, g, h, i = kernel
    total = 0.0
    for row in range(WIDTH, WIDTH * (WIDTH - 1), WIDTH):
        for at in range(row + 1, row + WIDTH - 1):
            over, under = at - WIDTH, at + WIDTH
            total += abs(
                a * image[over - 1] + b * image[over] + c * image[over + 1]
                + d * image[at - 1] + e * image[at] + f * image[at + 1]
                + g * image[under - 1] + h * image[under] + i * image[under + 1]
            )  # fmt: skip
    return total


# -- words counted into a state ----------------------------------------------------------------------------------------


def documents(count: int) -> list[str]:
    """Texts of 2000 words each."""
    dice = random.Random(3)
    words = ["".join(dice.choices("etaoinshrdlu", k=dice.randint(2, 9))) for _ in range(500)]
    return [" ".join(dice.choices(words, k=2000)) for _ in range(count)]


def counted(counts: dict[str, int], document: str) -> dict[str, int]:
    """Count how words begin, beside what is counted already."""
    for word in document.split():
        for end in range(1, PREFIX):
            prefix = word[:end]
            counts[prefix] = counts.get(prefix, 0) + 1
    return counts


def counted_alone(document: str) -> dict[str, int]:
    """The same for whoever cannot keep a state."""
    return counted({}, document)


def merged(parts: list[dict[str, int]]) -> dict[str, int]:
    """All counts together."""
    total: dict[str, int] = {}
    for part in parts:
        for prefix, count in part.items():
            total[prefix] = total.get(prefix, 0) + count
    return dict(sorted(total.items()))


# -- a model that is dear to make --------------------------------------------------------------------------------------


def model() -> list[Model]:
    """The weights of a small network; some tenths of a second go into them."""
    dice = random.Random(4)
    return [[[dice.gauss(0, 0.1) for _ in range(UNITS)] for _ in range(UNITS)] for _ in range(40)]


def inferred(layers: list[Model], seed: int) -> float:
    """What the last layers make of an input."""
    dice = random.Random(seed)
    values = [dice.random() for _ in range(UNITS)]
    for layer in layers[-12:]:
        values = [max(0.0, sum(map(float.__mul__, row, values))) for row in layer]
    return sum(values)


@cache
def the_model() -> list[Model]:
    """The model of this process or interpreter, for pools without a state of their own."""
    return model()


def make_the_model() -> None:
    """An initializer."""
    the_model()


def inferred_alone(seed: int) -> float:
    """What the model of this process or interpreter makes of an input."""
    return inferred(the_model(), seed)
