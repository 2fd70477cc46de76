"""Removing every trace of an article from a running system: the right to erasure, and articles that are too old to keep."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field

from redis.exceptions import ResponseError

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Reference
from coranto.admin.find_article import ArticleRef, Location, find_locations
from coranto.admin.pipeline import ConnectedPipeline
from coranto.pages import FilePageStore
from coranto.store.interface import ArticleReader, ArticleUpkeep, Removed
from coranto.streams.redis import entry_pages
from coranto.topology import STREAMS

_KEYS_AT_ONCE = 1000
_ENTRIES_AT_ONCE = 500


class InFlightError(RuntimeError):
    """The article is on its way through the stages, and would be stored again."""

    def __init__(self, location: Location) -> None:
        super().__init__(
            f"the article is {location.state.replace('_', ' ')} in the {location.stage}; try again when `coranto wait` has ended"
        )


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that is kept of an article."""

    ref: ArticleRef
    ids: frozenset[str]
    """Under which the store has it."""
    stored: Removed
    pages: tuple[str, ...] = ()
    """Keys of pages that only this article uses."""
    shared_pages: int = 0
    """Pages that others use as well: they stay."""
    entries: dict[str, list[str]] = field(default_factory=dict)
    """Stream to ids of the entries about it."""
    letters: tuple[Reference, ...] = ()
    keys: tuple[bytes, ...] = ()
    """Redis keys that are named after it, such as that it is known, and validators."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return self.stored == Removed() and not (self.pages or self.entries or self.letters or self.keys)


async def find_trace(
    pipeline: ConnectedPipeline, ref: ArticleRef, reader: ArticleReader, upkeep: ArticleUpkeep, pages: FilePageStore
) -> Trace:
    """What is kept of the article. Raises InFlightError while a stage has it, StoreError and redis' own errors."""
    ids = ref.ids | {line.article_id for line in reader.ledger_of(ref.text)}
    if (stored := reader.find(ref.text)) is not None:
        ids |= {stored.id}
    every = ArticleRef(ref.text, ids | upkeep.also_known_as(ids))
    letters: list[Reference] = []
    for location in await find_locations(pipeline, every):
        if location.letter is None:
            raise InFlightError(location)
        letters.append(Reference.parse(location.letter))
    own, others = _page_uses(reader, ids)  # here: SQLite's reader belongs to this thread
    there = {sha256 for sha256 in own if pages.path_of(sha256).exists()}
    return Trace(
        ref,
        ids,
        upkeep.count(ids),
        tuple(sorted(there - others)),
        len(there & others),
        await _entries_about(pipeline, every),
        tuple(letters),
        await _keys_named_after(pipeline, every.ids),
    )


async def erase(pipeline: ConnectedPipeline, trace: Trace, upkeep: ArticleUpkeep, pages: FilePageStore) -> None:
    """Remove what the trace names. When it is cut short, finding the trace again finds what is left."""
    for reference in trace.letters:
        async for _ in dead_letters.act(pipeline.streams, [reference], "discard"):
            pass
    for stream, entries in trace.entries.items():
        for first in range(0, len(entries), _ENTRIES_AT_ONCE):
            await pipeline.redis.xdel(stream, *entries[first : first + _ENTRIES_AT_ONCE])
    for key in trace.keys:
        await pipeline.redis.delete(key)
    with suppress(ResponseError):  # one is being written already, or this user may not ask for it
        # What was deleted stays in the append-only file until that is written anew.
        await pipeline.redis.bgrewriteaof()
    await asyncio.to_thread(_remove_pages, pages, trace.pages)
    # Last: the store is what tells which pages and ids are meant.
    await asyncio.to_thread(upkeep.remove, trace.ids, is_erased=True)


def _page_uses(reader: ArticleReader, ids: Collection[str]) -> tuple[set[str], set[str]]:
    """Pages that revisions of these articles refer to, and those that others do."""
    own: set[str] = set()
    others: set[str] = set()
    for use in reader.page_uses():
        (own if use.article_id in ids else others).add(use.sha256)
    return own, others


def _remove_pages(pages: FilePageStore, keys: Collection[str]) -> None:
    for sha256 in keys:
        pages.path_of(sha256).unlink(missing_ok=True)


async def _entries_about(pipeline: ConnectedPipeline, ref: ArticleRef) -> dict[str, list[str]]:
    """Settled entries that are kept for replay, and those that no group has passed yet."""
    found: dict[str, list[str]] = {}
    for keys in pipeline.topology.all_keys():
        for stream in map(keys.stream, STREAMS):
            async for page in entry_pages(pipeline.redis, stream):
                about = [entry_id for entry_id, event in page if ref.is_about(event)]
                if about:
                    found.setdefault(stream, []).extend(about)
    return found


async def _keys_named_after(pipeline: ConnectedPipeline, ids: Collection[str]) -> tuple[bytes, ...]:
    """Whichever stage made them: what a stage keeps of one article has its id in the name of the key.

    Not those of the index of stories: there an id may name a whole story, and of a text it holds hashes of words only, for a while.
    """
    needles = [each.encode() for each in ids]
    pattern = f"{pipeline.topology.prefix}:*"
    stories = pipeline.topology.stories().encode()
    return tuple(
        sorted(
            {
                key
                async for key in pipeline.redis.scan_iter(match=pattern, count=_KEYS_AT_ONCE)
                if not key.startswith(stories) and any(needle in key for needle in needles)
            }
        )
    )
