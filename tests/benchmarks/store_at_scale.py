"""What readers of a large store wait for: a million articles of a year from a thousand sources, on both databases.

The articles are short, some 90 words, so that both stores fit into 12 GB; words, sources and stories are spread as news has them:
few are common. The tables are filled by the plain driver, which is quicker than storing one article after another; they are the
same tables with the same rows and indexes.

    python tests/benchmarks/store_at_scale.py [--articles 1000000] [--sources 1000] [--folder FOLDER] [--only sqlite]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import NOON, build_article

from coranto.filter import compile_filter
from coranto.folding import fold
from coranto.records import Storage, article_id
from coranto.store.address import is_postgresql, open_article_reader, open_article_store
from coranto.store.database.columns import (
    ARTICLE_COLUMNS,
    LEDGER_COLUMNS,
    digests_text,
    names_of,
    row_of,
    sortable_time,
)
from coranto.store.interface import ArticlePlace, SearchFilter
from coranto.store.postgresql.words import vector
from coranto.store.rules.revisions import digests_of
from coranto.store.sqlite.schema import word_forms

RESULTS: Final = Path(__file__).parent / "results" / "store_at_scale.json"
NOW: Final = datetime(2026, 3, 30, 10, tzinfo=UTC)
YEAR: Final = timedelta(days=365)
SYLLABLES: Final = (
    *("мос", "ква", "гра", "дом", "лес", "ре", "ка", "то", "ви", "на", "по"),
    *("сто", "ле", "ни", "за", "вод", "кор", "мед", "пар", "ток", "си", "бу"),
)
TOPICS: Final = (("13000000", "science"), ("15000000", "sport"), ("11000000", "politics"), ("04000000", "economy"))
LEDGER_LINES_OF_REFUSED: Final = 3
"""One in so many lines of the ledger tells of something that was not stored."""
ROWS_AT_ONCE: Final = 2_000

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass
class Corpus:
    """Made-up articles, the same ones whenever they are made."""

    articles: int
    sources: int
    dice: random.Random = field(default_factory=lambda: random.Random(5))  # noqa: S311 - made-up text

    def __post_init__(self) -> None:
        words = ("".join(self.dice.choices(SYLLABLES, k=self.dice.randint(2, 4))) for _ in range(60_000))
        self.vocabulary = list(dict.fromkeys(words))
        self.names = [f"Имя{word}" for word in self.vocabulary[:20_000]]
        self.source_names = [f"Source {place:04}" for place in range(self.sources)]
        self.weights = [1 / (place + 5) ** 0.6 for place in range(self.sources)]

    def words(self, number: int) -> list[str]:
        """Words, of which few are common."""
        last = len(self.vocabulary) - 1
        return [self.vocabulary[min(last, int(self.dice.paretovariate(0.6)) * 7 % last)] for _ in range(number)]

    def batches(self, *, is_file: bool) -> Iterator[Rows]:
        """The rows of every table, some thousand articles at a time, oldest first."""
        article = build_article()
        digests = digests_text(digests_of(article))
        template = article.with_storage(Storage(revision=1, change="created", stored_at=NOON, store="scale"))
        columns = row_of(template, template.storage)
        record = json.loads(template.model_dump_json(exclude_none=True))
        step = YEAR / self.articles
        sources = self.dice.choices(self.source_names, self.weights, k=self.articles)
        rows: Rows = {}
        for place, source in enumerate(sources):
            at = NOW - YEAR + step * place
            url = f"https://{source[-4:]}.example/news/{place}"
            own = article_id(url)
            title, text = " ".join(self.words(7)), " ".join(self.words(85))
            code, topic = self.dice.choice(TOPICS)
            stored, published = sortable_time(at), (at - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
            names = {self.names[min(19_999, int(self.dice.paretovariate(0.5)))] for _ in range(2)}
            row = columns | {
                "id": own, "url": url, "discovery_url": f"{url}?utm_source=feed", "title": title, "text": text, "source": source,
                "language": "ru", "topic": topic, "published": published, "published_local": published[:16], "published_zone": "Z",
                "first_stored": stored, "last_stored": stored, "last_fetched": stored,
                "story_id": f"{self.dice.randrange(self.articles // 3 + 1):032x}", "story_role": "original",
            }  # fmt: skip
            if is_file:
                row |= dict(
                    zip(("title_forms", "text_forms", "stemmer"), word_forms("ru", title, None, text), strict=True)
                )
            else:
                words = vector(title, None, text, "ru")
                row |= {"search": words.text, "is_cut_in_index": False, "has_all_positions": True}
            record["id"], record["key"], record["url"] = own, url, url
            record["discovery"] |= {"url": f"{url}?utm_source=feed", "source": source, "submission": f"{place:016x}"}
            record["fetch"]["final_url"] = url
            record["content"]["title"] = title
            record["classification"]["language"]["code"] = "ru"
            record["classification"]["topics"] = [
                {**record["classification"]["topics"][0], "code": code, "name": topic}
            ]
            record["content"]["paragraphs"] = [{"text": text}]
            record["storage"]["stored_at"] = stored
            text_of_record = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
            for table, values in (
                ("articles", [tuple(row.values())]),
                (
                    "revisions",
                    [(own, 1, "created", "[]", f"{place:016x}", stored, digests, text_of_record)],
                ),
                ("entities", [(own, "person", name, 1, fold(name)) for name in names]),
                ("topics", [(own, code, topic, 0.9)]),
                ("tags", [(own, self.dice.choice(self.names))]),
                ("source_tags", [(own, "news")]),
                (
                    "source_articles",
                    [(name, f"{published[:19]}.000Z", own) for name in names_of(source, row["publisher"], url)],
                ),
                ("addresses", [(own, url, own, 1, "own", stored)]),
                ("announcements", [(place + 1, own, 1, stored)]),
                ("ledger", list(self.ledger_lines(place, own, url, source, stored))),
            ):
                rows.setdefault(table, []).extend(values)
            if (place + 1) % ROWS_AT_ONCE == 0:
                yield rows
                rows = {}
        if rows:
            yield rows

    def ledger_lines(self, place: int, own: str, url: str, source: str, at: str) -> Iterator[tuple[Any, ...]]:
        """What the ledger says of the article, and now and then of something that was refused."""
        lag = self.dice.randint(10, 5000), self.dice.randint(1, 60)
        yield (
            own,
            f"{place:016x}",
            url,
            "sink",
            "stored",
            "created",
            "revision 1",
            at,
            source,
            "authors",
            *lag,
            0,
            None,
        )
        if place % LEDGER_LINES_OF_REFUSED == 0:
            refused = f"{url}/about"
            yield (
                article_id(refused), f"{place:016x}r", refused, "extractor", "dropped", "index_page", None, at, source,
                None, None, None, 0, None,
            )  # fmt: skip


def columns_of(table: str, *, is_file: bool) -> tuple[str, ...]:
    """The columns of the rows that `Corpus.batches` makes."""
    index = ("title_forms", "text_forms", "stemmer") if is_file else ("search", "is_cut_in_index", "has_all_positions")
    row = row_of(build_article(), Storage(revision=1, change="created", stored_at=NOON))
    assert set(row) == set(ARTICLE_COLUMNS)
    return {
        "articles": (*row, *index),
        "revisions": (
            *("article_id", "revision", "change", "changed_fields", "submission", "stored_at"),
            *("digests", "record"),
        ),
        "entities": ("article_id", "type", "name", "count", "folded_name"),
        "topics": ("article_id", "code", "name", "score"),
        "tags": ("article_id", "tag"),
        "source_tags": ("article_id", "tag"),
        "source_articles": ("name", "at", "article_id"),
        "addresses": ("key_id", "key", "article_id", "is_own", "led_by", "known_since"),
        "announcements": ("number", "article_id", "revision", "announced_at"),
        "ledger": LEDGER_COLUMNS,
    }[table]


async def make_tables(address: Path | str) -> None:
    """Make the tables, empty but for an article in no language that is asked for."""
    article_store = open_article_store(address)
    await article_store.open()
    await article_store.store(build_article("https://first.example/first"))
    await article_store.close()


def fill_sqlite(path: Path, corpus: Corpus) -> None:
    """Write the corpus into the file."""
    asyncio.run(make_tables(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA cache_size = -400000")
        file.execute("PRAGMA synchronous = OFF")  # filling is not what is measured
        for rows in corpus.batches(is_file=True):
            file.execute("BEGIN IMMEDIATE")
            for table, values in rows.items():
                names = columns_of(table, is_file=True)
                file.executemany(
                    f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608 - constants
                    values,
                )
            file.execute("COMMIT")


def fill_postgresql(url: str, corpus: Corpus) -> None:
    """Write the corpus into the database; the index of words is made at the end."""
    asyncio.run(make_tables(url))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP INDEX articles_search")
        connection.execute("SET synchronous_commit = off")
        for rows in corpus.batches(is_file=False):
            with connection.transaction():
                for table, values in rows.items():
                    names = ", ".join(columns_of(table, is_file=False))
                    with connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:  # type: ignore[arg-type]  # constants
                        for value in values:
                            copy.write_row(value)
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("CREATE INDEX articles_search ON articles USING gin (search) WITH (fastupdate = off)")
        connection.execute("UPDATE store SET last_number = (SELECT max(number) FROM announcements)")
        connection.execute("VACUUM ANALYZE")


def median_ms(asked: Callable[[], object], rounds: int, server_cpu: Callable[[], float]) -> dict[str, float]:
    """Median milliseconds by the clock, the slowest, and the median of CPU, ours and the server's.

    On a busy machine the clock tells of others too.
    """
    times, cpu = [], []
    for _ in range(rounds):
        began, worked = time.perf_counter(), time.process_time() + server_cpu()
        asked()
        times.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() + server_cpu() - worked) * 1000)
    return {
        "ms": round(statistics.median(times), 1),
        "slowest_ms": round(max(times), 1),
        "cpu_ms": round(statistics.median(cpu), 1),
    }


def measure(
    address: Path | str, corpus: Corpus, server_cpu: Callable[[], float] = lambda: 0.0
) -> dict[str, dict[str, float]]:
    """What each question takes; of those with words, other ones each time."""
    dice = random.Random(11)  # noqa: S311 - made-up questions
    vocabulary, largest, usual = corpus.vocabulary, corpus.source_names[0], corpus.source_names[corpus.sources // 2]

    def rare() -> str:
        return vocabulary[dice.randrange(2_000, len(vocabulary))]

    def common() -> str:
        return vocabulary[7 * dice.randrange(2, 40)]

    def place() -> ArticlePlace:
        return ArticlePlace(sortable_time(NOW - YEAR * dice.random()), "0")

    def url() -> str:
        number = dice.randrange(corpus.articles)
        return urls[number % len(urls)]

    month = SearchFilter(since=NOW - timedelta(days=30))
    politics = SearchFilter(topic="medtop:11000000")
    person = SearchFilter(entity=corpus.names[3])
    rare_person = SearchFilter(entity=corpus.names[15_000])
    written = SearchFilter(also=compile_filter("language == 'ru' and topic.under('medtop:15000000')"))
    with open_article_reader(address) as reader:
        urls = [each.url for each in reader.page(before=ArticlePlace(sortable_time(NOW - YEAR / 2), "0"), limit=500)]
        questions: dict[str, Callable[[], object]] = {
            "search_rare_word": lambda: reader.search(rare()),
            "search_two_words": lambda: reader.search(f"{common()} {rare()}"),
            "search_common_word": lambda: reader.search(common()),
            "search_two_common_words": lambda: reader.search(f"{common()} {common()}"),
            "search_beginning": lambda: reader.search(f"{rare()[:5]}*"),
            "search_phrase": lambda: reader.search(f'"{rare()} {rare()}"'),
            "page_latest": reader.page,
            "page_anywhere": lambda: reader.page(before=place()),
            "page_of_words": lambda: reader.page(rare(), before=place()),
            "page_of_common_word": lambda: reader.page(common(), before=place()),
            "page_of_a_month": lambda: reader.page(where=month),
            "page_of_a_topic": lambda: reader.page(where=politics, before=place()),
            "page_of_a_name": lambda: reader.page(where=person, before=place()),
            "page_of_a_rare_name": lambda: reader.page(where=rare_person),
            "page_of_a_source": lambda: reader.page(where=SearchFilter(source=usual), before=place()),
            "page_of_the_largest_source": lambda: reader.page(where=SearchFilter(source=largest), before=place()),
            "page_of_a_host": lambda: reader.page(where=SearchFilter(source=f"{usual[-4:]}.example"), before=place()),
            "page_of_words_of_a_source": lambda: reader.page(common(), where=SearchFilter(source=usual)),
            "page_of_a_written_filter": lambda: reader.page(where=written, before=place()),
            "article": lambda: reader.find(url()),
            "why_of_an_address": lambda: reader.ledger_of(url()),
            "announced_after": lambda: reader.announced_after(dice.randrange(corpus.articles), 100),
            "day_of_the_largest_source": lambda: reader.source_day(largest, (NOW - timedelta(days=1)).date()),
            "health_of_the_largest_source": lambda: reader.source_health(largest, NOW),
            "list_of_all_sources": lambda: reader.source_totals(NOW - timedelta(days=1)),
        }
        results = {}
        for name, ask in questions.items():
            results[name] = median_ms(ask, 15, server_cpu)
            print(f"  {name:30} {results[name]}", flush=True)
        return results


def size_gb(address: Path | str) -> float:
    """What the store takes on disk."""
    if is_postgresql(address):
        with psycopg.connect(str(address)) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            return round((row or (0,))[0] / 1e9, 1)
    return round(sum(each.stat().st_size for each in Path(address).parent.glob(f"{Path(address).name}*")) / 1e9, 1)


def main() -> None:
    """Fill, measure, print, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="where there are 12 GB; a temporary folder otherwise")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    arguments = parser.parse_args()
    result: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    result |= {"articles": arguments.articles, "sources": arguments.sources}
    fill: dict[str, Callable[[Any, Corpus], None]] = {"sqlite": fill_sqlite, "postgresql": fill_postgresql}
    for name in [arguments.only] if arguments.only else list(fill):
        # One after the other, so that there is never more than one on the disk.
        folder = Path(tempfile.mkdtemp(prefix="coranto-scale-", dir=arguments.folder))
        folder.chmod(0o755)  # the server may run as another user
        server = PostgresqlServer(folder / "server") if name == "postgresql" else None
        try:
            address: Path | str = folder / "articles.sqlite"
            if server is not None:
                server.start()
                address = server.url(server.make_database())
            began = time.monotonic()
            fill[name](address, Corpus(arguments.articles, arguments.sources))
            print(name, "filled in", round(time.monotonic() - began), "s,", size_gb(address), "GB", flush=True)
            cpu = server.cpu_seconds if server is not None else lambda: 0.0
            questions = measure(address, Corpus(arguments.articles, arguments.sources), cpu)
            result[name] = {"gigabytes": size_gb(address), "questions": questions}
        finally:
            if server is not None:
                server.remove()
            shutil.rmtree(folder, ignore_errors=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
