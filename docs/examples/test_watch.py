"""Tests the stage in `watch.py` without a server."""

from __future__ import annotations

from coranto.records.envelope import decode, encode
from coranto.testing import samples
from coranto.testing.bench import delivering, until
from coranto.topology import Keys
from watch import ALERTS, Alert, make_stage


async def test_only_an_article_with_a_watched_word_gives_an_alert() -> None:
    async with delivering(make_stage(frozenset({"earthquake"}))) as bench:
        for number, title in enumerate(("Earthquake shakes coast", "Museum opens")):
            article = samples.finished(f"https://news.example/{number}", title=title)
            bench.add(encode(article, source="test"))
        await until(lambda: bench.counts == {("published", "ok"): 2})
        entries = bench.pipeline.stream(Keys().stream(ALERTS)).rows.values()
        titles = [decode(entry.event or b"", Alert).record.title for entry in entries]
    assert titles == ["Earthquake shakes coast"]
