"""A service explains itself when it is asked, and does not start with arguments that it does not take."""

from __future__ import annotations

import pytest

from coranto.worker.command_line import run


class Service:
    runs = 0

    def run(self) -> None:
        Service.runs += 1


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["fast"], 2), (["--port", "1"], 2)])
def test_service_that_is_given_arguments_does_not_start(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    Service.runs = 0
    with pytest.raises(SystemExit) as ended:
        run(Service, "coranto_feeder", arguments)
    assert (ended.value.code, Service.runs) == (code, 0)
    printed = capsys.readouterr()
    assert "python -m coranto_feeder" in printed.out + printed.err
    run(Service, "coranto_feeder", [])
    assert Service.runs == 1
