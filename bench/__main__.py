"""``python -m bench``: every theme, one after the other."""

import sys

from bench.all import main

if __name__ == "__main__":
    sys.exit(main())
