"""Dead letters of all stages together: found, grouped by cause, chosen by a filter, redelivered or discarded.

Functions over `StageStreams`, for the command line and for whatever else operates a pipeline. A letter is named by its
stage, partition and entry, so that a name can be copied from one list and used in another command.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from coranto.records import content_id
from coranto.records.envelope import decode, peek
from coranto.streams.interface import DeadLetter, StageStreams
from coranto.topology import STAGES
from coranto.urls import UnsupportedUrlError, host_of

Streams = Mapping[str, Sequence[StageStreams]]
"""Every stage's streams by its name, one for each partition in order."""

_PAGE = 200
_REFERENCE = re.compile(r"([a-z][a-z0-9_-]*)/(\d+)/(\d+-\d+)")
_SHORT = re.compile(r"[0-9a-f]{8}")
_LONGEST_CAUSE = 200

# In this order: an address holds numbers, and an id may look like one.
_FOLDS = (
    (re.compile(r"(?:[a-z][a-z0-9+.-]*://|urn:)[^\s'\",;)\]}>]+", re.IGNORECASE), "<url>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b(?:0x)?(?=[0-9a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<n>"),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of one dead letter: `fetcher/0/1719432000000-0`."""

    stage: str
    partition: int
    id: str

    def __str__(self) -> str:
        return f"{self.stage}/{self.partition}/{self.id}"

    @property
    def short(self) -> str:
        """Eight characters to name it by, as people type them; two of very many letters may share one."""
        return content_id("dead-letter", str(self))[:8]

    @classmethod
    def parse(cls, text: str) -> Reference:
        """The reference in the text. Raises ValueError when it is none."""
        found = _REFERENCE.fullmatch(text.strip())
        if found is None:
            raise ValueError(
                f"{text!r} is not the name of a dead letter; expected its id, such as 3f9c21ab, or stage/partition/entry, such as "
                "fetcher/0/1719432000000-0"
            )
        return cls(found[1], int(found[2]), found[3])

    @classmethod
    def of(cls, letter: DeadLetter) -> Reference:
        """The letter's name."""
        return cls(letter.stage, letter.partition, letter.id)


@dataclass(frozen=True, slots=True)
class Cause:
    """What letters have in common: stage, reason, and the first line of the error with numbers and ids folded away."""

    stage: str
    reason: str
    error: str

    @property
    def id(self) -> str:
        """Eight characters that name the cause; the same tomorrow."""
        return content_id(self.stage, self.reason, self.error)[:8]


@dataclass(frozen=True, slots=True)
class Group:
    """The letters of one cause."""

    cause: Cause
    count: int
    first_ms: int
    last_ms: int
    example: Reference


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are meant; None takes any."""

    stage: str | None = None
    reason: str | None = None
    host: str | None = None
    cause: str | None = None
    """Id of a cause."""

    def takes(self, letter: DeadLetter) -> bool:
        """Whether the letter is meant."""
        return (
            self.stage in (None, letter.stage)
            and self.reason in (None, letter.reason)
            and self.cause in (None, cause_of(letter).id)
            and (self.host is None or _is_host(host_of_letter(letter), self.host))
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What became of letters that were acted on."""

    done: tuple[Reference, ...] = field(default=())
    gone: tuple[Reference, ...] = field(default=())
    """Letters that somebody else had taken before."""


EVERY = Filter()


async def find_letters(streams: Streams, chosen: Filter = EVERY) -> AsyncIterator[DeadLetter]:
    """The chosen letters, stage by stage in the order of the pipeline, oldest first within a partition."""
    for spec in STAGES:
        if chosen.stage not in (None, spec.name):
            continue
        for partition in streams.get(spec.name, ()):
            async for letter in _of_partition(partition):
                if chosen.takes(letter):
                    yield letter


async def _of_partition(partition: StageStreams) -> AsyncIterator[DeadLetter]:
    after: str | None = None
    while page := await partition.dead_letters(after=after, count=_PAGE):
        for letter in page:
            yield letter
        after = page[-1].id


async def find_reference(streams: Streams, text: str) -> Reference:
    """The letter that the text names, in short or in full; in full it need not be there.

    Raises ValueError when the text is not a name of one, LookupError when no letter or more than one has the short name.
    """
    name = text.strip().lower()
    if _SHORT.fullmatch(name) is None:
        return Reference.parse(text)
    found = [reference async for letter in find_letters(streams) if (reference := Reference.of(letter)).short == name]
    if len(found) > 1:
        raise LookupError(f"{name} names several dead letters: {', '.join(map(str, found))}; give one of these names")
    if not found:
        raise LookupError(f"there is no dead letter {name}")
    return found[0]


async def find_letter(streams: Streams, reference: Reference) -> DeadLetter | None:
    """The letter of this name, if it is still there."""
    partition = _partition(streams, reference)
    if partition is None:
        return None
    milliseconds, number = reference.id.split("-")
    # The reading begins behind an id; this is the one before it.
    before = f"{milliseconds}-{int(number) - 1}" if int(number) else f"{int(milliseconds) - 1}-{2**64 - 1}"
    found = await partition.dead_letters(after=before, count=1)
    return found[0] if found and found[0].id == reference.id else None


async def choose(streams: Streams, chosen: Filter) -> list[tuple[Reference, Cause]]:
    """Names and causes of the chosen letters as they are now: what is acted on next, whatever dies meanwhile."""
    return [(Reference.of(letter), cause_of(letter)) async for letter in find_letters(streams, chosen)]


async def group_by_cause(streams: Streams, chosen: Filter = EVERY) -> list[Group]:
    """The chosen letters by cause, the most frequent first."""
    groups: dict[Cause, Group] = {}
    async for letter in find_letters(streams, chosen):
        cause = cause_of(letter)
        known = groups.get(cause)
        groups[cause] = Group(
            cause,
            count=known.count + 1 if known else 1,
            first_ms=min(known.first_ms, letter.died_at_ms) if known else letter.died_at_ms,
            last_ms=max(known.last_ms, letter.died_at_ms) if known else letter.died_at_ms,
            example=Reference.of(letter),
        )
    return sorted(groups.values(), key=lambda group: (-group.count, group.cause.stage, group.cause.reason))


async def act(
    streams: Streams, references: Iterable[Reference], action: Literal["redeliver", "discard"]
) -> AsyncIterator[tuple[Reference, bool]]:
    """Send each letter back to its stage with fresh attempts, or discard it; False where it was gone already."""
    for reference in references:
        partition = _partition(streams, reference)
        if partition is None:
            yield reference, False
        elif action == "redeliver":
            yield reference, await partition.redeliver(reference.id)
        else:
            yield reference, await partition.discard(reference.id)


async def redeliver(streams: Streams, references: Iterable[Reference]) -> Result:
    """Send the letters back to their stages with fresh attempts. Safe to repeat: a letter goes back once."""
    return await _all(act(streams, references, "redeliver"))


async def discard(streams: Streams, references: Iterable[Reference]) -> Result:
    """Discard the letters."""
    return await _all(act(streams, references, "discard"))


async def redeliver_edited(streams: Streams, reference: Reference, event: bytes) -> bool:
    """Send the letter back with another event; False when it is gone.

    Raises MalformedEventError, and changes nothing, when the event is none that the stage reads.
    """
    check_event(reference, event)
    partition = _partition(streams, reference)
    return partition is not None and await partition.redeliver(reference.id, event=event)


def check_event(reference: Reference, event: bytes) -> None:
    """Return when the letter's stage reads such events. Raises MalformedEventError when it does not."""
    for spec in STAGES:
        if spec.name == reference.stage:
            decode(event, spec.reads.carries)


def cause_of(letter: DeadLetter) -> Cause:
    """The letter's cause."""
    return Cause(letter.stage, letter.reason, folded(letter.error))


def folded(error: str) -> str:
    """The first line of an error without what differs from message to message: addresses, ids and numbers."""
    lines = error.strip().splitlines()
    text = lines[0].strip() if lines else ""
    for pattern, stand_in in _FOLDS:
        text = pattern.sub(stand_in, text)
    return text[:_LONGEST_CAUSE]


def url_of_letter(letter: DeadLetter) -> str | None:
    """Address of the article the letter is about, as far as its bytes can be read."""
    url = _fields(letter).get("url")
    return url if isinstance(url, str) and url else None


def article_of_letter(letter: DeadLetter) -> str | None:
    """Id of the article the letter is about, as far as its bytes can be read."""
    found = _fields(letter).get("id")
    return found if isinstance(found, str) and found else None


def host_of_letter(letter: DeadLetter) -> str | None:
    """Host of the article the letter is about, as far as its bytes can be read."""
    url = url_of_letter(letter)
    if url is None:
        return None
    try:
        return host_of(url) or None
    except UnsupportedUrlError:
        return None


def _fields(letter: DeadLetter) -> dict[str, Any]:
    found = peek(letter.event).get("data")
    return found if isinstance(found, dict) else {}


def _is_host(seen: str | None, wanted: str) -> bool:
    """Whether the host is the wanted one or below it, as news.example.org is below example.org."""
    wanted = wanted.lower().rstrip(".")
    return seen is not None and (seen == wanted or seen.endswith(f".{wanted}"))


def _partition(streams: Streams, reference: Reference) -> StageStreams | None:
    partitions = streams.get(reference.stage, ())
    return partitions[reference.partition] if reference.partition < len(partitions) else None


async def _all(acted: AsyncIterator[tuple[Reference, bool]]) -> Result:
    done: list[Reference] = []
    gone: list[Reference] = []
    async for reference, is_done in acted:
        (done if is_done else gone).append(reference)
    return Result(tuple(done), tuple(gone))
