"""What subpool promises about speed, measured.

``python -m bench`` runs everything; ``python -m bench.fork_join`` (``iterators``, ``latency``, ``background``,
``frames``, ``footprint``, ``sandbox``) runs one theme. Each takes ``--quick``. Every figure compares two things in one
run, turn by turn, so that a slow or a noisy machine slows both; each line ends with what has to be reached, and whether
it was.

Run from the root of the repository, so that workers can import `bench.workloads`.
"""
