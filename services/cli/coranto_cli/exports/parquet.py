"""Writing the stored articles as Parquet, a file for each day in a folder `day=2026-03-14`, as DuckDB, pandas and Spark read them.

The store is read once, from the latest day back. A file appears when its day is whole, so an export that was stopped goes on with
the days that it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coranto.records import FinishedArticle
from coranto.store.interface import ArticlePlace, ArticleReader
from coranto_cli.errors import USAGE, CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE: Final = 500
_FILE: Final = "articles.parquet"


def write_days(store: ArticleReader, folder: Path, *, resumes: bool, on_article: Callable[[], None]) -> tuple[int, int]:
    """Write the files, and give the number of days and articles. Raises CommandError where pyarrow is missing."""
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise CommandError(
            f"Parquet needs pyarrow, which is an extra: pip install 'coranto-cli[parquet]' ({error})", exit_code=USAGE
        ) from error
    schema = _schema(arrow)
    days = articles = 0
    for day, rows in groupby(_rows(store, folder, resumes=resumes), key=lambda row: row[0]):
        target = folder / f"day={day}" / _FILE
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{_FILE}.partial")
        try:
            with parquet.ParquetWriter(partial, schema, compression="zstd") as writer:
                for batch in _batches(record for _, record in rows):
                    table = arrow.Table.from_pylist([_row_of(each) for each in batch], schema=schema)
                    writer.write_table(table)
                    articles += len(batch)
                    for _ in batch:
                        on_article()
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        days += 1
    return days, articles


def _rows(store: ArticleReader, folder: Path, *, resumes: bool) -> Iterator[tuple[str, FinishedArticle]]:
    """Every article with its day, latest first; without days that have a file, when it resumes."""
    before: ArticlePlace | None = None
    while found := store.page(before=before, limit=_AT_ONCE):
        for each in found:
            before = each.place
            day = each.place.at[:10]
            if resumes and (folder / f"day={day}" / _FILE).exists():
                before = ArticlePlace(day, "")  # behind the last article of the day
                break
            article = store.find(each.id)
            if article is not None:
                yield day, article


def _batches(records: Iterator[FinishedArticle]) -> Iterator[list[FinishedArticle]]:
    batch: list[FinishedArticle] = []
    for record in records:
        batch.append(record)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _schema(arrow: Any) -> Any:
    text, moment = arrow.string(), arrow.timestamp("ms", tz="UTC")
    texts = arrow.list_(text)
    topic = arrow.struct([("code", text), ("name", text), ("score", arrow.float64())])
    entity = arrow.struct([("type", text), ("name", text), ("count", arrow.int32())])
    return arrow.schema(
        [
            ("id", text), ("url", text), ("title", text), ("lead", text), ("text", text), ("authors", texts),
            ("publisher", text), ("published", text), ("published_at", moment), ("section", text), ("tags", texts),
            ("image_url", text), ("language", text), ("topics", arrow.list_(topic)), ("entities", arrow.list_(entity)),
            ("story_id", text), ("story_role", text), ("source", text), ("revision", arrow.int32()), ("change", text),
            ("stored_at", moment),
        ]
    )  # fmt: skip


def _row_of(article: FinishedArticle) -> dict[str, Any]:
    content, classification, storage = article.content, article.classification, article.storage
    published, story = content.published, classification.story
    row: dict[str, Any] = {
        "id": article.id,
        "url": article.url,
        "title": content.title,
        "lead": content.lead,
        "text": content.text,
        "authors": [author.name for author in content.authors],
        "publisher": content.publisher,
        "published": None if published is None else published.text,
        "published_at": None if published is None else published.at,
        "section": content.section,
        "tags": list(content.tags),
        "image_url": content.image.url if content.image else None,
        "language": classification.language.code,
        "topics": [{"code": each.code, "name": each.name, "score": each.score} for each in classification.topics],
        "entities": [{"type": each.type, "name": each.name, "count": each.count} for each in classification.entities],
        "story_id": None if story is None else story.id,
        "story_role": None if story is None else story.role,
        "source": article.discovery.source,
        "revision": storage.revision,
        "change": storage.change,
        "stored_at": storage.stored_at,
    }
    return row
