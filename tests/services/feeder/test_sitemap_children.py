"""Which sitemaps of an index are polled: its own site's, bounded in depth and number, and all of them in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from coranto.sources.kinds import SourceKind
from coranto.sources.registry import Feed, child_feed, new_feed
from coranto_feeder.polling.sitemap_children import DEEPEST, ChildChanges, choose_children
from coranto_feeder.sources import Entry

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
INDEX = new_feed("https://www.paper.example/sitemap.xml", now=NOW).model_copy(update={"kind": SourceKind.SITEMAP_INDEX})


def sitemap(name: str, *, days_old: float | None = None) -> Entry:
    url = name if "://" in name else f"https://www.paper.example/{name}"
    return Entry(id=url, url=url, updated=None if days_old is None else NOW - timedelta(days=days_old))


def polled(name: str, **more: object) -> Feed:
    return child_feed(INDEX, f"https://www.paper.example/{name}", now=NOW - timedelta(days=3)).model_copy(update=more)


def choose(
    entries: list[Entry],
    children: list[Feed] | None = None,
    taken: dict[str, datetime] | None = None,
    *,
    index: Feed = INDEX,
    room: int = 100,
    now: datetime = NOW,
    other_domains: tuple[str, ...] = (),
) -> ChildChanges:
    return choose_children(
        index,
        entries,
        children or [],
        taken or {},
        room=room,
        max_age=timedelta(days=3),
        other_domains=other_domains,
        now=now,
    )


def test_only_sitemaps_of_the_same_registered_domain_or_listed_ones_are_followed() -> None:
    entries = [
        sitemap("a.xml"),
        sitemap("https://cdn.paper.example/b.xml"),
        sitemap("https://other.example/c.xml"),
        sitemap("https://paper.example.evil.example/d.xml"),
        sitemap(INDEX.url),
    ]
    changes = choose(entries)
    assert set(changes.added) == {"https://www.paper.example/a.xml", "https://cdn.paper.example/b.xml"}
    assert changes.foreign == 2
    assert "https://other.example/c.xml" in choose(entries, other_domains=("other.example",)).added


def test_indexes_within_indexes_end_at_a_depth() -> None:
    deep = INDEX
    for level in range(DEEPEST):
        assert choose([sitemap("a.xml")], index=deep).added
        deep = child_feed(deep, f"https://www.paper.example/{level}.xml", now=NOW)
        deep = deep.model_copy(update={"kind": SourceKind.SITEMAP_INDEX})
    assert deep.root == INDEX.url
    changes = choose([sitemap("a.xml"), sitemap("https://other.example/c.xml")], index=deep)
    assert changes == ChildChanges(foreign=1)


def test_newest_come_first_and_old_ones_not_at_all() -> None:
    entries = [sitemap("older.xml", days_old=2), sitemap("new.xml", days_old=0), sitemap("old.xml", days_old=400)]
    assert choose(entries).added == ("https://www.paper.example/new.xml", "https://www.paper.example/older.xml")
    assert choose(entries, room=1).added == ("https://www.paper.example/new.xml",)


def test_sitemaps_without_a_date_come_after_those_with_one_and_the_unread_first() -> None:
    entries = [
        sitemap("read.xml"),
        sitemap("dated.xml", days_old=1),
        sitemap("unread.xml"),
        sitemap("newest.xml", days_old=0),
    ]
    taken = {"https://www.paper.example/read.xml": NOW - timedelta(days=1)}
    names = [url.rpartition("/")[2] for url in choose(entries, taken=taken).added]
    assert names == ["newest.xml", "dated.xml", "unread.xml", "read.xml"]


def test_of_the_same_date_those_come_first_that_were_not_read_for_the_longest_time() -> None:
    entries = [sitemap(f"{name}.xml", days_old=1) for name in ("lately", "never", "long-ago")]
    taken = {
        "https://www.paper.example/lately.xml": NOW - timedelta(hours=1),
        "https://www.paper.example/long-ago.xml": NOW - timedelta(days=9),
    }
    names = [url.rpartition("/")[2] for url in choose(entries, taken=taken).added]
    assert names == ["never.xml", "long-ago.xml", "lately.xml"]


def test_dates_are_compared_to_the_second() -> None:
    entries = [sitemap("just-old.xml", days_old=3), sitemap("just-not.xml", days_old=3 - 1 / 86_400)]
    assert choose(entries).added == ("https://www.paper.example/just-not.xml",)


def test_undated_sitemap_goes_after_one_reading_and_stays_for_a_day_when_it_has_had_news_since() -> None:
    others = [sitemap("waiting.xml")]
    for polls, hours, goes in ((1, 0, True), (2, 0, False), (2, 24, False), (2, 24.1, True), (0, 0, False)):
        child = polled("child.xml", polls=polls, last_new_at=NOW - timedelta(hours=hours))
        changes = choose([*others, sitemap("child.xml")], [child], room=1)
        assert bool(changes.retired) is goes, (polls, hours)


def test_no_more_are_sent_away_than_others_wait() -> None:
    children = [polled(f"{number}.xml", polls=1, last_new_at=NOW - timedelta(days=number + 1)) for number in range(3)]
    entries = [sitemap(f"{number}.xml") for number in range(5)]
    changes = choose(entries[:4], children, room=3)
    assert changes == ChildChanges(("https://www.paper.example/3.xml",), ("https://www.paper.example/2.xml",))
    changes = choose(entries, children, room=4)  # there is room for one of the two
    assert len(changes.added) == 2
    assert changes.retired == ("https://www.paper.example/2.xml",)


def test_sitemaps_that_the_index_drops_or_that_have_become_old_are_retired() -> None:
    children = [polled("stays.xml"), polled("gone.xml"), polled("aged.xml")]
    changes = choose([sitemap("stays.xml", days_old=1), sitemap("aged.xml", days_old=30)], children)
    assert set(changes.retired) == {"https://www.paper.example/gone.xml", "https://www.paper.example/aged.xml"}
    assert changes.added == ()


def test_number_is_bounded_and_of_undated_sitemaps_the_last_come_first() -> None:
    entries = [sitemap(f"{number}.xml") for number in range(500)]
    changes = choose(entries, room=100)
    assert len(changes.added) == 100
    assert changes.added[0] == "https://www.paper.example/499.xml"


def test_undated_sitemaps_beyond_the_number_get_their_turn_one_after_the_other() -> None:
    entries = [sitemap(f"{number}.xml") for number in range(25)]
    children: dict[str, Feed] = {}
    taken: dict[str, datetime] = {}
    now = NOW
    for _ in range(6):
        changes = choose(entries, list(children.values()), taken, room=10, now=now)
        for url in changes.retired:
            del children[url]
        for url in changes.added:
            children[url] = child_feed(INDEX, url, now=now).model_copy(update={"polls": 1, "last_new_at": now})
            taken[url] = now
        assert len(children) <= 10
        now += timedelta(days=2)
    assert len(taken) == 25


def test_sitemap_that_has_just_had_news_is_not_sent_away_for_others() -> None:
    lively = polled("lively.xml", polls=20, last_new_at=NOW - timedelta(hours=1))
    unread = polled("unread.xml")
    changes = choose([sitemap("lively.xml"), sitemap("unread.xml"), sitemap("third.xml")], [lively, unread], room=2)
    assert changes == ChildChanges()
