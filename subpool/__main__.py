"""`python -m subpool`: the same as the command `subpool`."""

import sys

from subpool.cli import main

if __name__ == "__main__":  # worker processes of `--compare` import this module, too
    sys.exit(main())
