"""Each distribution stands alone: its locked requirements, and nothing else, are enough to import it. Slow: real installs."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

import pytest

from coranto.topology import SERVICES, WORKERS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def clean_python(directory: Path) -> Path:
    venv.create(directory, with_pip=True)
    return directory / "bin" / "python"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_with_its_locked_requirements_alone(service: str, tmp_path: Path) -> None:
    python = clean_python(tmp_path / "environment")
    pip(python, "--require-hashes", "-r", str(ROOT / "requirements" / "build.txt"))
    pip(python, "--require-hashes", "-r", str(ROOT / "services" / service / "requirements.txt"))
    pip(python, "--no-deps", "--no-build-isolation", str(ROOT / "shared"), str(ROOT / "services" / service))
    made = "create_stage().name" if service in WORKERS else "create_api().title"
    program = f"import coranto_{service}.app as app; print({service!r}, app.{made})"
    done = subprocess.run(
        [str(python), "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert service in done.stdout


def test_the_client_needs_pydantic_and_redis_only(tmp_path: Path) -> None:
    python = clean_python(tmp_path / "environment")
    pip(python, str(ROOT / "shared"))
    program = (
        "import sys, coranto, coranto.client.blocking, coranto.records;"
        "print(sorted({'faststream', 'aiohttp', 'structlog', 'typer', 'zstandard'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [str(python), "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    )
    names = {line.partition("==")[0].lower() for line in listed.stdout.split()}
    assert {"pydantic", "redis", "coranto"} <= names
    assert not names & {"faststream", "aiohttp", "trafilatura"}
