"""Records as values: ids from content alone, times in UTC, frozen sections that refuse what they do not know."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from coranto.records import (
    DiscoveredArticle,
    DroppedArticle,
    Hints,
    Record,
    Storage,
    Submission,
    Topic,
    article_id,
    content_id,
)
from coranto.testing import samples

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def dropped(reason: str = "index_page", stage: str = "extractor") -> DroppedArticle:
    return DroppedArticle(
        id=article_id("https://news.example/one"),
        url="https://news.example/one",
        submission="s",
        stage=stage,
        outcome="dropped",
        reason=reason,
        dropped_at=NOON,
    )


MAKERS = (
    samples.submission, samples.discovered, samples.fetched, samples.extracted, samples.classified, samples.finished, dropped,
)  # fmt: skip


@pytest.mark.parametrize("make", MAKERS)
def test_the_same_work_done_twice_gives_the_same_ids(make: type[Record]) -> None:
    assert make().message_id == make().message_id
    assert make().subject == make().subject


def test_ids_are_the_same_in_another_process_with_another_hash_seed() -> None:
    program = "from coranto.testing import samples; print(samples.finished().message_id)"
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    other = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == samples.finished().message_id


def test_an_article_id_never_changes_its_form() -> None:
    # Stored records carry it: another way to make it would double every article.
    assert article_id("https://news.example/one") == "4a4907712d7c0c16ce688b5fbad5cdb9"
    assert content_id("a", "b") == "f04cdced9736a69da6103f08a4daaf8c"


def test_parts_of_an_id_do_not_run_into_each_other() -> None:
    assert content_id("ab", "c") != content_id("a", "bc")
    assert content_id("a", "") != content_id("a")


def test_messages_about_one_article_differ_from_stage_to_stage() -> None:
    ids = [make().message_id for make in MAKERS]
    assert len(set(ids)) == len(ids)


def test_another_submission_of_the_same_article_is_another_message_about_the_same_article() -> None:
    one, two = samples.discovered(), samples.discovered(again="later")
    assert one.subject == two.subject
    assert one.message_id != two.message_id


def test_another_page_of_the_same_submission_is_another_message() -> None:
    assert samples.fetched(page=b"one").message_id != samples.fetched(page=b"two").message_id


def test_one_revision_is_announced_under_one_id_whatever_brought_it_about() -> None:
    storage = Storage(revision=3, change="updated", stored_at=NOON)
    later = Storage(revision=3, change="updated", stored_at=NOON + timedelta(hours=1))
    next_revision = Storage(revision=4, change="updated", stored_at=NOON)
    one = samples.classified().with_storage(storage)
    assert one.message_id == samples.classified(again="later").with_storage(later).message_id
    assert one.message_id != samples.classified().with_storage(next_revision).message_id


def test_two_reasons_of_one_article_are_two_lines_of_the_ledger() -> None:
    assert dropped("index_page").message_id != dropped("no_text").message_id
    assert dropped(stage="fetcher").message_id != dropped(stage="extractor").message_id


def test_each_stage_adds_its_section_and_leaves_the_others_as_they_came() -> None:
    whole = samples.finished()
    discovered = DiscoveredArticle(id=whole.id, key=whole.key, url=whole.url, discovery=whole.discovery)
    fetched = discovered.with_fetch(whole.fetch)
    extracted = fetched.with_content(whole.content)
    classified = extracted.with_classification(whole.classification)
    assert classified.with_storage(whole.storage) == whole


def test_a_time_comes_out_in_utc_whatever_zone_it_was_given_in() -> None:
    moscow = datetime(2026, 5, 1, 15, 0, tzinfo=timezone(timedelta(hours=3)))
    published = Hints(published=moscow).published
    assert published == NOON
    assert published is not None
    assert published.tzinfo is UTC


def test_a_time_without_zone_is_refused_with_a_hint_how_to_write_it() -> None:
    with pytest.raises(ValidationError, match="must carry a time zone, such as 2026"):
        Hints(published=NOON.replace(tzinfo=None))


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00"])
def test_a_time_that_utc_cannot_express_is_refused_like_any_other_wrong_value(text: str) -> None:
    with pytest.raises(ValidationError, match="years 1 to 9999"):
        Hints.model_validate({"published": text})


def test_a_section_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        samples.discovered().discovery.__setattr__("url", "https://elsewhere.example/")


def test_a_misspelt_field_is_refused_where_we_write() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Hints.model_validate({"titel": "x"})


@pytest.mark.parametrize("field", ["id", "url"])
def test_a_submission_without_id_or_address_is_refused(field: str) -> None:
    # Two programs that both leave the id empty would be taken for one submission, and one page would be lost.
    fields = {"id": "1", "url": "https://news.example/", "submitted_at": NOON, field: ""}
    with pytest.raises(ValidationError, match="at least 1 character"):
        Submission.model_validate(fields)


def test_a_field_named_from_on_the_wire_is_read_and_written_under_that_name() -> None:
    topic = Topic.model_validate({"code": "11000000", "name": "politics", "score": 1, "from": ["section"]})
    assert topic.sources == ("section",)
    assert topic.model_dump()["from"] == ("section",)
