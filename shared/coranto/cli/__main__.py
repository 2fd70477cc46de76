"""`python -m coranto.cli` is the `coranto` command."""

import sys

from coranto.cli import main

if __name__ == "__main__":
    sys.exit(main())
