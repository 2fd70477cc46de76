"""Says what an article is about: its language, topics, names, keywords, and the story it belongs to.

The models speak in the pool (`pool`, `analysis`), an external model may take their place (`endpoint`), and the story is
looked up in the index that all replicas share (`stories`). Here their answers become the record's section.
"""

from __future__ import annotations

from coranto.records import ClassifiedArticle, ExtractedArticle, RecalledArticle
from coranto.records.sections import Classification, Entity, Language, Mention, RelatedArticle, Story, Topic
from coranto.worker.stage import Transient
from coranto_classifier.duplicates.fingerprint import fingerprint
from coranto_classifier.duplicates.roles import StoryIndex, StoryPlace, StoryUnavailableError, find_story
from coranto_classifier.entities.linking import NamedEntity
from coranto_classifier.llm_client import Endpoint, Opinion
from coranto_classifier.pool import Analyser
from coranto_classifier.related.index import RelatedIndex
from coranto_classifier.text_models import Analysis, ArticleText
from coranto_classifier.topics.media_topics import name_of, russian_name_of
from coranto_classifier.topics.model import ScoredTopic


async def classify(
    article: ExtractedArticle,
    *,
    analyser: Analyser,
    stories: StoryIndex | None,
    related: RelatedIndex | None = None,
    endpoint: Endpoint | None = None,
) -> ClassifiedArticle:
    """The article with its classification. Raises Transient while the pool or the story index is away."""
    analysis = await analyser.analyse(text_of(article))
    opinion = await endpoint.ask(text_of(article)) if endpoint is not None else None
    place = await place_of(article, stories) if stories is not None else None
    section = section_of(analysis, place, opinion)
    if related is not None and analysis.vector is not None:
        relatives = await _relatives_of(article, analysis.vector, related)
        section = section.model_copy(update={"related": relatives})
    return article.with_classification(section)


def text_of(article: ExtractedArticle) -> ArticleText:
    """What the classifier reads of a record."""
    content = article.content
    return ArticleText(
        title=content.title or "",
        text=content.text,
        lead=content.lead or "",
        section=content.section,
        breadcrumbs=content.breadcrumbs,
        tags=content.tags,
        url=article.fetch.final_url,
        declared_language=content.declared_language,
    )


async def recall(article: RecalledArticle, *, stories: StoryIndex | None) -> None:
    """Enter a stored article into an index that came back empty. Raises Transient while the index is away."""
    mark = fingerprint(article.title, article.text, agency=article.agency, url=article.url, publisher=article.publisher)
    if stories is None or not mark.can_be_compared:
        return
    try:
        await stories.enter(article.id, mark, cluster=article.cluster, at=article.stored_at)
    except StoryUnavailableError as error:
        raise Transient("story_index_unavailable", detail=str(error)) from error


async def place_of(article: ExtractedArticle, stories: StoryIndex) -> StoryPlace | None:
    """The article's place in its story; None for a text too short to compare. Raises Transient while the index is away."""
    content = article.content
    mark = fingerprint(
        content.title or "",
        content.text,
        agency=content.source_agency or next(iter(content.agencies), None),
        url=article.fetch.final_url,
        publisher=content.publisher,
    )
    try:
        return await find_story(article.id, mark, stories)
    except StoryUnavailableError as error:
        raise Transient("story_index_unavailable", detail=str(error)) from error


async def _relatives_of(article: ExtractedArticle, vector: bytes, related: RelatedIndex) -> tuple[RelatedArticle, ...]:
    try:
        found = await related.find(article.id, vector)
    except StoryUnavailableError as error:
        raise Transient("story_index_unavailable", detail=str(error)) from error
    return tuple(RelatedArticle(id=each.record, similarity=each.similarity) for each in found)


def section_of(analysis: Analysis, place: StoryPlace | None, opinion: Opinion | None = None) -> Classification:
    """The answers as the record's section."""
    topics, entities = analysis.topics, analysis.entities
    models, notes, summary = dict(analysis.models), analysis.notes, None
    if opinion is not None:
        notes = (*notes, *opinion.notes)
        summary = opinion.summary
        topics = opinion.topics or topics
        entities = opinion.entities or entities
        if opinion.model is not None:
            models["external"] = opinion.model
    return Classification(
        language=Language(
            code=analysis.language.code, confidence=min(1.0, analysis.language.confidence), also=analysis.language.also
        ),
        topics=tuple(_topic(topic) for topic in topics),
        entities=tuple(_entity(entity) for entity in entities),
        keywords=analysis.keywords,
        story=_story(place),
        summary=summary,
        models=models,
        notes=notes,
    )


def _topic(topic: ScoredTopic) -> Topic:
    return Topic(
        code=topic.code,
        name=name_of(topic.code),
        name_ru=russian_name_of(topic.code),
        score=topic.score,
        source=topic.source,
    )


def _entity(entity: NamedEntity) -> Entity:
    return Entity(
        type=entity.type,
        name=entity.name,
        count=entity.count,
        mentions=tuple(Mention(text=each.text, start=each.start, end=each.end) for each in entity.kept_mentions),
        aliases=entity.aliases,
        country=entity.country,
    )


def _story(place: StoryPlace | None) -> Story | None:
    if place is None:
        return None
    return Story(cluster=place.cluster, role=place.role, of=place.of, similarity=place.similarity, agency=place.agency)
