"""`python -m coranto_cli` is the `coranto` command."""

import sys

from coranto_cli import main

if __name__ == "__main__":
    sys.exit(main())
