"""Says what an article is about: its language, topics, entities, keywords, and the story it belongs to.

The models run in the pool (`pool`, `text_models`), an external model may replace part of their answer (`llm_client`), and
the story comes from the index that all replicas share (`duplicates`). This module turns the answers into the record's
section.
"""

from __future__ import annotations

from coranto.records import ClassifiedArticle, ExtractedArticle
from coranto.records.sections import Classification, Entity, Language, Mention, RelatedArticle, Story, Topic
from coranto.worker.stage import Transient
from coranto_classifier.duplicates.fingerprint import make_fingerprint
from coranto_classifier.duplicates.index import DuplicateIndex, IndexUnavailableError
from coranto_classifier.duplicates.roles import StoryAssignment, assign_story
from coranto_classifier.entities.linking import NamedEntity
from coranto_classifier.entities.mention import Mention as FoundMention
from coranto_classifier.llm_client import LlmClassification, LlmClient
from coranto_classifier.pool import TextAnalysis
from coranto_classifier.related.index import RelatedIndex
from coranto_classifier.text_models import Analysis, ArticleText
from coranto_classifier.topics.media_topics import name_of, russian_name_of
from coranto_classifier.topics.model import ScoredTopic


async def classify(
    article: ExtractedArticle,
    *,
    models: TextAnalysis,
    duplicates: DuplicateIndex | None,
    related: RelatedIndex | None = None,
    llm: LlmClient | None = None,
) -> ClassifiedArticle:
    """The article with its classification.

    Raises Invalid for a text that the models cannot be run on, and Transient while an index is unavailable.
    """
    analysis = await models.analyse(text_of(article))
    answer = await llm.classify(text_of(article)) if llm is not None else None
    story = await find_story(article, duplicates) if duplicates is not None else None
    section = to_section(analysis, story, answer)
    if related is not None and analysis.vector is not None:
        section = section.model_copy(update={"related": await _find_related(article, analysis.vector, related)})
    return article.with_classification(section)


def text_of(article: ExtractedArticle) -> ArticleText:
    """The parts of a record that the models read."""
    content = article.content
    return ArticleText(
        title=content.title or "",
        text=content.text,
        # Not twice: a standfirst that is a part of the text is read there.
        lead="" if any(block.kind == "standfirst" for block in content.paragraphs) else content.lead or "",
        section=content.section,
        breadcrumbs=content.breadcrumbs,
        tags=content.tags,
        url=article.fetch.final_url,
        declared_language=content.declared_language,
    )


async def find_story(article: ExtractedArticle, duplicates: DuplicateIndex) -> StoryAssignment | None:
    """The article's story; None for a text too short to compare. Raises Transient while the index is unavailable."""
    content = article.content
    fingerprint = make_fingerprint(
        content.title or "",
        content.text,
        agency=next(iter(content.agencies), None),
        url=article.fetch.final_url,
        publisher=content.publisher,
    )
    try:
        return await assign_story(article.id, fingerprint, duplicates)
    except IndexUnavailableError as error:
        raise Transient("story_index_unavailable", detail=str(error)) from error


async def _find_related(article: ExtractedArticle, vector: bytes, related: RelatedIndex) -> tuple[RelatedArticle, ...]:
    try:
        found = await related.find(article.id, vector)
    except IndexUnavailableError as error:
        raise Transient("story_index_unavailable", detail=str(error)) from error
    return tuple(RelatedArticle(id=each.record, similarity=each.similarity) for each in found)


def to_section(
    analysis: Analysis, story: StoryAssignment | None, answer: LlmClassification | None = None
) -> Classification:
    """The record's section from the models' analysis, the story, and the external model's answer where there is one."""
    topics, entities = analysis.topics, analysis.entities
    models, notes, summary = dict(analysis.models), analysis.notes, None
    if answer is not None:
        notes = (*notes, *answer.notes)
        summary = answer.summary
        topics = answer.topics or topics
        entities = answer.entities or entities
        if answer.model is not None:
            models["external"] = answer.model
    return Classification(
        language=Language(
            code=analysis.language.code, confidence=min(1.0, analysis.language.confidence), also=analysis.language.also
        ),
        topics=tuple(_topic(topic) for topic in topics),
        entities=tuple(_entity(entity, analysis.text_start) for entity in entities),
        keywords=analysis.keywords,
        story=_story(story),
        summary=summary,
        models=models,
        notes=notes,
    )


def _topic(topic: ScoredTopic) -> Topic:
    return Topic(
        code=topic.code,
        name=name_of(topic.code),
        names={"ru": russian} if (russian := russian_name_of(topic.code)) else {},
        score=topic.score,
        sources=topic.sources,
    )


def _entity(entity: NamedEntity, text_start: int) -> Entity:
    return Entity(
        type=entity.type,
        name=entity.name,
        count=entity.count,
        mentions=tuple(_mention(each, text_start) for each in entity.kept_mentions),
        aliases=entity.aliases,
        country=entity.country,
        id=entity.id,
    )


def _mention(found: FoundMention, text_start: int) -> Mention:
    """The mention with its place in the field that holds it: the models read title and text as one string."""
    if found.start < text_start:
        return Mention(field="title", text=found.text, start=found.start, end=found.end)
    return Mention(field="text", text=found.text, start=found.start - text_start, end=found.end - text_start)


def _story(story: StoryAssignment | None) -> Story | None:
    if story is None:
        return None
    return Story(id=story.cluster, role=story.role, of=story.of, similarity=story.similarity, agency=story.agency)
