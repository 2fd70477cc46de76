"""The wheels that `make dist` builds work where there is nothing but them. Slow: real builds and installs."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from redis import Redis

from coranto.records.envelope import encode
from coranto.testing import finished
from coranto.topology import FINISHED, SERVICES, Keys
from coranto_cli.local.redis_server import EmbeddedRedis

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

SUBSCRIBER = """
import importlib.metadata, json, coranto, coranto.client.blocking
article = next(iter(coranto.client.blocking.subscribe(group="wheel", start="beginning")))
direct = [each for each in importlib.metadata.requires("coranto") if "extra ==" not in each]
print(json.dumps({"title": article.content.title, "direct": direct, "version": coranto.__version__}))
"""
PAGE = """<!doctype html><html lang="en"><head><title>River bridge reopens</title></head><body><h1>River bridge reopens</h1>
<p>The city council voted on Friday to reopen the old river bridge, which had been closed to traffic for two years.</p>
<p>Mayor Anna Keller said that repairs had cost less than planned, and that buses would cross it from Monday morning.</p>
<p>Residents of the northern district, who had to take a detour of nine kilometres, welcomed the decision warmly.</p>
<p>A second vote on the toll is expected in June, when the council returns from its recess and the audit is complete.</p>
</body></html>"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels") / "dist"
    python = Path(sys.executable)
    command = ["make", "--silent", "dist", f"DIST={directory}", f"VENV={python.parent.parent}"]
    # What is installed in this environment is up to date: the tests run from it.
    done = subprocess.run(
        [*command, f"--assume-old={python.parent.parent}/run.stamp"],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return directory


def clean_python(directory: Path) -> Path:
    venv.create(directory, with_pip=True)
    return directory / "bin" / "python"


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=environment or None,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def pip(python: Path, *arguments: str | Path) -> str:
    return run(python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def test_there_is_one_wheel_of_each_distribution_with_the_version_of_the_file(wheels: Path) -> None:
    version = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    names = {"coranto", *(f"coranto_{name}" for name in (*SERVICES, "cli", "samplesite"))}
    assert {path.name for path in wheels.iterdir()} == {f"{name}-{version}-py3-none-any.whl" for name in names}
    for wheel in wheels.iterdir():
        with zipfile.ZipFile(wheel) as archive:
            info = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            assert Parser().parsestr(archive.read(info).decode())["Version"] == version
            licence = archive.read(info.replace("METADATA", "licenses/LICENSE"))
        assert licence == (ROOT / "LICENSE").read_bytes()


def test_the_library_is_small_and_holds_itself_only(wheels: Path) -> None:
    (wheel,) = wheels.glob("coranto-*.whl")
    assert wheel.stat().st_size < 600_000  # nearly all of it source; a model or a sample page would show
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"coranto"}
    assert "coranto/py.typed" in names
    assert any(name.endswith("submit.lua") for name in names)


def test_the_library_alone_subscribes_with_two_direct_dependencies_and_brings_no_command(
    wheels: Path, tmp_path: Path, own_redis: EmbeddedRedis
) -> None:
    python = clean_python(tmp_path / "environment")
    (wheel,) = wheels.glob("coranto-*.whl")
    pip(python, "install", wheel)
    with Redis.from_url(own_redis.url) as redis:
        redis.xadd(Keys().stream(FINISHED), {"event": encode(finished(title="From a wheel"), source="test")})
    (program := tmp_path / "subscriber.py").write_text(SUBSCRIBER, encoding="utf-8")
    seen = json.loads(run(python, "-P", program, CORANTO_REDIS__URL=own_redis.url))
    assert seen["title"] == "From a wheel"
    assert sorted(each.split("<")[0].split(">")[0] for each in seen["direct"]) == ["pydantic", "redis"]
    assert seen["version"] == (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    assert not (python.parent / "coranto").exists()
    assert pip(python, "check") == ""


def test_the_command_line_and_the_services_work_from_their_wheels(wheels: Path, tmp_path: Path) -> None:
    python = clean_python(tmp_path / "environment")
    pip(python, "install", "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    pip(python, "install", "--no-index", "--no-deps", *sorted(wheels.iterdir()))
    assert pip(python, "check") == ""
    (page := tmp_path / "bridge.html").write_text(PAGE, encoding="utf-8")
    answer = json.loads(run(python.parent / "coranto", "try", page, "--json", PATH="/usr/bin:/bin"))
    assert answer["record"]["content"]["title"] == "River bridge reopens"
    assert answer["record"]["classification"]["language"]["code"] == "en"
    listed = run(python.parent / "coranto", "--help", PATH="/usr/bin:/bin")
    assert all(f" {name} " in listed for name in ("run", "feeds", "extract", "classify"))
