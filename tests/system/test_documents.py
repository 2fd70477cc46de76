"""What is written down is true: commands in the documents exist, programs in them parse, compose runs every service."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from coranto.topology import SERVICES
from coranto_cli.application import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("services/*/README.md")),
]
PAGES = [
    path for path in sorted((ROOT / "docs").rglob("*.md")) if "decisions" not in path.parts and path.name != "README.md"
]


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(
        # A block may stand in a list.
        rf"^ *```{language}\n(.*?)^ *```",
        document.read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )


def commands() -> list[tuple[str, list[str]]]:
    found = []
    for document in DOCUMENTS:
        for block in blocks(document, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"[|;]|&&", line):
                    words = (
                        shlex.split(part, comments=True)
                        if part.count("'") % 2 == 0 and part.count('"') % 2 == 0
                        else []
                    )
                    if any(Path(word).name == "coranto" for word in words):
                        start = next(index for index, word in enumerate(words) if Path(word).name == "coranto")
                        found.append((document.name, words[start + 1 :]))
    return found


@pytest.mark.parametrize(
    ("document", "words"), commands(), ids=lambda value: " ".join(value) if isinstance(value, list) else value
)
def test_a_command_in_the_documents_exists_with_its_options(document: str, words: list[str]) -> None:
    command: Any = get_command(app)
    while words and hasattr(command, "get_command"):
        inner = command.get_command(None, words[0])
        if inner is None:
            break
        command, words = inner, words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help"
    }
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert used <= known, f"{document}: {used - known} of {words}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_in_the_documents_parses(document: Path) -> None:
    for program in blocks(document, "python"):
        compile(program, str(document), "exec")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_in_the_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_a_heading_lead_to_one(document: Path) -> None:
    for target, heading in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", document.read_text(encoding="utf-8")):
        page = (document.parent / target if target else document).read_text(encoding="utf-8")
        titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
        assert heading in anchors, f"{document.name} links to {target}#{heading}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_page_is_in_an_index(page: Path) -> None:
    indexes = (ROOT / "docs" / "README.md", ROOT / "docs" / "reference" / "README.md")
    linked = {
        (index.parent / target).resolve()
        for index in indexes
        for target in re.findall(r"\]\(([^)#\s]+)", index.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:", target)
    }
    assert page in linked


def test_programs_in_the_page_on_stages_stand_in_the_examples_as_they_are() -> None:
    programs = blocks(ROOT / "docs" / "write-a-stage.md", "python")
    examples = [path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "examples").glob("*.py")]
    assert len(programs) == 2
    for program in programs:
        assert any(program in example for example in examples), program


def test_the_table_of_languages_says_what_the_code_can_do() -> None:
    from coranto_classifier.entities.recognizers import RECOGNIZERS
    from coranto_classifier.topics.model import READ_AS, TopicFinder

    rows = dict(
        re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs" / "platforms.md").read_text("utf-8"), re.MULTILINE)
    )
    extractor = ROOT / "services" / "extractor" / "coranto_extractor" / "language" / "lists"
    models = ROOT / "services" / "classifier" / "coranto_classifier" / "models" / "topics.json"
    of_words = next(codes for ability, codes in rows.items() if ability.startswith("bylines"))
    of_topics = next(codes for ability, codes in rows.items() if ability.endswith("a model of the language"))
    of_entities = next(codes for ability, codes in rows.items() if ability.startswith("entities"))
    assert of_words.split() == sorted(path.stem for path in extractor.glob("*.toml"))
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"by words in {len(of_words.split())} languages" in readme
    of_general_topics = next(codes for ability, codes in rows.items() if "one model for many languages" in ability)
    card, topics = json.loads(models.read_text("utf-8")), TopicFinder(models.parent, {})
    named = {*card["languages"], *card["answered"], *READ_AS} - {"*"}
    assert of_topics.split() == sorted(code for code in named if topics.model_name(code) != "*")
    assert of_general_topics.split() == sorted(code for code in named if topics.model_name(code) == "*")
    assert of_entities.split() == sorted(RECOGNIZERS)


WORDS = re.compile(
    r"\b(in hand|of late|for ever|what became of|mend(s|ed|ing)?|is had|an account of|give up for good|is no \w+ of ours)\b"
)


@pytest.mark.parametrize(
    "document",
    [
        path
        for path in (*DOCUMENTS[:3], *PAGES)
        if path.name != "glossary.md" and "Made from" not in path.read_text("utf-8")
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_page_written_by_hand_has_none_of_the_words_that_readers_have_to_translate(document: Path) -> None:
    assert WORDS.search(document.read_text(encoding="utf-8")) is None


def test_make_targets_in_the_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    for document in DOCUMENTS:
        for block in blocks(document, "sh"):
            for target in re.findall(r"^make ([a-z-]+)", block, flags=re.MULTILINE):
                assert target in targets, f"{document.name}: make {target}"


def test_compose_runs_every_service_of_the_topology_and_redis_that_keeps_its_data() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert set(compose["services"]) == {*SERVICES, "redis"}
    for name in SERVICES:
        service = compose["services"][name]
        assert service["build"]["args"]["SERVICE"] == name
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "container_name" not in service, "a fixed name forbids --scale"
    assert "noeviction" in compose["services"]["redis"]["command"]
    assert "--appendonly" in compose["services"]["redis"]["command"]


def test_overlay_brings_a_postgresql_to_all_that_use_the_store() -> None:
    overlay = yaml.safe_load((ROOT / "deploy/compose.postgresql.yaml").read_text(encoding="utf-8"))["services"]
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    users = {
        name: {key for key in service.get("environment", {}) if key.endswith("__DATABASE")}
        for name, service in compose.items()
    }
    for name, keys in users.items():
        for key in keys:
            assert overlay[name]["environment"][key].startswith(
                "postgresql://coranto:${CORANTO_POSTGRES_PASSWORD}@postgresql"
            )
            assert "postgresql" in overlay[name]["depends_on"]


def test_no_file_names_a_package_index_or_a_path_of_one_machine() -> None:
    for lock in (*ROOT.glob("requirements/*.txt"), *ROOT.glob("services/*/requirements.txt")):
        text = lock.read_text(encoding="utf-8")
        assert "--index-url" not in text
        assert "--find-links" not in text
        assert "file:" not in text
        assert "--hash=sha256:" in text
