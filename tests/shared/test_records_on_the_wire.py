"""The envelope: what is written comes back, and whatever bytes are in a stream, reading them ends in an event or a clear text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from coranto.records import ExtractedArticle, FinishedArticle, Record, Submission
from coranto.records.envelope import MalformedEventError, decode, encode, new_traceparent, peek
from coranto.testing import samples
from coranto.topology import STREAMS
from generate.schemas import event_schema

KINDS = [stream.carries for stream in STREAMS]
GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "type": "coranto.page.submitted.v2",
    "source": "my-script",
    "id": "1",
    "data": {"id": "my-script-1", "url": "https://news.example/one", "submitted_at": "2026-05-01T12:00:00Z"},
}


def raw(**changes: Any) -> bytes:
    """The good event with some attributes changed; None leaves one out."""
    return json.dumps({name: value for name, value in {**GOOD, **changes}.items() if value is not None}).encode()


def explanation_of(event: bytes, kind: type[Record] = Submission) -> str:
    with pytest.raises(MalformedEventError) as caught:
        decode(event, kind)
    return str(caught.value)


def test_an_event_written_by_hand_with_only_the_required_attributes_is_read() -> None:
    event = decode(raw(), Submission)
    assert (event.id, event.source, event.traceparent) == ("1", "my-script", None)
    assert event.record.kind == "auto"
    assert event.record.submitted_at == datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def test_an_event_is_one_line_of_json_that_a_person_can_read() -> None:
    text = encode(samples.extracted(), source="coranto/extractor").decode()
    assert "\n" not in text
    assert json.loads(text)["type"] == "coranto.article.extracted.v2"


def test_letters_outside_ascii_stay_letters_in_the_record() -> None:
    submission = samples.submission("https://вестник.example/мост")
    assert "вестник" in encode(submission, source="t").decode()


def test_what_is_absent_is_left_out() -> None:
    assert b"null" not in encode(samples.finished(), source="t")


def test_the_trace_context_travels_with_the_event() -> None:
    trace = new_traceparent()
    assert decode(encode(samples.submission(), source="t", traceparent=trace), Submission).traceparent == trace


@pytest.mark.parametrize("trace", ["", "00-xyz", "00-" + "0" * 500])
def test_a_trace_context_that_does_not_parse_is_ignored_and_the_event_is_taken(trace: str) -> None:
    assert decode(raw(traceparent=trace), Submission).traceparent is None


def test_an_event_of_another_type_is_refused_with_both_names() -> None:
    text = explanation_of(encode(samples.extracted(), source="t"), FinishedArticle)
    assert text == ("the event's type is 'coranto.article.extracted.v2', expected 'coranto.article.finished.v2'")


def test_a_later_stage_s_record_is_not_taken_for_an_earlier_one_by_its_type_alone() -> None:
    later = json.loads(encode(samples.finished(), source="t"))
    text = explanation_of(json.dumps({**later, "data": {"id": "x"}}).encode(), ExtractedArticle)
    assert "coranto.article.finished.v2" in text


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": None}, "specversion"),
        ({"id": ""}, "id"),
        ({"source": None}, "source"),
        ({"data": None}, "data"),
        ({"data": "text"}, "data"),
        ({"data": {}}, "data.id"),
        ({"data": {**GOOD["data"], "kind": "podcast"}}, "data.kind"),
        ({"data": {**GOOD["data"], "submitted_at": "2026-05-01T12:00:00"}}, "data.submitted_at"),
        ({"data": {**GOOD["data"], "submitted_at": "9999-12-31T23:59:59-10:00"}}, "data.submitted_at"),
        ({"data": {**GOOD["data"], "hints": {"published": "yesterday"}}}, "data.hints.published"),
    ],
)
def test_what_is_wrong_with_an_event_is_said_with_its_place(changes: dict[str, Any], place: str) -> None:
    text = explanation_of(raw(**changes))
    assert text.startswith(f"no valid coranto.page.submitted.v2 event: {place}: ")
    assert text.endswith("see docs/reference/records.md")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        pytest.param(b"", "Invalid JSON", id="nothing"),
        pytest.param(b"hello", "Invalid JSON", id="text"),
        pytest.param(b"\x82\xa3key\xc0", "Invalid JSON", id="binary"),
        pytest.param(raw()[:-1], "Invalid JSON", id="cut off"),
        pytest.param(raw() + b"}", "trailing characters", id="something behind it"),
        pytest.param(raw().replace(b"one", b"o\x00e"), "control character", id="a NUL byte"),
        pytest.param(raw().replace(b"one", b"o\xffe"), "unicode", id="no UTF-8"),
        pytest.param(raw().replace(b"one", b"\\ud800"), "Invalid JSON", id="half a surrogate pair"),
        pytest.param(b"\xef\xbb\xbf" + raw(), "Invalid JSON", id="byte order mark"),
        pytest.param(b"[" * 200_000, "recursion limit", id="deep nesting"),
        pytest.param(raw()[:-1] + b', "x": ' + b"[" * 9000 + b"]" * 9000 + b"}", "recursion limit", id="deep extra"),
        pytest.param(raw()[:-1] + b', "x": ' + b"9" * 50_000 + b"}", "out of range", id="a huge number"),
        pytest.param(b"[]", "should be an object", id="a list"),
        pytest.param(b"null", "should be an object", id="null"),
        pytest.param(b"NaN", "should be an object", id="NaN"),
    ],
)
def test_bytes_that_are_no_event_are_refused_with_a_clear_text(event: bytes, words: str) -> None:
    text = explanation_of(event)
    assert words in text
    assert len(text) < 300


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(raw(type="x" * 1_000_000), id="type"),
        pytest.param(raw(data={**GOOD["data"], "hints": {"published": "x" * 1_000_000}}), id="value"),
    ],
)
def test_the_text_about_an_event_is_short_whatever_is_in_it(event: bytes) -> None:
    assert len(explanation_of(event)) < 400


def test_the_text_about_an_event_is_short_whatever_its_names_are() -> None:
    event = json.loads(encode(samples.extracted(), source="t"))
    event["data"]["content"]["origins"] = {"x" * 1_000_000: 1}
    text = explanation_of(json.dumps(event).encode(), ExtractedArticle)
    assert text.startswith("no valid coranto.article.extracted.v2 event: data.content.origins.xxx")
    assert len(text) < 400


def test_the_last_of_two_equal_names_counts_so_that_nothing_hides_behind_the_first() -> None:
    assert "specversion" in explanation_of(raw()[:-1] + b', "specversion": "2.0"}')


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.event_type)
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(data=st.data())
def test_any_record_is_valid_by_its_schema_and_comes_back_as_it_was_written(
    kind: type[Record], data: st.DataObject
) -> None:
    record = data.draw(records(kind))
    raw = encode(record, source="coranto/test")
    event = decode(raw, kind)
    assert event.record == record
    assert event.id == record.message_id
    assert schema_of(kind).is_valid(json.loads(raw))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_never_crash_a_reader(event: bytes) -> None:
    with pytest.raises(MalformedEventError):
        decode(event, Submission)
    assert isinstance(peek(event), dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(GOOD)), value=json_values)
def test_any_json_in_place_of_an_attribute_ends_in_an_event_or_a_clear_text(name: str, value: Any) -> None:
    read_or_explain(json.dumps({**GOOD, name: value}).encode())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(Submission.model_fields)), value=json_values)
def test_any_json_in_place_of_a_field_ends_in_an_event_or_a_clear_text(name: str, value: Any) -> None:
    read_or_explain(raw(data={**GOOD["data"], name: value}))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(start=st.integers(0, 400), length=st.integers(0, 8), other=st.binary(max_size=8))
def test_a_damaged_event_ends_in_an_event_or_a_clear_text(start: int, length: int, other: bytes) -> None:
    whole = encode(samples.submission(), source="t")
    read_or_explain(whole[:start] + other + whole[start + length :])


def read_or_explain(event: bytes) -> None:
    try:
        decode(event, Submission)
    except MalformedEventError as error:
        assert re.match(r"no valid|the event's type", str(error))  # noqa: PT017 - only where there is one


zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=zones)  # noqa: DTZ001 - the zone is drawn
letters = st.characters(exclude_categories=["Cs"])  # a surrogate alone is no text


@cache
def schema_of(kind: type[Record]) -> Draft202012Validator:
    return Draft202012Validator(event_schema(kind))


@cache
def records(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Any value of the model, made from its own fields, so that a new field is tested the day it is added."""
    fields = {name: values(field.annotation, tuple(field.metadata)) for name, field in kind.model_fields.items()}
    return st.builds(kind, **fields)


