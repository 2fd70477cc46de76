"""The reference pages are complete and fresh: what a service reads, counts, logs or says has its line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from prometheus_client import generate_latest
from prometheus_client.metrics import MetricWrapperBase

from coranto.settings import effective_settings
from coranto.topology import SERVICES, STAGES, STREAMS, WORKERS
from coranto.worker.metrics import Metrics
from coranto.worker.stage import DELIVERY_REASONS
from generate import build, commands, logs
from generate.__main__ import main
from generate.ast_scan import find_endings
from generate.services import MissingModuleError, Service, get_module, get_services
from generate.settings import CLIENT_VARIABLES, settings_of

ROOT = Path(__file__).resolve().parent.parent.parent
REFERENCE = ROOT / "docs" / "reference"
EXAMPLES = ROOT / "tests" / "contracts" / "examples"


@pytest.fixture(scope="module")
def services() -> Sequence[Service]:
    return get_services()


@pytest.fixture(scope="module")
def pages(services: Sequence[Service]) -> dict[str, str]:
    return build.render(services, example_folder=EXAMPLES)


@pytest.fixture(scope="module")
def found_commands() -> list[commands.Command]:
    return list(commands.commands())


def first_cells(page: str) -> set[str]:
    """What stands in the first column of the page's tables."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return set(re.findall(r"^\| (?:\[)?`([^`]+)`", text, re.MULTILINE))


def section(page: str, title: str) -> str:
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_committed_pages_are_what_the_sources_say(pages: dict[str, str]) -> None:
    assert build.find_stale_pages(pages, REFERENCE) == []


