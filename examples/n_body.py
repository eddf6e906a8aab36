"""Bodies that attract each other, step by step, each pulled by all others: a picture of their paths.

Look at the loop: a step is a few milliseconds of work, far too little for a pool of processes, and it is split all the
same. What one step computes, the next one needs, so the pieces have to come home quickly.
"""

import argparse
import math
import random
import time
from functools import partial
from pathlib import Path

from mandelbrot import png

import subpool

type Vector = tuple[float, float]

STEP = 0.004
SOFT = 0.02
"""Keeps two bodies that meet from being thrown out of the picture."""


def pull(places: list[Vector], masses: list[float], body: int) -> Vector:
    """The acceleration of one body."""
    x, y = places[body]
    right = up = 0.0
    for (other_x, other_y), mass in zip(places, masses, strict=True):
        across, along = other_x - x, other_y - y
        square = across * across + along * along + SOFT
        force = mass / (square * math.sqrt(square))
        right += force * across
        up += force * along
    return right, up


def start(count: int) -> tuple[list[Vector], list[Vector], list[float]]:
    """A heavy body in the middle, and light ones that circle it."""
    dice = random.Random(1)
    places, speeds, masses = [(0.0, 0.0)], [(0.0, 0.0)], [1.0]
    for _ in range(count - 1):
        angle, distance = dice.uniform(0, 2 * math.pi), dice.uniform(0.3, 1.0)
        speed = math.sqrt(1 / distance) * dice.uniform(0.85, 1.05)
        places.append((distance * math.cos(angle), distance * math.sin(angle)))
        speeds.append((-speed * math.sin(angle), speed * math.cos(angle)))
        masses.append(0.1 / count)
    return places, speeds, masses


def simulate(count: int, steps: int, parallel: bool) -> list[list[Vector]]:
    """Where the bodies were, after each step (the leapfrog method)."""
    places, speeds, masses = start(count)
    paths: list[list[Vector]] = []
    for _ in range(steps):
        ask = partial(pull, places, masses)
        pulls = subpool.par_iter(range(count)).map(ask).collect() if parallel else [ask(n) for n in range(count)]
        speeds = [(u + STEP * a, v + STEP * b) for (u, v), (a, b) in zip(speeds, pulls, strict=True)]
        places = [(x + STEP * u, y + STEP * v) for (x, y), (u, v) in zip(places, speeds, strict=True)]
        paths.append(places)
    return paths


def picture(paths: list[list[Vector]], size: int) -> bytes:
    """The paths, brighter where the bodies were later."""
    pixels = bytearray(3 * size * size)
    for age, places in enumerate(paths):
        light = 40 + 215 * age // len(paths)
        for x, y in places:
            column, row = int(size * (x + 1.3) / 2.6), int(size * (y + 1.3) / 2.6)
            if 0 <= column < size and 0 <= row < size:
                at = 3 * (row * size + column)
                pixels[at : at + 3] = bytes((light, light * 3 // 4, 255 - light // 2))
    return png(size, size, pixels)


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate bodies that attract each other.")
    parser.add_argument("output", nargs="?", type=Path, default=Path("n_body.png"))
    parser.add_argument("--bodies", type=int, default=150)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--quick", action="store_true", help="few steps")
    options = parser.parse_args()
    steps = 5 if options.quick else options.steps
    subpool.join(int, int)  # starts the workers

    begun = time.perf_counter()
    alone = simulate(options.bodies, steps, parallel=False)
    between = time.perf_counter()
    together = simulate(options.bodies, steps, parallel=True)
    ended = time.perf_counter()
    each = 1e3 / steps
    print(f"{options.bodies} bodies: a step takes {each * (between - begun):.1f} ms alone, "
          f"{each * (ended - between):.1f} ms with par_iter; equal to the last bit: {alone == together}")  # fmt: skip
    options.output.write_bytes(picture(together, 600))
    print(f"written to {options.output}")


if __name__ == "__main__":
    main()
