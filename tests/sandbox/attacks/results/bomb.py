"""Unpacks hundreds of megabytes of nothing out of a few hundred kilobytes, and keeps them."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
OPTIONS = {"memory": 400_000_000}
ALONE = ("interpreter",)
SAYS = "MemoryError"
import zlib

kept = []


def attack(aim):
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    megabyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    kept.append(zlib.decompressobj(-zlib.MAX_WBITS).decompress(megabyte * 300))
