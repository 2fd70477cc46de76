"""The parts of README.md that are made: a record of the sample site, and what is done in which language.

    python -m generate.readme

The record is that of `coranto try` on a sample site of its own, with the address that the site of `make run` has.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from coranto.store.search.words import STEMMERS
from generate.markdown import table

README = Path("README.md")
SAMPLE_PATH = "/en/health/2026/03/11/malaria-trial"
_LISTENING = "http://127.0.0.1:8765"
_MORE = "…"

_SHOWN: Mapping[str, tuple[str, ...]] = {
    "discovery": ("url",),
    "fetch": ("final_url", "status", "content_type"),
    "content": (
        "title", "lead", "paragraphs", "text", "authors", "publisher", "published", "section", "tags", "image", "origins",
    ),
    "classification": ("language", "topics", "entities"),
    "storage": ("revision", "change"),
}  # fmt: skip
"""The fields of each section that the README shows; an ellipsis stands for the others."""

_SECTIONS_ON_MANY_LINES = ("content", "classification")
_SHOWN_OF_PARTS: Mapping[str, tuple[str, ...]] = {
    "language": ("code", "confidence"),
    "topics": ("code", "name", "score", "from"),
    "entities": ("type", "name", "count", "country"),
    "origins": ("title", "published"),
}
_LONGEST_TEXT = 60


async def sample_record() -> dict[str, Any]:
    """The record of the sample page, with a storage section such as the sink gives. Raises RuntimeError when there is none."""
    from coranto_samplesite.server import SampleSite

    async with SampleSite(port=0, wire_port=0) as site:
        with tempfile.TemporaryDirectory() as directory:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "coranto_cli", "try", site.base_url + SAMPLE_PATH, "--json"),
                env=os.environ | {"CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8"},
                cwd=directory,
                stdout=asyncio.subprocess.PIPE,
            )
            answer, _ = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"`coranto try` ended with code {process.returncode}: {answer.decode()[:500]}")
        record: dict[str, Any] = json.loads(answer.decode().replace(site.base_url, _LISTENING))["record"]
    from coranto.records import article_id
    from coranto.urls import key_of

    # The port was another one, and the id follows from the address.
    key = key_of(record["url"])
    return {**record, "id": article_id(key), "key": key}


def record_block(record: Mapping[str, Any]) -> str:
    """The record as the README shows it: JSON with ellipses for what is left out."""
    lines = [f'  "{name}": {json.dumps(record[name])},' for name in ("id", "key", "url")]
    for section, shown in _SHOWN.items():
        parts = [f'"{name}": {_abridged(record[section][name], name)}' for name in shown if name in record[section]]
        more = f", {_MORE}" if len(record[section]) > len(parts) else ""
        if section in _SECTIONS_ON_MANY_LINES:
            lines += [f'  "{section}": {{', *(f"    {part}," for part in parts)]
            lines[-1] = lines[-1].removesuffix(",") + more
            lines.append("  },")
        else:
            lines.append(f'  "{section}": {{{", ".join(parts)}{more}}},')
    lines[-1] = lines[-1].removesuffix(",")
    return "\n".join(["{", *lines, "}"])


def _abridged(value: Any, name: str) -> str:
    if isinstance(value, list):
        shown = value[:1] if any(isinstance(item, dict) for item in value) else value
        items = [_abridged(item, name) for item in shown]
        return f"[{', '.join([*items, *([_MORE] if len(value) > len(shown) else [])])}]"
    if isinstance(value, dict):
        wanted = [key for key in _SHOWN_OF_PARTS.get(name, tuple(value)) if key in value]
        items = [f"{json.dumps(key)}: {_abridged(value[key], key)}" for key in wanted]
        return f"{{{', '.join([*items, *([_MORE] if len(value) > len(wanted) else [])])}}}"
    if isinstance(value, str) and len(value) > _LONGEST_TEXT and name == "text":
        return json.dumps(value[:_LONGEST_TEXT].rsplit(" ", 1)[0] + f" {_MORE}", ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def _topics_by(code: str, model: str | None) -> str:
    if model is None:
        return "the publisher's words"
    return "general model" if model == "*" else "model of its own" if model == code else f"model of {model}"


def language_table() -> str:
    """What is done with articles in which language, from the tables of the code."""
    from coranto_classifier.entities.recognizers import RECOGNIZERS, WITH_NORMAL_FORMS
    from coranto_classifier.topics.model import READ_AS, TopicFinder

    lists = files("coranto_extractor").joinpath("language/lists")
    by_words = {Path(str(each)).stem for each in lists.iterdir() if str(each).endswith(".toml")}
    models = Path(str(files("coranto_classifier").joinpath("models")))
    card = json.loads((models / "topics.json").read_text(encoding="utf-8"))
    topics = TopicFinder(models, {})
    with_topics = {*card["languages"], *card["answered"], *READ_AS} - {"*"}
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for code in sorted(by_words | with_topics | set(RECOGNIZERS) | set(STEMMERS)):
        groups[
            (
                "markup and words" if code in by_words else "markup",
                _topics_by(code, topics.model_name(code)),
                "with normal forms"
                if code in WITH_NORMAL_FORMS
                else "as the text gives them"
                if code in RECOGNIZERS
                else "no",
                "all forms" if code in STEMMERS else "as written",
            )
        ].append(code)
    ordered = sorted(groups.items(), key=lambda group: [group[0].count(x) for x in ("no", "as written", "markup")])
    rows = [(" ".join(codes), *abilities) for abilities, codes in ordered]
    rows.append(("any other", "markup", "the publisher's words", "no", "as written"))
    heads = ("language", "text, bylines and dates by", "topics by", "names", "search finds words in")
    return table(heads, rows)


def refreshed(readme: str, *, record: str | None, languages: str) -> str:
    """The README with its made parts put in. Raises ValueError when it has no place for one."""
    if record is not None:
        readme = _replaced(readme, r"(?<=^```json\n)\{\n.*?^\}(?=\n```)", record)
    return _replaced(readme, r"(?<=^<!-- languages: made by `make reference` -->\n).*?(?=\n<!-- end -->)", languages)


def _replaced(text: str, pattern: str, made: str) -> str:
    changed, count = re.subn(pattern, lambda _: made, text, flags=re.MULTILINE | re.DOTALL)
    if count != 1:
        raise ValueError(f"README.md has {count} places for a part that is made, expected one: {pattern}")
    return changed


def main() -> int:
    """Write README.md again."""
    record = record_block(asyncio.run(sample_record()))
    README.write_text(
        refreshed(README.read_text(encoding="utf-8"), record=record, languages=language_table()), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
