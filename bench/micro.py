"""The smallest figures once more, by pyperf: many fresh processes, calibrated loops, and its statistics.

`python -m bench.micro -o micro.json`, then `python -m pyperf stats micro.json`. It takes pyperf's own options, `--fast`
among them, and needs the `bench` extra. The ratios in the table come from the paired measures; this is how to look at
one of these figures closely, or to compare two versions (`python -m pyperf compare_to`).
"""

import sys

import pyperf  # type: ignore[import-untyped, unused-ignore]

import subpool
from bench import machine
from bench.measure import looped
from bench.workloads import empty, fib_join, fib_plain, plain, queens_join, queens_plain, tree_join, tree_plain


def main() -> None:
    subpool.configure(workers=1)
    runner = pyperf.Runner(program_args=("-m", "bench.micro"))
    runner.metadata["machine"] = machine.describe()
    runner.bench_time_func("plain calls of two empty functions", lambda count: looped(plain, empty, empty, count)())
    runner.bench_time_func("join of two empty functions", lambda count: looped(subpool.join, empty, empty, count)())
    for name, program, size in (
        ("fib(10)", (fib_plain, fib_join), (10,)),
        ("tree(0, 64)", (tree_plain, tree_join), (0, 64)),
        ("queens(5)", (queens_plain, queens_join), (5,)),
    ):
        for kind, function in zip(("plain", "join"), program, strict=True):
            runner.bench_func(f"{name}, {kind}", function, *size)
    runner.bench_command("bare Python", [sys.executable, "-c", "pass"])
    runner.bench_command("import subpool", [sys.executable, "-c", "import subpool"])


if __name__ == "__main__":
    main()
