"""What the ledger tells of a source: a day of it in counts, and how it does. The same statements on both databases.

A source is what named the articles: a feed by its title or given name, a list, a program. Days and hours are those of UTC. Every
statement reads one stretch of the index `ledger_source`, which holds all that is asked.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from coranto.store.database.asking import Ask
from coranto.store.database.columns import hour_of, sortable_time
from coranto.store.rules.ledger import FIELDS, known_source
from coranto.topology import CLASSIFIER, EXTRACTOR, SINK

WEEK: Final = timedelta(days=7)
# What these say of themselves is what the gateway's clients read of them.
_DESCRIBED: Final = ConfigDict(use_attribute_docstrings=True)

HISTORY: Final = timedelta(days=28)
"""How far back a source's rhythm is looked for, and what its last week is compared with."""

_HOURS_SHOWN: Final = 24
_MISSED_MAKE_SILENCE: Final = 8.0
"""So many articles that should have come make a silence: by chance it happens once in three thousand times."""


@dataclass(frozen=True, config=_DESCRIBED)
class Ended:
    """How many articles ended early at a stage, for a reason."""

    stage: str
    outcome: str
    """`dropped` or `dead`."""
    reason: str
    count: int
    revisits: int = 0
    """How many of them had ended or were stored before."""


@dataclass(frozen=True, config=_DESCRIBED)
class Lag:
    """Times in seconds; None where nothing was measured."""

    median: int | None
    p95: int | None
    count: int


_NO_LAG: Final = Lag(None, None, 0)


@dataclass(frozen=True, config=_DESCRIBED)
class Lags:
    """How long new articles took."""

    found: Lag
    """From publication to discovery, where the page tells the moment of publication."""
    stored: Lag
    """From discovery to storing."""
    whole: Lag
    """From publication to storing."""


@dataclass(frozen=True, config=_DESCRIBED)
class SourceDay:
    """What became of what a source named, counted on the day on which it ended."""

    source: str
    day: date
    discovered: int
    """Articles that ended; visits that found nothing new are not among them."""
    new: int
    """Those of them that had not ended before, stored or not."""
    fetched: int
    """Those of them whose page was fetched."""
    created: int
    """Stored for the first time."""
    updated: int
    """Stored again, changed by the publisher."""
    reprocessed: int
    """Stored again, read otherwise from the same page."""
    unchanged: int
    """Visits that found a stored article as it was."""
    ended: tuple[Ended, ...]
    """What was not stored, by stage and reason, most first."""
    lags: Lags

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the source ended on the day."""
        return not self.discovered and not self.unchanged

    @classmethod
    def empty(cls, source: str, day: date) -> SourceDay:
        """A day on which nothing of the source ended."""
        return cls(source, day, 0, 0, 0, 0, 0, 0, 0, (), Lags(_NO_LAG, _NO_LAG, _NO_LAG))


@dataclass(frozen=True, config=_DESCRIBED)
class Hour:
    """New articles in one hour."""

    hour: datetime
    expected: float | None
    """The mean of this hour on like days, working days or weekends, of the four weeks before; None where it was not there then."""
    seen: int


@dataclass(frozen=True, config=_DESCRIBED)
class Lacking:
    """How many of a source's records do without a field."""

    field: str
    share: float
    """In the last week, from 0 to 1."""
    share_before: float | None
    """In the three weeks before; None when nothing was stored then."""


@dataclass(frozen=True, config=_DESCRIBED)
class SourceHealth:
    """How a source does."""

    source: str
    hours: tuple[Hour, ...]
    """The last 24 full hours."""
    last_new_at: datetime | None
    """When something new of it ended last; None where nothing is known of it."""
    silent_since: datetime | None
    """The same time, where much more should have come since by its own rhythm."""
    new: int
    """New articles of the last week, stored or not."""
    stored: int
    """Those of them that were stored."""
    unchanged: int
    """Visits of the last week that found nothing new."""
    ended: tuple[Ended, ...]
    """What was not stored in the last week, by stage and reason, most first."""
    lacking: tuple[Lacking, ...]
    """Fields that some records of the last week lack, most first."""
    lags: Lags
    """Of the last week."""

    @classmethod
    def unknown(cls, source: str) -> SourceHealth:
        """Of a source of which nothing has ended."""
        return cls(source, (), None, None, 0, 0, 0, (), (), Lags(_NO_LAG, _NO_LAG, _NO_LAG))


@dataclass(frozen=True, config=_DESCRIBED)
class SourceTotals:
    """A source in a few counts, of what ended in some time."""

    source: str
    new: int
    stored: int
    refused: int
    last_at: datetime
    """When anything of it ended last, at any time."""


