"""The stage: a record in, the same record with its classification out."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from coranto.records import Block, Content, ExtractedArticle
from coranto.testing import extracted
from coranto.worker.stage import Transient
from coranto_classifier.app import create_stage
from coranto_classifier.duplicates.index import DuplicateIndex
from coranto_classifier.pool import InProcessAnalysis
from coranto_classifier.reasons import REASONS, SYSTEMIC
from coranto_classifier.stage import classify, find_story
from coranto_classifier.text_models import TextModels
from coranto_cli.local.redis_server import EmbeddedRedis

_TEXT = (
    "Президент Киргизии Садыр Жапаров прибыл в Москву с рабочим визитом. Об этом сообщила пресс-служба. "
    "Жапаров проведет переговоры с Владимиром Путиным, заявили журналистам в администрации. Визит продлится два дня."
)


def record(
    text: str = _TEXT, *, title: str | None = "Жапаров прилетел в Москву", section: str | None = "Политика"
) -> ExtractedArticle:
    content = Content(
        title=title,
        paragraphs=(Block(kind="paragraph", text=text),) if text else (),
        section=section,
        extractor_version="test-1",
    )
    return extracted().model_copy(update={"content": content})


async def test_record_gains_its_section_and_keeps_the_others(models: TextModels, redis: Redis) -> None:
    article = record()
    done = await classify(article, models=InProcessAnalysis(models), duplicates=DuplicateIndex(redis))
    assert done.id == article.id
    assert done.content == article.content
    section = done.classification
    assert section.language.code == "ru"
    assert section.topics[0].code == "11000000"
    assert section.topics[0].names["ru"]
    assert ("person", "Садыр Жапаров") in {(entity.type, entity.name) for entity in section.entities}
    assert section.story is not None
    assert section.story.role == "original"
    assert {"language", "topics", "names"} <= section.models.keys()


async def test_agency_that_the_page_credits_makes_a_copy_of_the_text(redis: Redis) -> None:
    """The text itself names no agency."""
    text = " ".join(
        f"Завод номер {number} построил мост у реки вместе с жителями района {number}." for number in range(20)
    )
    index = DuplicateIndex(redis)
    first, then = record(text), record(text)
    then = then.model_copy(
        update={"id": "ab" * 16, "content": then.content.model_copy(update={"agencies": ("Интерфакс",)})}
    )
    stories = [await find_story(one, index) for one in (first, then)]
    assert [(story.role, story.agency) for story in stories if story is not None] == [
        ("original", None),
        ("copy", "Интерфакс"),
    ]


async def test_mentions_count_in_the_field_they_name(models: TextModels) -> None:
    article = record()
    done = await classify(article, models=InProcessAnalysis(models), duplicates=None)
    fields = {"title": article.content.title or "", "text": article.content.text}
    seen = set()
    for entity in done.classification.entities:
        for mention in entity.mentions:
            seen.add(mention.field)
            assert fields[mention.field][mention.start : mention.end] == mention.text
    assert seen == {"title", "text"}


async def test_running_twice_gives_the_same_record(models: TextModels, redis: Redis) -> None:
    duplicates = DuplicateIndex(redis)
    first = await classify(record(), models=InProcessAnalysis(models), duplicates=duplicates)
    again = await classify(record(), models=InProcessAnalysis(models), duplicates=duplicates)
    assert first == again


async def test_article_without_text_is_classified_as_far_as_it_goes(models: TextModels, redis: Redis) -> None:
    done = await classify(
        record("", title=None, section=None), models=InProcessAnalysis(models), duplicates=DuplicateIndex(redis)
    )
    assert done.classification.language.code == "und"
    assert done.classification.topics == ()
    assert done.classification.story is None


async def test_story_index_that_is_away_means_try_again(models: TextModels, own_redis: EmbeddedRedis) -> None:
    client = Redis.from_url(own_redis.url)
    own_redis.kill()
    with pytest.raises(Transient) as signal:
        await classify(record(), models=InProcessAnalysis(models), duplicates=DuplicateIndex(client))
    assert signal.value.reason == "story_index_unavailable"
    assert signal.value.reason in REASONS
    await client.aclose()


async def test_stage_works_alone_as_coranto_try_uses_it() -> None:
    stage = create_stage()
    assert stage.start is not None
    await stage.start()
    done = await stage.handle(record())
    assert done is not None
    assert done.classification.topics[0].code == "11000000"
    assert done.classification.story is None
    assert stage.systemic == SYSTEMIC
    assert stage.reasons == REASONS
