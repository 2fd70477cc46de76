"""The parts of README.md that are made are what the sample site and the code give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generate.readme import language_table, record_block, refreshed, sample_record

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


async def test_the_record_in_the_readme_is_what_the_sample_site_gives() -> None:
    record = record_block(await sample_record())
    assert refreshed(README, record=record, languages=language_table()) == README, "run `make reference`"


def test_the_table_of_languages_is_what_the_code_can_do() -> None:
    assert refreshed(README, record=None, languages=language_table()) == README, "run `make reference`"


def test_what_is_left_out_of_the_record_is_marked() -> None:
    content: dict[str, Any] = {
        "title": "T",
        "text": "One sentence that goes on and on, and then some more, so that it is cut.",
        "paragraphs": [{"kind": "paragraph", "text": "a"}, {"kind": "paragraph", "text": "b"}],
        "tags": ["x", "y"],
        "links": [],
    }
    sections: dict[str, Any] = {
        "discovery": {"url": "u", "source": "s"},
        "fetch": {"final_url": "u", "status": 200, "content_type": "t", "elapsed_ms": 3},
        "content": content,
        "classification": {"language": {"code": "en", "confidence": 1.0}, "topics": [], "entities": []},
        "storage": {"revision": 1, "change": "created"},
    }
    block = record_block({"id": "i", "key": "k", "url": "u", **sections})
    assert '"discovery": {"url": "u", …},' in block
    assert '"fetch": {"final_url": "u", "status": 200, "content_type": "t", …},' in block
    assert '"paragraphs": [{"kind": "paragraph", "text": "a"}, …],' in block
    assert '"text": "One sentence that goes on and on, and then some more, so …",' in block
    assert '"tags": ["x", "y"], …' in block
    assert block.endswith('"storage": {"revision": 1, "change": "created"}\n}')


def test_readme_without_a_place_for_a_made_part_is_refused() -> None:
    with pytest.raises(ValueError, match="has 0 places"):
        refreshed("# Coranto", record=None, languages="")