def day_of(ask: Ask, source: str, day: date) -> SourceDay:
    """The source's day, in UTC."""
    begin = datetime.combine(day, time(), UTC)
    within = _within(source, begin, begin + timedelta(days=1))
    counts = _counts(ask, within)
    stored: Counter[str] = Counter()
    for (_, _, outcome, reason, _), n in counts.items():
        if outcome == "stored":
            stored[reason] += n
    fetched = sum(n for (_, stage, *_), n in counts.items() if stage in _AFTER_FETCH)
    return SourceDay(
        source=source,
        day=day,
        discovered=sum(counts.values()),
        new=_new(counts),
        fetched=fetched,
        created=stored["created"],
        updated=stored["updated"],
        reprocessed=stored["reprocessed"],
        unchanged=_unchanged(ask, within),
        ended=_ended(counts),
        lags=_lags(ask, within),
    )


def health_of(ask: Ask, source: str, now: datetime) -> SourceHealth:
    """How the source does at this time."""
    now = now.astimezone(UTC)
    week = _within(source, now - WEEK, now)
    history = _within(source, now - HISTORY, now)
    counts = _counts(ask, history)
    first_of_week = hour_of(now - WEEK)
    recent = Counter({key: n for key, n in counts.items() if key[0] >= first_of_week})
    seen: Counter[str] = Counter()
    for (hour, _, _, _, is_revisit), n in counts.items():
        if not is_revisit:
            seen[hour] += n
    rhythm = _Rhythm(seen, now)
    last_new_at = _last_new_at(ask, source)
    return SourceHealth(
        source=source,
        hours=tuple(
            Hour(hour, rhythm.expected(hour), seen[hour_of(hour)])
            for hour in (rhythm.end - timedelta(hours=back) for back in range(_HOURS_SHOWN, 0, -1))
        ),
        last_new_at=last_new_at,
        silent_since=last_new_at if last_new_at is not None and rhythm.is_missed(last_new_at) else None,
        new=_new(recent),
        stored=sum(n for (_, _, _, reason, _), n in recent.items() if reason == "created"),
        unchanged=_unchanged(ask, week),
        ended=_ended(recent),
        lacking=_lacking(ask, history, since=now - WEEK),
        lags=_lags(ask, week),
    )


def totals(ask: Ask, since: datetime) -> list[SourceTotals]:
    """Every source that the ledger knows, by name, with what ended since this time."""
    # From one name of the index to the next: the time stands behind the name in it.
    names = """
        WITH RECURSIVE names (source) AS (
            SELECT min(source) FROM ledger
            UNION ALL
            SELECT (SELECT min(source) FROM ledger WHERE source > names.source) FROM names
            WHERE names.source IS NOT NULL
        )
        """
    rows = ask(
        f"{names} SELECT names.source, outcome, reason, is_revisit, count(*) FROM names"  # noqa: S608 - made of constants
        " JOIN ledger ON ledger.source = names.source AND at >= :since AND outcome <> 'accepted'"
        " GROUP BY names.source, outcome, reason, is_revisit",
        {"since": sortable_time(since)},
    )
    by_source: defaultdict[str, list[Sequence[Any]]] = defaultdict(list)
    for name, *row in rows:
        by_source[name].append(row)
    last = ask(
        f"{names} SELECT source, (SELECT max(at) FROM ledger WHERE ledger.source = names.source) FROM names"  # noqa: S608 - made of constants
        " WHERE source IS NOT NULL ORDER BY source",
        {},
    )
    return [
        SourceTotals(
            name,
            new=sum(n for _, _, is_revisit, n in by_source[name] if not is_revisit),
            stored=sum(n for _, reason, _, n in by_source[name] if reason == "created"),
            refused=sum(n for outcome, _, is_revisit, n in by_source[name] if outcome != "stored" and not is_revisit),
            last_at=datetime.fromisoformat(at),
        )
        for name, at in last
    ]


# --- reading -----------------------------------------------------------------------------------------------------

_AFTER_FETCH: Final = frozenset(spec.name for spec in (EXTRACTOR, CLASSIFIER, SINK))
# A feed that is accepted is no article.
_WITHIN: Final = "FROM ledger WHERE source = :source AND at >= :since AND at < :until AND outcome <> 'accepted'"

_Counts = Counter[tuple[str, str, str, str, int]]
"""Lines by hour, stage, outcome, reason, and whether the same had ended before."""


def _within(source: str, since: datetime, until: datetime) -> dict[str, object]:
    return {"source": known_source(source), "since": sortable_time(since), "until": sortable_time(until)}


def _counts(ask: Ask, within: Mapping[str, object]) -> _Counts:
    rows = ask(
        f"SELECT substr(at, 1, 13), stage, outcome, reason, is_revisit, count(*) {_WITHIN} GROUP BY 1, 2, 3, 4, 5",
        within,
    )
    return Counter({tuple(key): n for *key, n in rows})


def _new(counts: _Counts) -> int:
    return sum(n for (*_, is_revisit), n in counts.items() if not is_revisit)


