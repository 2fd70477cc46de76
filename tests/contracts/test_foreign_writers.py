"""Messages of programs that are not ours: what validates is taken by the stage that reads it, with only the least in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coranto.records import ClassifiedArticle, DiscoveredArticle, DroppedArticle, FinishedArticle, Record, Submission
from coranto.records.envelope import decode, encode
from coranto.topology import LEDGER
from generate.services import get_module

EXAMPLES = Path(__file__).parent / "examples"


def written_by_hand(kind: type[Record]) -> Any:
    return decode((EXAMPLES / kind.event_type / "minimal.json").read_bytes(), kind).record


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def test_the_feeder_takes_a_submission_written_by_hand() -> None:
    stage = get_module("coranto_feeder.app", install="./services/feeder").create_stage()
    submission = written_by_hand(Submission)
    discovered = await stage.handle(submission)
    assert isinstance(discovered, DiscoveredArticle)
    assert discovered.id == written_by_hand(DiscoveredArticle).id
    assert discovered.discovery.submission == submission.id
    assert decode(encode(discovered, source="coranto/feeder"), DiscoveredArticle).record == discovered


async def test_the_sink_stores_an_article_that_other_programs_fetched_extracted_and_classified() -> None:
    stage = get_module("coranto_sink.app", install="./services/sink").create_stage()
    await stage.start()
    try:
        finished = await stage.handle(written_by_hand(ClassifiedArticle))
    finally:
        await stage.stop()
    assert isinstance(finished, FinishedArticle)
    assert (finished.storage.revision, finished.storage.change) == (1, "created")


async def test_the_ledger_takes_a_notice_of_a_stage_it_does_not_know() -> None:
    stages = get_module("coranto_sink.app", install="./services/sink").create_stages()
    stage = next(stage for stage in stages if stage.spec is LEDGER)
    await stage.start()
    try:
        assert await stage.handle(written_by_hand(DroppedArticle)) is None
    finally:
        await stage.stop()
