"""Starts a program by the function in C that is behind all others."""

EXPECTED = "refused"
import _posixsubprocess
import os


def attack(aim):
    program, out = [b"/bin/touch", aim["target"].encode()], os.pipe()
    nobody = -1, -1, -1, -1, -1, -1
    try:
        _posixsubprocess.fork_exec(
            program, program[:1], True, (), None, None, *nobody, *out, False, False, 0, None, None, None, -1, None
        )
    finally:
        os.close(out[0])
        os.close(out[1])
