"""Articles as a reader at a terminal likes to see them: whole, or as one entry of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from coranto.records import ArticleDate, ClassifiedArticle, Content, FinishedArticle
from coranto.records.sections import Doubt
from coranto_cli.terminal.console import cell

_WIDEST = 100  # longer lines are hard to read
_NAMES_SHOWN = 12


def print_article(console: Console, article: ClassifiedArticle) -> None:
    """Print the whole article."""
    console.print(_whole(article), width=min(console.width, _WIDEST), soft_wrap=False)


def print_entry(console: Console, article: ClassifiedArticle) -> None:
    """Print the article in three or four lines."""
    content, classification = article.content, article.classification
    facts = [
        _day(content.published),
        classification.language.code,
        ", ".join(topic.name for topic in classification.topics[:3]),
        content.publisher,
        f"may not be an article: {content.doubt.reason}" if content.doubt else None,
        "names not recognised in this language" if "names_not_supported" in classification.notes else None,
        _change(article),
    ]
    console.print(cell(content.title or article.url, style="bold"))
    console.print(cell("  " + " · ".join(fact for fact in facts if fact), style="dim"))
    text = content.lead or (content.paragraphs[0].text if content.paragraphs else "")
    if text:
        console.print(cell("  " + _cut(text, min(console.width, _WIDEST) - 4)))
    console.print(cell("  " + article.url, style="blue"))


def _whole(article: ClassifiedArticle) -> RenderableType:
    content = article.content
    parts: list[RenderableType] = [
        cell(content.title or "(no title)", style="bold"),
        cell(_byline(content), style="dim"),
    ]
    if isinstance(article, FinishedArticle) and article.storage.change == "retracted":
        seen = _minute(article.storage.stored_at)
        parts.append(cell(f"Withdrawn by its publisher (seen {seen}); the text as it was before.", style="yellow"))
    if content.doubt is not None:
        parts.append(cell(_doubt(content.doubt), style="yellow"))
    if content.lead and not any(block.kind == "standfirst" for block in content.paragraphs):
        parts += [Text(), cell(content.lead, style="italic")]
    parts += [Text(), *_blocks(content), _facts(article)]
    return Group(*parts)


def _blocks(content: Content) -> Iterator[RenderableType]:
    for block in content.paragraphs:
        match block.kind:
            case "heading":
                yield cell(block.text, style="bold")
            case "standfirst":
                yield cell(block.text, style="italic")
            case "quote":
                yield Padding(cell(block.text, style="italic"), (0, 0, 0, 4))
            case "list_item":
                yield Padding(cell(f"• {block.text}"), (0, 0, 0, 2))
            case "code":
                yield Padding(cell(block.text), (0, 0, 0, 4))
            case _:
                yield cell(block.text)
        yield Text()


def _byline(content: Content) -> str:
    who = [*(author.name for author in content.authors), *content.signed_by, *content.agencies]
    when = [_when("", content.published) or "no date", _when("changed ", content.modified)]
    return " · ".join(part for part in (content.publisher, ", ".join(who) or "no byline", *when) if part)


def _doubt(doubt: Doubt) -> str:
    return f"May not be an article ({doubt.probability:.0%}): {doubt.reason}, {doubt.evidence}"


def _facts(article: ClassifiedArticle) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    for name, value in _rows(article):
        if value:
            table.add_row(name, cell(value))
    return table


def _rows(article: ClassifiedArticle) -> Iterator[tuple[str, str]]:
    content, classification = article.content, article.classification
    language = classification.language
    close = ", which of its close languages is not told" if "macrolanguage" in classification.notes else ""
    yield "language", f"{language.code} ({language.confidence:.0%}){close}"
    topics = ", ".join(f"{topic.name} {topic.code} ({topic.score:.0%})" for topic in classification.topics)
    if not topics and "topics_not_supported" in classification.notes:
        topics = f"not read from a text in this language ({language.code})"
    yield "topics", topics
    yield "section", content.section or ""
    yield "tags", ", ".join(content.tags)
    if "names_not_supported" in classification.notes:
        yield "names", f"not recognised in this language ({language.code})"
    for kind, name in (("person", "persons"), ("organisation", "organisations"), ("place", "places")):
        yield name, _listed(entity.name for entity in classification.entities if entity.type == kind)
    yield "keywords", _listed(classification.keywords)
    if content.image is not None:
        image = content.image
        yield "image", " — ".join(part for part in (image.caption, image.url) if part)
        yield "image credit", image.credit or ""
    if (story := classification.story) is not None:
        of = f" of {story.of}" if story.of else ""
        yield "story", f"{story.role}{of}, story {story.id}"
    if content.is_paywalled:
        yield "paywall", "the page says that the whole text is for subscribers"
    yield "correction", content.correction or ""
    yield "words", str(content.word_count)
    yield "address", article.url
    yield "record", _record(article)


def _record(article: ClassifiedArticle) -> str:
    if not isinstance(article, FinishedArticle):
        return article.id
    storage = article.storage
    return f"{article.id}, revision {storage.revision}, {storage.change} {_minute(storage.stored_at)}"


def _change(article: ClassifiedArticle) -> str | None:
    if not isinstance(article, FinishedArticle) or article.storage.change == "created":
        return None
    if article.storage.change == "retracted":
        return f"revision {article.storage.revision}: withdrawn by its publisher"
    fields = ", ".join(article.storage.changed_fields)
    return f"revision {article.storage.revision}: {fields}" if fields else f"revision {article.storage.revision}"


def _when(what: str, moment: ArticleDate | None) -> str | None:
    if moment is None:
        return None
    if moment.precision == "day":
        return f"{what}{moment.local}"
    local = moment.local.replace("T", " ")[:16]
    return f"{what}{local} {_zone(moment)}"


def _zone(moment: ArticleDate) -> str:
    """The zone in words for people, who must be able to tell what is known from what is assumed."""
    if moment.zone_from in ("domain", "language"):
        return f"{moment.zone} (assumed)"
    if moment.offset is None:
        return "(time zone unknown)"
    return "UTC" if not moment.offset else f"UTC{moment.text[-6:]}"


def _day(moment: ArticleDate | None) -> str | None:
    return None if moment is None else moment.local[:10]


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMES_SHOWN} more" if len(every) > _NAMES_SHOWN else ""
    return ", ".join(every[:_NAMES_SHOWN]) + more


def _cut(text: str, length: int) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= length else folded[: length - 1].rstrip() + "…"
