"""Whatever an entry holds and whatever a handler raises: one outcome, which can be sent, and the worker lives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coranto.records import DiscoveredArticle, DroppedArticle, Submission
from coranto.records.envelope import decode, encode
from coranto.streams.interface import Accept, Dead, Drop, Entry, Publish, Retry
from coranto.testing import submission
from coranto.topology import FEEDER
from coranto.worker.decision import Decider, Decision
from coranto.worker.stage import Invalid, Stage, Transient, Unwanted

REASONS = {"known": "Of the list."}
any_text = st.text(st.characters(), max_size=60)  # lone surrogates too
any_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=20,
)
good = json.loads(encode(submission(), source="test"))


@st.composite
def broken_events(draw: st.DrawFn) -> bytes:
    """A good event with some of its parts replaced, removed or added."""
    event = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from([event, event["data"] if isinstance(event.get("data"), dict) else event]))
        name = draw(st.sampled_from([*where, "id", "subject", "discovery", "canonical_url"]) | any_text)
        if draw(st.booleans()):
            where[name] = draw(any_json)
        else:
            where.pop(name, None)
    return json.dumps(event, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


any_bytes = (
    st.binary(max_size=300)
    | broken_events()
    | any_json.map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"", b"[" * 100_000, b"{" * 5_000, b"1" * 5_000, b'{"data":{"id":"\\ud83d"}}', b"\x00", b"null"])
)


async def pass_on(asked: Submission) -> DiscoveredArticle:
    raise Unwanted("known", detail=asked.url)


def check(decision: Decision) -> None:
    """The outcome can be sent as it is."""
    outcome = decision.outcome
    texts: list[str] = [decision.reason, decision.error]
    notice = None
    match outcome:
        case Publish():
            assert outcome.event is None or isinstance(outcome.event, bytes)
        case Accept() | Drop():
            notice = outcome.notice
        case Dead():
            texts += [outcome.error, outcome.traceback]
            notice = outcome.notice
            assert len(outcome.error) <= 2_000
            assert len(outcome.traceback) <= 10_000
        case Retry():
            assert outcome.delay_ms >= 0
    for text in texts:
        text.encode()
    if notice is not None:
        decode(notice, DroppedArticle)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(event=st.none() | any_bytes, attempts=st.integers(0, 9), deliveries=st.integers(1, 9))
def test_any_entry_has_one_outcome(event: bytes | None, attempts: int, deliveries: int) -> None:
    stage: Stage[Any, Any] = Stage(FEEDER, pass_on, REASONS)
    decider = Decider(stage, max_deliveries=3, clock=lambda: 1_700_000_000.0)
    entry = Entry("main", "1-0", event, attempts, 0, deliveries, b"" if event is not None else b"{}")
    check(asyncio.run(decider.decide(entry)))


class OddError(Exception):
    """An exception with a will of its own."""

    def __init__(self, text: str, *, fails: bool) -> None:
        super().__init__(text)
        self.text, self.fails = text, fails

    def __str__(self) -> str:
        if self.fails:
            raise ValueError(self.text)
        return self.text


errors = st.one_of(
    st.builds(Unwanted, st.sampled_from(["known", "unknown"]), detail=st.none() | any_text),
    st.builds(Invalid, st.sampled_from(["known", "unknown", ""]), detail=st.none() | any_text),
    st.builds(Transient, st.sampled_from(["known", "unknown"]), detail=any_text, spends_attempt=st.booleans()),
    st.builds(OddError, any_text, fails=st.booleans()),
    st.builds(RuntimeError, any_text),
    st.sampled_from(
        [KeyError(), TimeoutError(), RecursionError(), MemoryError(), asyncio.CancelledError(), OSError(28, "full")]
    ),
    st.builds(ExceptionGroup, any_text, st.just([ValueError("\ud83d")])),
)


@settings(max_examples=200, deadline=None)
@given(error=errors, attempts=st.integers(0, 9), is_first_chance=st.booleans())
def test_any_exception_has_one_outcome(error: BaseException, attempts: int, is_first_chance: bool) -> None:
    async def fail(asked: Submission) -> DiscoveredArticle:
        raise error

    stage: Stage[Any, Any] = Stage(FEEDER, fail, REASONS)
    decider = Decider(stage, max_deliveries=3, clock=lambda: 1_700_000_000.0)
    entry = Entry("main", "1-0", encode(submission(), source="test"), attempts, 0, 1, b"")
    decision = asyncio.run(decider.decide(entry, is_first_chance=lambda: is_first_chance))
    check(decision)
    assert decision.reason in {"known", "error"}