def test_the_pages_are_the_same_in_another_process_and_nothing_is_started_to_make_them() -> None:
    program = (
        "import socket, sys, threading\n"
        "def refuse(*arguments): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = refuse\n"
        "from generate.__main__ import main\n"
        "code = main(['--check', '--directory', sys.argv[1], '--examples', sys.argv[2]])\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "sys.exit(code)\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT / "docs")}
    subprocess.run(
        [sys.executable, "-c", program, str(REFERENCE), str(EXAMPLES)], env=environment, check=True, timeout=100
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_has_its_line(service: str, services: Sequence[Service]) -> None:
    (described,) = (each for each in services if each.name == service)
    # As a running service lists what is in force: another way than the page's to find every setting.
    names = {f"CORANTO_{name.replace('.', '__')}".upper() for name in effective_settings(described.settings())}
    written = first_cells("settings.md")
    assert {name for name in names if not any(is_part_of(name, variable) for variable in written)} == set()


def is_part_of(name: str, variable: str) -> bool:
    # A setting that is a map is one variable, and may have entries.
    return name == variable or name.startswith(f"{variable}__")


def test_every_setting_has_a_description(services: Sequence[Service]) -> None:
    for service in services:
        assert [each.variable for each in settings_of(service.settings) if not each.description.endswith(".")] == []


def test_every_variable_that_the_sources_name_is_in_the_page_of_settings() -> None:
    written = first_cells("settings.md")
    sources = [*(ROOT / "shared").rglob("*.py"), *(ROOT / "services").rglob("*.py")]
    named = {
        name
        for path in sources
        if "reference" not in path.parts
        for name in re.findall(
            r'environ(?:\.get|\.setdefault)?[\[(]\s*"(CORANTO_\w+)"', path.read_text(encoding="utf-8")
        )
    }
    assert named <= written
    assert set(CLIENT_VARIABLES) <= written


def test_a_secret_is_marked() -> None:
    line = next(line for line in section("settings.md", "Every service").splitlines() if "CORANTO_REDIS__URL" in line)
    assert "| secret text |" in line


@pytest.mark.parametrize("service", SERVICES)
def test_every_metric_that_a_service_exposes_has_its_line(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    worker = get_module(f"coranto_{service}.app", install=f"./services/{service}").create()
    exposed = set(re.findall(r"^# HELP (\S+) .", generate_latest(worker.metrics.registry).decode(), re.MULTILINE))
    assert ("coranto_messages_settled_total" in exposed) == (service in WORKERS)
    assert exposed - first_cells("metrics.md") == set()


def test_every_metric_of_delivery_is_shown_with_its_labels() -> None:
    declared = {each for each in vars(Metrics()).values() if isinstance(each, MetricWrapperBase)}
    text = section("metrics.md", "Every service that takes messages")
    assert text.count("\n| `") == len(declared)
    # The client has no public way to tell the labels of a metric that was not used yet.
    for metric in declared:
        labels = ", ".join(f"`{name}`" for name in metric._labelnames) or "none"
        name = next(iter(metric.describe())).name
        assert re.search(rf"^\| `{name}(_total)?` \| \w+ \| {labels} \| .+\. \|$", text, re.MULTILINE), name


@pytest.mark.parametrize("service", SERVICES)
def test_every_reason_has_its_line_and_a_sentence(service: str, services: Sequence[Service]) -> None:
    (described,) = (each for each in services if each.name == service)
    text = section("reasons.md", service.capitalize())
    for reason, sentence in described.reasons.items():
        assert sentence.endswith("."), reason
        assert re.search(rf"^\| `{reason}` \| [^|]+ \| {re.escape(sentence)}", text, re.MULTILINE), reason


def test_every_reason_of_delivery_has_its_line() -> None:
    text = section("reasons.md", "Every stage")
    assert {reason for reason in DELIVERY_REASONS if f"| `{reason}` |" not in text} == set()
    assert "see the log" not in text


def test_no_service_gives_a_reason_that_delivery_gives(services: Sequence[Service]) -> None:
    assert {reason for service in services for reason in service.reasons.keys() & DELIVERY_REASONS.keys()} == set()


def test_systemic_reasons_are_in_the_list_of_reasons(services: Sequence[Service]) -> None:
    assert {reason for service in services for reason in service.systemic - service.reasons.keys()} == set()


def test_every_log_event_has_its_line_and_a_meaning(services: Sequence[Service]) -> None:
    names = logs.event_names(services)
    assert "message.done" in names
    assert names - logs.EVENTS.keys() == set()
    assert names == first_cells("logs.md")


def test_no_meaning_is_kept_for_an_event_that_nobody_logs(services: Sequence[Service]) -> None:
    assert logs.EVENTS.keys() - logs.event_names(services) == set()


def test_every_command_has_its_line_and_a_sentence(found_commands: list[commands.Command]) -> None:
    names = {each.path for each in found_commands}
    assert names - first_cells("commands.md") == set()
    assert [each.path for each in found_commands if not each.help] == []
    assert {"coranto up", "coranto submit", "coranto dead redeliver"} <= names


def test_every_option_of_every_command_says_what_it_does(found_commands: list[commands.Command]) -> None:
    assert [(each.path, name) for each in found_commands for name, text in each.options if not text] == []


def test_every_stream_and_group_is_in_the_page_of_the_topology() -> None:
    written = first_cells("topology.md")
    assert {stream.name for stream in STREAMS} <= written
    assert all(f"| `{stage.name}` |" in section("topology.md", "Stages") for stage in STAGES)


def test_the_asyncapi_document_refers_to_schemas_and_channels_that_exist() -> None:
    document = yaml.safe_load((REFERENCE / "asyncapi.yaml").read_text(encoding="utf-8"))
    for message in document["components"]["messages"].values():
        assert (REFERENCE / message["payload"]["schema"]["$ref"]).is_file()
    for name, operation in document["operations"].items():
        for reference in (operation["channel"]["$ref"], operation["messages"][0]["$ref"]):
            found = document
            for step in reference.removeprefix("#/").split("/"):
                found = found[step]
            assert found, name


def test_the_asyncapi_document_has_every_stream_as_a_channel_and_every_group_as_a_reader() -> None:
    document = yaml.safe_load((REFERENCE / "asyncapi.yaml").read_text(encoding="utf-8"))
    assert list(document["channels"]) == [stream.name for stream in STREAMS]
    readers = {
        (operation["x-consumer-group"], operation["channel"]["$ref"])
        for operation in document["operations"].values()
        if "x-consumer-group" in operation
    }
    assert readers == {(stage.name, f"#/channels/{stage.reads.name}") for stage in STAGES}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_schema_is_a_json_schema_in_which_every_field_is_described(stream: object, pages: dict[str, str]) -> None:
    schema = yaml.safe_load(pages[f"schemas/{stream.carries.event_type}.json"])  # type: ignore[attr-defined]  # a Stream
    Draft202012Validator.check_schema(schema)
    for part in schema["$defs"].values():
        assert part["description"]
        for field in part["properties"].values():
            assert field.get("description") or schema["$defs"][field["$ref"].rpartition("/")[2]]["description"]


def test_links_between_the_pages_lead_somewhere() -> None:
    links = [
        (path, target)
        for path in sorted(REFERENCE.glob("*.md"))
        for target in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text(encoding="utf-8"))
    ]
    assert len(links) > 50
    assert [(path.name, target) for path, target in links if not leads_somewhere(path, target)] == []


def leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    other = page.parent / name if name else page
    if not anchor:
        return other.exists()
    headings = re.findall(r"^#+ (.+)$", other.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_what_is_stale_missing_or_left_over_is_found_and_mended(pages: dict[str, str], tmp_path: Path) -> None:
    build.write(pages, tmp_path)
    assert build.find_stale_pages(pages, tmp_path) == []
    (tmp_path / "records.md").write_text("# Records\n", encoding="utf-8")
    (tmp_path / "metrics.md").unlink()
    (tmp_path / "schemas" / "coranto.article.lost.v2.json").write_text("{}", encoding="utf-8")
    (tmp_path / "subscribing.md").write_text("by hand", encoding="utf-8")
    assert {(each.page, each.what) for each in build.find_stale_pages(pages, tmp_path)} == {
        ("records.md", "stale"),
        ("metrics.md", "missing"),
        ("schemas/coranto.article.lost.v2.json", "describes nothing any more"),
    }
    build.write(pages, tmp_path)
    assert build.find_stale_pages(pages, tmp_path) == []
    assert (tmp_path / "subscribing.md").read_text(encoding="utf-8") == "by hand"


def test_check_names_the_pages_writes_nothing_and_exits_with_1(
    pages: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generate.__main__.render", lambda **_places: pages)
    build.write(pages, tmp_path)
    assert main(["--check", "--directory", str(tmp_path)]) == 0
    (tmp_path / "records.md").unlink()
    assert main(["--check", "--directory", str(tmp_path)]) == 1
    assert f"{tmp_path}/records.md: missing" in capsys.readouterr().err
    assert not (tmp_path / "records.md").exists()
    assert main(["--directory", str(tmp_path)]) == 0
    assert main(["--check", "--directory", str(tmp_path)]) == 0


def test_pages_that_cannot_be_made_are_told_in_a_sentence_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--examples", str(tmp_path)]) == 2
    assert f"there is no {tmp_path}/coranto.page.submitted.v2/minimal.json" in capsys.readouterr().err


def test_a_service_that_is_not_installed_is_named_with_what_to_do() -> None:
    with pytest.raises(MissingModuleError, match=r"coranto_nosuch\.settings.*pip install -e \./services/nosuch"):
        get_services({"nosuch": ()})


@pytest.mark.parametrize(
    ("source", "endings"),
    [
        ('raise Unwanted("index_page", detail="x")', {"dropped"}),
        ('raise Accepted("index_page")', {"accepted"}),
        ('raise Invalid("index_page")', {"dead"}),
        ('raise Transient("index_page", retry_after=wait)', {"retried, then dead"}),
        ('raise Transient("index_page", spends_attempt=False)', {"retried"}),
        ('FAILURES = {KeyError: (Unwanted, "index_page", 1)}', {"dropped"}),
        ('TABLE = {404: "index_page"}\ndef f(status):\n    raise Unwanted(TABLE[status])', {"dropped"}),
        ('def f(x):\n    reason = "index_page" if x else "other"\n    raise Invalid(reason)', {"dead"}),
        ('def f():\n    reason = "index_page"\ndef g(reason):\n    raise Invalid(reason)', set()),
        ("def f(refusal):\n    raise Unwanted(refusal.reason)", {"dropped"}),
        ('raise ValueError("index_page")', set()),
    ],
)
def test_how_a_reason_ends_a_message_is_read_from_the_source(source: str, endings: set[str], tmp_path: Path) -> None:
    path = tmp_path / "stage.py"
    path.write_text(source, encoding="utf-8")
    assert find_endings([path], ["index_page"]) == {"index_page": endings}


def test_the_page_of_filters_defines_every_symbol_of_the_grammar(pages: dict[str, str]) -> None:
    (grammar,) = re.findall(r"## Grammar\n\n```text\n(.*?)```", pages["filters.md"], re.DOTALL)
    defined = re.findall(r"^(\w+) += ", grammar, re.MULTILINE)
    assert defined[0] == "filter"
    used = set(re.findall(r"(?<![\w\"'])[a-z]+(?![\w\"'])", re.sub(r"\"[^\"]*\"|'[^']*'", " ", grammar)))
    assert used == set(defined)
