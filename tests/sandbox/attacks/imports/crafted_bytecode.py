"""Executes bytecode that no compiler writes, and that reads where there is nothing: a crash in C."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
ALONE = ("interpreter",)
SAYS = "killed by signal"
import opcode


def attack(aim):
    def victim():
        return None

    load = opcode.opmap["LOAD_FAST"], opcode.opmap["RETURN_VALUE"]
    code = victim.__code__.replace(co_code=bytes([opcode.opmap["RESUME"], 0, load[0], 250, load[1], 0]), co_consts=())
    exec(code)
    for offset in range(0, 250):
        exec(
            code.replace(
                co_code=bytes([opcode.opmap["RESUME"], 0, load[0], offset, opcode.opmap["CALL"], 0, load[1], 0])
            )
        )
