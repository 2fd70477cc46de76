"""The classifier's part of the command line: `coranto classify`, `coranto stories`, `coranto topics explain`.

Reads lines of JSON and writes lines of JSON in the same order. FILE may be gzipped, and `-` is standard input.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from pydantic import ValidationError
from redis.asyncio import Redis

from coranto.records import FinishedArticle
from coranto.topology import Pipeline
from coranto_classifier.duplicates.fingerprint import make_fingerprint
from coranto_classifier.duplicates.index import DuplicateIndex
from coranto_classifier.duplicates.roles import StoryAssignment, assign_story
from coranto_classifier.entities.linking import mentions_with_entity
from coranto_classifier.reindex import reindex
from coranto_classifier.settings import Settings
from coranto_classifier.stage import find_story
from coranto_classifier.text_models import Analysis, ArticleText, ModelPaths, TextModels
from coranto_classifier.topics.media_topics import TOP_CODES, name_of
from coranto_classifier.topics.model import TEXT_READ, LinearModel

classify_app = typer.Typer(help="Classify articles.", add_completion=False)
stories_app = typer.Typer(help="Find near-duplicate stories among articles.", add_completion=False)
topics_app = typer.Typer(help="Explain topics.", add_completion=False, no_args_is_help=True)

_MARKUP = re.compile(r"\s*<(?:!doctype|\?xml|!--|/?[a-z][a-z0-9]*[\s/>])", re.IGNORECASE)

FileArgument = Annotated[Path, typer.Argument(help="File of JSON lines, plain or gzipped; - for standard input.")]
LinesOption = Annotated[
    bool, typer.Option("--lines", "--json", help="Read and write JSON lines, as without the option.")
]


@classify_app.callback(invoke_without_command=True, subcommand_metavar="")
def classify(file: FileArgument = Path("-"), lines: LinesOption = False) -> None:
    """Language, topic, names and keywords of each line: id, title, text, and section, tags, lang, url if known."""
    _ = lines
    models = TextModels(_model_paths())
    with _opened(file) as source:
        for row in _rows(source):
            _write(answer_line(row, models.analyse(_article(row))))


@stories_app.callback(invoke_without_command=True, subcommand_metavar="")
def stories(
    file: FileArgument = Path("-"),
    lines: LinesOption = False,
    redis: Annotated[
        str | None,
        typer.Option(
            "--redis",
            envvar="CORANTO_REDIS__URL",
            help="Redis whose index is used; otherwise an index of this run's own, in a Redis that ends with it.",
        ),
    ] = None,
    index: Annotated[
        str, typer.Option("--index", help="First part of the index's keys; the pipeline's own is coranto.")
    ] = "coranto",
) -> None:
    """Story of each line {"id", "title", "text"}, in order of arrival; lines are written after the last has been read.

    Lines may be finished records as well: fed with an export, an index that came back empty is filled at once.
    """
    _ = lines
    with _opened(file) as source:
        rows = list(_rows(source, needs=("id",)))
    for line in asyncio.run(_story_lines(rows, redis, index)):
        _write(line)


@topics_app.callback()
def topics() -> None:
    """Explain topics."""  # a callback keeps `explain` a word of its own while it is the only one


@topics_app.command()
def explain(
    file: Annotated[Path, typer.Argument(help="An article: plain text (first line is the title) or one JSON object.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as without the option.")] = False,
) -> None:
    """Show which section and words led to each topic."""
    _ = as_json
    with _opened(file) as source:
        text = source.read()
    row = _row(text, _named(file)) if text.lstrip().startswith("{") else _plain(text, _named(file))
    models = TextModels(_model_paths())
    _write(explanation(models, _article(row)), indent=1)


def _plain(text: str, where: str) -> dict[str, Any]:
    """The article in the plain text. Raises BadParameter for a page's source, whose words are mostly markup."""
    if _MARKUP.match(text.lstrip("\ufeff")):
        raise typer.BadParameter(f"{where} is HTML; expected plain text or JSON. For a page: coranto try FILE --json")
    title, _, body = text.partition("\n")
    return {"title": title, "text": body}


def explanation(models: TextModels, article: ArticleText) -> dict[str, Any]:
    """The article's topics, with the publisher's words and the words of the text that speak for each."""
    analysis = models.analyse(article)
    hints = models.sections.hints(
        section=article.section, breadcrumbs=article.breadcrumbs, tags=article.tags, url=article.url
    )
    language = analysis.language.code.split("-")[0]
    model, vectors = models.topics.model_for(language), models.topics.vectors_for(language)
    joined = f"{article.title}\n{article.text}"[:TEXT_READ]
    codes = list(dict.fromkeys(topic.code for topic in analysis.topics if topic.code in TOP_CODES))
    alone = {topic.code: topic.score for topic in models.topics.find(article.title, article.text, language)}
    codes += [code for code in alone if code not in codes and code in TOP_CODES]
    return {
        "language": analysis.language.code,
        "topics": [_topic(topic.code, topic.score, topic.sources) for topic in analysis.topics],
        "sections": [
            {
                "word": hint.word,
                "where": hint.source,
                "code": hint.code,
                "also": list(hint.also),
                "name": name_of(hint.code),
                "score": round(hint.score, 4),
            }
            for hint in hints
        ],
        "model_alone": alone,
        "words": {
            code: [{"word": each.word, "weight": each.weight} for each in model.evidence(joined, code, vectors)]
            for code in codes
        }
        if isinstance(model, LinearModel)  # an ONNX model cannot say which words spoke
        else {},
    }


