"""Writes the reference pages, or says which are stale: `python -m generate [--check]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from generate.build import find_stale_pages, render, write
from generate.examples import FOLDER, MissingExampleError
from generate.services import MissingModuleError


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when the pages are fresh, 1 when some are stale, 2 when they cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m generate", description="Make the reference pages.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the pages that are stale")
    parser.add_argument(
        "--directory", type=Path, default=Path("docs/reference"), help="where the pages are (default: %(default)s)"
    )
    parser.add_argument(
        "--examples", type=Path, default=FOLDER, help="where the example events are (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        pages = render(example_folder=options.examples)
    except (MissingModuleError, MissingExampleError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    stale = find_stale_pages(pages, options.directory)
    if not options.check:
        write(pages, options.directory)
        sys.stdout.write(f"{len(pages)} pages in {options.directory}, {len(stale)} of them changed\n")
        return 0
    for each in stale:
        sys.stderr.write(f"{options.directory / each.page}: {each.what}\n")
    if stale:
        sys.stderr.write("The reference is stale: run `make reference` and look at what changed.\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