def values(kind: Any, bounds: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Any value of the annotation within its bounds."""
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin is Annotated:
        inner = [part.metadata if isinstance(part, FieldInfo) else [part] for part in arguments[1:]]
        return values(arguments[0], (*bounds, *(bound for part in inner for bound in part)))
    if origin in {Union, UnionType}:
        return st.one_of(*(values(choice) for choice in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return records(kind)
    return simple_values(kind, bounds)


def simple_values(kind: type, bounds: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    def bound(name: str) -> Any:
        return next((found for each in bounds if (found := getattr(each, name, None)) is not None), None)

    if kind is str and "T[0-9]" in (bound("pattern") or ""):  # only a day of the calendar is a local time
        return times.map(lambda moment: moment.replace(tzinfo=None).isoformat(timespec="minutes"))
    if kind is str and bound("pattern"):
        return st.from_regex(re.compile(bound("pattern"), re.ASCII), fullmatch=True)
    simple: dict[type, st.SearchStrategy[Any]] = {
        NoneType: st.none(),
        bool: st.booleans(),
        str: st.text(letters, min_size=bound("min_length") or 0, max_size=20),
        int: st.integers(bound("ge"), bound("le")),
        float: st.floats(bound("ge"), bound("le")),
        datetime: times,
    }
    return simple[kind]