def answer_line(row: dict[str, Any], analysis: Analysis) -> dict[str, Any]:
    """The answer to one line of `coranto classify`, with one entity per mention."""
    best = next((topic for topic in analysis.topics if topic.code in TOP_CODES), None)
    return {
        "id": row.get("id"),
        "language": analysis.language.code,
        "topic": best.code if best else None,
        "score": best.score if best else 0.0,
        "topics": [_topic(topic.code, topic.score, topic.sources) for topic in analysis.topics],
        "entities": [
            {
                "type": mention.type,
                # A surname stands for the person's full name; places and organisations keep the form they are mentioned by.
                "normal": entity.name if mention.type == "person" else mention.normal,
                "text": mention.text,
                "start": mention.start,
                "end": mention.end,
            }
            for mention, entity in mentions_with_entity(analysis.entities)
        ],
        "keywords": list(analysis.keywords),
    }


def _topic(code: str, score: float, sources: tuple[str, ...]) -> dict[str, Any]:
    return {"code": code, "name": name_of(code), "score": score, "from": list(sources)}


async def _story_lines(rows: list[dict[str, Any]], redis: str | None, index: str) -> list[dict[str, Any]]:
    """The story of each row. Where later rows showed two stories to be one, both have its name."""
    async with _index_client(redis) as client:
        duplicates = DuplicateIndex(
            client, settings=Settings().classifier.stories, prefix=Pipeline(prefix=index).stories()
        )
        found = [await _assign(row, duplicates) for row in rows]
        return [
            _story_line(row, story, await duplicates.cluster_of(story.cluster) if story else str(row["id"]))
            for row, story in zip(rows, found, strict=True)
        ]


@asynccontextmanager
async def _index_client(url: str | None) -> AsyncIterator[Redis]:
    """A client of the Redis at the address, or of one that is started for this run."""
    from coranto.streams.connection import connect
    from coranto_cli.local.redis_server import EmbeddedRedis, NoRedisServerError

    with tempfile.TemporaryDirectory() as folder:
        server = None
        if url is None:
            server = EmbeddedRedis(Path(folder))
            try:
                server.start()
            except NoRedisServerError as error:
                raise typer.BadParameter(f"give --redis, or let this run start its own: {error}") from error
            url = server.url
        client = connect(url)
        try:
            yield client
        finally:
            await client.aclose()
            if server is not None:
                server.kill()


async def _assign(row: dict[str, Any], duplicates: DuplicateIndex) -> StoryAssignment | None:
    """The row's story. A finished record, as `coranto export` writes it, keeps the story it was published with."""
    if not isinstance(row.get("storage"), dict):
        fingerprint = make_fingerprint(
            row.get("title") or "", row.get("text") or "", agency=row.get("agency"), url=row.get("url")
        )
        return await assign_story(str(row["id"]), fingerprint, duplicates)
    try:
        article = FinishedArticle.model_validate(row, extra="ignore")
    except ValidationError as error:
        raise typer.BadParameter(f"the record {row['id']} is not a finished article: {error}") from error
    reindexed = article.reindexed()
    if reindexed is not None:
        await reindex(reindexed, duplicates=duplicates)
    return await find_story(article, duplicates)


def _story_line(row: dict[str, Any], story: StoryAssignment | None, cluster: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "cluster": cluster,
        "role": story.role if story else "original",
        "of": story.of if story else None,
        "similarity": story.similarity if story else None,
    }


def _article(row: dict[str, Any]) -> ArticleText:
    """The article of one line, of which any part may be missing."""
    return ArticleText(
        title=str(row.get("title") or ""),
        text=str(row.get("text") or ""),
        section=row.get("section") or None,
        tags=tuple(str(tag) for tag in row.get("tags") or ()),
        url=row.get("url") or None,
        declared_language=row.get("lang") or None,
    )


def _model_paths() -> ModelPaths:
    own = Settings().classifier
    return ModelPaths(own.model_dir, own.sections)


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    """The file as text, or standard input. Raises BadParameter where it cannot be read, also while it is."""
    try:
        if str(file) == "-":
            yield sys.stdin
        elif file.suffix == ".gz":
            with gzip.open(file, "rt", encoding="utf-8") as source:
                yield source
        else:
            with file.open(encoding="utf-8") as source:
                yield source
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{_named(file)} is not UTF-8 text: {error}") from error
    except (gzip.BadGzipFile, EOFError) as error:
        raise typer.BadParameter(f"{_named(file)} is not a whole gzip file: {error}") from error


def _named(file: Path) -> str:
    return "standard input" if str(file) == "-" else str(file)


def _rows(source: TextIO, *, needs: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """The objects of the lines. Raises BadParameter, which names the line, where one is not an article's."""
    for number, line in enumerate(source, start=1):
        if line.strip():
            yield _row(line, f"line {number}", needs)


def _row(text: str, where: str, needs: Collection[str] = ()) -> dict[str, Any]:
    """The article in the JSON text. Raises BadParameter."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{where} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise typer.BadParameter(f"{where} holds {type(row).__name__}, expected an object with id, title and text")
    # What has `storage` is a finished record, as `coranto export` writes it, which `coranto stories` reads too.
    if not row.keys() & {"title", "text", "storage"} or any(name not in row for name in needs):
        raise typer.BadParameter(
            f"{where} is not an article: expected an object with {', '.join((*needs, 'title and text'))}, got {_keys(row)}"
        )
    return row


def _keys(row: dict[str, Any]) -> str:
    return ", ".join(map(repr, list(row)[:8])) or "an empty object"


def _write(value: dict[str, Any], *, indent: int | None = None) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=indent))
