"""The Mandelbrot set as a picture: every interpreter writes its rows into one and the same `bytearray`.

Look at `par_iter_mut`: the picture never travels. A worker gets a view on the rows that it is to fill, in the caller's
own memory. Rows differ much in cost, and nobody says which of them go together.
"""

import argparse
import struct
import time
import zlib
from functools import partial
from pathlib import Path

import subpool

LEFT, RIGHT, TOP, BOTTOM = -2.2, 0.8, 1.2, -1.2


def escape(x: float, y: float, most: int) -> int:
    """After how many steps the point is known to be outside; `most` if it is not."""
    real = imaginary = 0.0
    for step in range(most):
        square, other = real * real, imaginary * imaginary
        if square + other > 4.0:
            return step
        imaginary = 2.0 * real * imaginary + y
        real = square - other + x
    return most


def paint(width: int, height: int, most: int, numbered: tuple[int, memoryview]) -> None:
    """Fill one row: three bytes to a pixel."""
    row, pixels = numbered
    y = TOP + (BOTTOM - TOP) * row / height
    for column in range(width):
        steps = escape(LEFT + (RIGHT - LEFT) * column / width, y, most)
        at = 3 * column
        if steps == most:
            pixels[at : at + 3] = b"\x00\x00\x00"
        else:
            shade = (steps / most) ** 0.5
            pixels[at], pixels[at + 1], pixels[at + 2] = (
                int(255 * min(1.0, 1.6 * shade)),
                int(255 * shade**2),
                int(255 * (0.35 + 0.65 * shade) * (1 - shade)),
            )


def png(width: int, height: int, pixels: bytes | bytearray) -> bytes:
    """Pixels of three bytes each, as a PNG file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + pixels[at : at + 3 * width] for at in range(0, 3 * width * height, 3 * width))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def main() -> None:
    parser = argparse.ArgumentParser(description="Paint the Mandelbrot set into a PNG file.")
    parser.add_argument("output", nargs="?", type=Path, default=Path("mandelbrot.png"))
    parser.add_argument("--width", type=int, default=900)
    parser.add_argument("--quick", action="store_true", help="a small picture")
    options = parser.parse_args()
    width = 90 if options.quick else options.width
    height, most = width * 4 // 5, 60 if options.quick else 150
    row = partial(paint, width, height, most)
    subpool.join(int, int)  # starts the workers

    alone, together = bytearray(3 * width * height), bytearray(3 * width * height)
    begun = time.perf_counter()
    for number in range(height):
        row((number, memoryview(alone)[3 * width * number : 3 * width * (number + 1)]))
    between = time.perf_counter()
    subpool.par_iter_mut(together).chunks(3 * width).enumerate().for_each(row)
    ended = time.perf_counter()
    print(f"{width} x {height}: one after the other {between - begun:.2f} s, par_iter_mut {ended - between:.2f} s")
    options.output.write_bytes(png(width, height, together))
    print(f"the same picture: {alone == together}; written to {options.output}")


if __name__ == "__main__":
    main()