def _unchanged(ask: Ask, within: Mapping[str, object]) -> int:
    hours = {
        "source": within["source"],
        "since": str(within["since"])[:13],
        "until": str(within["until"])[:13],
    }
    ((number,),) = ask(
        "SELECT coalesce(sum(unchanged_visits), 0) FROM source_hours"
        " WHERE source = :source AND hour >= :since AND hour < :until",
        hours,
    )
    return int(number)


def _ended(counts: _Counts) -> tuple[Ended, ...]:
    ended: Counter[tuple[str, str, str]] = Counter()
    revisits: Counter[tuple[str, str, str]] = Counter()
    for (_, *key, is_revisit), n in counts.items():
        stage, outcome, reason = key
        if outcome != "stored":
            ended[stage, outcome, reason] += n
            revisits[stage, outcome, reason] += n * is_revisit
    most_first = sorted(ended.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Ended(*key, n, revisits[key]) for key, n in most_first)


def _lags(ask: Ask, within: Mapping[str, object]) -> Lags:
    rows = ask(
        f"SELECT found_after_seconds, stored_after_seconds {_WITHIN} AND stored_after_seconds IS NOT NULL",
        within,
    )
    return Lags(
        found=_lag(found for found, _ in rows if found is not None),
        stored=_lag(stored for _, stored in rows),
        whole=_lag(found + stored for found, stored in rows if found is not None),
    )


def _lag(seconds: Iterable[int]) -> Lag:
    ordered = sorted(seconds)
    if not ordered:
        return _NO_LAG
    return Lag(_quantile(ordered, 0.5), _quantile(ordered, 0.95), len(ordered))


def _quantile(ordered: Sequence[int], share: float) -> int:
    """The least value that so large a share does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _lacking(ask: Ask, within: Mapping[str, object], *, since: datetime) -> tuple[Lacking, ...]:
    rows = ask(
        f"SELECT CASE WHEN at >= :week THEN 1 ELSE 0 END AS is_recent, lacks, count(*) {_WITHIN}"
        " AND lacks IS NOT NULL GROUP BY 1, 2",
        {**within, "week": sortable_time(since)},
    )
    records: Counter[int] = Counter()
    without: Counter[tuple[int, str]] = Counter()
    for is_recent, lacks, n in rows:
        records[is_recent] += n
        for field in filter(None, lacks.split(",")):
            without[is_recent, field] += n
    if not records[1]:
        return ()
    found = [
        Lacking(field, without[1, field] / records[1], without[0, field] / records[0] if records[0] else None)
        for field in FIELDS
        if without[1, field] or without[0, field]
    ]
    return tuple(sorted(found, key=lambda each: -each.share))


def _last_new_at(ask: Ask, source: str) -> datetime | None:
    rows = ask(
        "SELECT at FROM ledger WHERE source = :source AND outcome <> 'accepted' AND is_revisit = 0"
        " ORDER BY at DESC LIMIT 1",
        {"source": known_source(source)},
    )
    return datetime.fromisoformat(rows[0][0]) if rows else None


class _Rhythm:
    """How much comes at which hour, on working days and on weekends, by the days before the last."""

    def __init__(self, seen: Mapping[str, int], now: datetime) -> None:
        self.end = now.replace(minute=0, second=0, microsecond=0)
        """The end of the last full hour."""
        self._sums: Counter[tuple[bool, int]] = Counter()
        self._days: Counter[tuple[bool, int]] = Counter()
        first = min((hour for hour, n in seen.items() if n), default=None)
        if first is None:
            return
        # Of its first hour, it is not known for how much of it the source was there.
        begin = datetime.fromisoformat(f"{first}:00+00:00") + timedelta(hours=1)
        hour = max(begin, self.end - HISTORY)
        while hour < self.end - timedelta(hours=_HOURS_SHOWN):
            self._sums[_kind(hour)] += seen.get(hour_of(hour), 0)
            self._days[_kind(hour)] += 1
            hour += timedelta(hours=1)

    def expected(self, hour: datetime) -> float | None:
        """The mean of this hour on like days, else on others; None where the source was not there at this hour before."""
        kind = _kind(hour)
        if not self._days[kind]:
            kind = (not kind[0], kind[1])
        return self._sums[kind] / self._days[kind] if self._days[kind] else None

    def is_missed(self, last_new_at: datetime) -> bool:
        """Whether so much should have come since that this is a silence."""
        if last_new_at < self.end - HISTORY:
            return True
        hour = last_new_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        missed = 0.0
        while hour < self.end and missed < _MISSED_MAKE_SILENCE:
            missed += self.expected(hour) or 0.0
            hour += timedelta(hours=1)
        return missed >= _MISSED_MAKE_SILENCE


def _kind(hour: datetime) -> tuple[bool, int]:
    """Whether it is on a weekend, and the hour of the day."""
    return hour.weekday() >= 5, hour.hour
