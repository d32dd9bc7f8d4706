"""``python -m ragen_tsr.experiments TABLE``: the runs behind a table of the paper, their cost, what came of them."""

import sys

from ragen_tsr.experiments.command import main

if __name__ == "__main__":
    sys.exit(main())
