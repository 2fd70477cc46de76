"""`coranto --help` imports no command, and says all the same what each command says of itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from typer.main import get_command

from coranto_cli.application import app
from coranto_cli.command_group import GROUP, OWN, find_help

COMMANDS = {**OWN, **{point.name: point.value for point in entry_points(group=GROUP)}}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_that_is_read_from_the_source_is_the_command_s_own(name: str) -> None:
    command = get_command(app).get_command(None, name)  # type: ignore[attr-defined]  # a group
    assert " ".join((find_help(COMMANDS[name]) or "").split()) == " ".join(command.help.split())


def test_list_of_commands_is_printed_without_importing_any_of_them() -> None:
    program = (
        "import sys\n"
        "from coranto_cli import main\n"
        "code = main(['--help'])\n"
        "heavy = {'pydantic', 'redis', 'aiohttp', 'numpy', 'trafilatura', 'coranto.records'}\n"
        "commands = {name for name in sys.modules if '.commands' in name and name != 'coranto_cli.commands'}\n"
        "sys.exit(code or str(sorted(heavy & sys.modules.keys() | commands)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == "[]"
    for name in COMMANDS:
        assert f" {name} " in done.stdout


def test_help_that_cannot_be_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "coranto_odd.py").write_text("from elsewhere import app\nother = make()\n", encoding="utf-8")
    (tmp_path / "coranto_wrong.py").write_text("def app(:\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    values = (
        "coranto_odd:app",
        "coranto_odd:other",
        "coranto_wrong:app",
        "coranto_nowhere:app",
        "coranto_nowhere.x:app",
    )
    assert [find_help(value) for value in values] == [None] * 5
