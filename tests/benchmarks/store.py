"""What storing costs beside the plain driver on the same table with its index, in the same run, on both databases.

For each round the same articles go once through the store, with everything it does (words and their forms, decisions, revisions,
ledger, outbox), and twice through the driver's `executemany` into the table `articles` alone, with its full-text index: with rows
that were made before, and with rows that are made as they are written, which is the part of the store's work that the driver
needs as well. In turns, and the best of each counts. The store also with taking note of announcements, and a search by words over
what was stored. By the clock and by CPU, ours and the server's: on a busy machine the clock tells of others too.

    python tests/benchmarks/store.py [--articles 2000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import NOON, build_article

from coranto.records import ClassifiedArticle, Language, Storage
from coranto.store.address import open_article_reader, open_article_store
from coranto.store.database.columns import ARTICLE_COLUMNS, row_of
from coranto.store.postgresql import schema as postgresql_schema
from coranto.store.postgresql.words import vector
from coranto.store.sqlite import schema as sqlite_schema

RESULTS = Path(__file__).parent / "results"
AT_ONCE = 200
"""Articles of a transaction, as the store has it."""
SYLLABLES = ("мос", "ква", "гра", "дом", "лес", "ре", "ка", "то", "ви", "на", "по", "сто", "ле", "ни", "за", "вод")

ServerCpu = Callable[[], float]
"""Seconds of CPU that the database's own processes have used; 0 where it has none."""


def make_articles(number: int) -> list[ClassifiedArticle]:
    """Russian articles of some 4,000 characters from a vocabulary of 20,000 words."""
    dice = random.Random(5)  # noqa: S311 - made-up text
    vocabulary = ["".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) for _ in range(20_000)]
    articles = []
    for place in range(number):
        text = "\n".join(" ".join(dice.choices(vocabulary, k=60)) for _ in range(8))
        article = build_article(
            f"https://news.example/{place}", title=" ".join(dice.choices(vocabulary, k=8)), text=text
        )
        section = article.classification.model_copy(update={"language": Language(code="ru", confidence=0.9)})
        articles.append(article.model_copy(update={"classification": section}))
    return articles


class Pace(NamedTuple):
    """How many articles in a second."""

    by_clock: float
    by_cpu: float
    """Of this process and the server's."""


class Watch:
    """What has gone by since it was made."""

    def __init__(self, server_cpu: ServerCpu) -> None:
        self._server_cpu = server_cpu
        self._clock, self._worked = time.perf_counter(), self._cpu()

    def _cpu(self) -> float:
        return time.process_time() + self._server_cpu()

    def pace(self, number: int) -> Pace:
        """The pace at which so many were written."""
        return Pace(number / (time.perf_counter() - self._clock), number / (self._cpu() - self._worked))


def best(paces: list[Pace]) -> Pace:
    """The best by each."""
    return Pace(max(pace.by_clock for pace in paces), max(pace.by_cpu for pace in paces))


def share(pace: Pace, of: Pace) -> dict[str, float]:
    """One pace as a share of another."""
    return {"by_clock": round(pace.by_clock / of.by_clock, 2), "by_cpu": round(pace.by_cpu / of.by_cpu, 2)}


async def through_the_store(
    address: Path | str, articles: list[ClassifiedArticle], server_cpu: ServerCpu, *, is_noted: bool
) -> Pace:
    """The pace of the store."""
    article_store = open_article_store(address, batch_size=AT_ONCE)
    await article_store.open()
    await article_store.store(build_article("https://news.example/first"))  # makes the tables
    watch = Watch(server_cpu)
    for first in range(0, len(articles), AT_ONCE):
        some = articles[first : first + AT_ONCE]
        works: list[Any] = [article_store.store(article) for article in some]
        if is_noted and first:
            works.append(
                article_store.mark_announced([(article.id, 1) for article in articles[first - AT_ONCE : first]])
            )
        await asyncio.gather(*works)
    pace = watch.pace(len(articles))
    await article_store.close()
    return pace


def rows_of(articles: list[ClassifiedArticle], *, is_file: bool) -> list[dict[str, Any]]:
    """The rows of `articles`."""
    rows = []
    for article in articles:
        row = row_of(article, Storage(revision=1, change="created", stored_at=NOON))
        if is_file:
            names = ("title_forms", "text_forms", "stemmer")
            row |= dict(zip(names, sqlite_schema.word_forms("ru", row["title"], None, row["text"]), strict=True))
        else:
            words = vector(row["title"], None, row["text"], "ru")
            row |= {"search": words.text, "is_cut_in_index": False, "has_all_positions": True}
        rows.append(row)
    return rows


def batches_of(articles: list[ClassifiedArticle], *, is_file: bool, is_ready: bool) -> Iterable[list[dict[str, Any]]]:
    """The rows of each transaction; those that are not ready are made when they are asked for."""
    made = (rows_of(articles[first : first + AT_ONCE], is_file=is_file) for first in range(0, len(articles), AT_ONCE))
    return list(made) if is_ready else made


def through_sqlite(path: Path, articles: list[ClassifiedArticle], server_cpu: ServerCpu, *, is_ready: bool) -> Pace:
    """The pace of the driver."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    sqlite_schema.migrate(connection)
    names = (*ARTICLE_COLUMNS, "title_forms", "text_forms", "stemmer")
    statement = f"INSERT INTO articles ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"  # noqa: S608 - constants
    batches = batches_of(articles, is_file=True, is_ready=is_ready)
    watch = Watch(server_cpu)
    for rows in batches:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows)
        connection.execute("COMMIT")
    pace = watch.pace(len(articles))
    connection.close()
    return pace


def through_psycopg(url: str, articles: list[ClassifiedArticle], server_cpu: ServerCpu, *, is_ready: bool) -> Pace:
    """The same with PostgreSQL."""
    with psycopg.connect(url) as connection:
        postgresql_schema.migrate(connection)
        connection.commit()
        names = (*ARTICLE_COLUMNS, "search", "is_cut_in_index", "has_all_positions")
        marks = ", ".join(f"%({name})s" for name in names)
        statement: Any = f"INSERT INTO articles ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - made of constants
        batches = batches_of(articles, is_file=False, is_ready=is_ready)
        watch = Watch(server_cpu)
        for rows in batches:
            connection.cursor().executemany(statement, rows)
            connection.commit()
        return watch.pace(len(articles))


def search_ms(address: Path | str) -> float:
    """Median of searches for two words each, in milliseconds."""
    dice = random.Random(5)  # noqa: S311 - the same vocabulary
    vocabulary = ["".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) for _ in range(20_000)]
    times = []
    with open_article_reader(address) as reader:
        for _ in range(30):
            query = " ".join(dice.choices(vocabulary, k=2))
            began = time.perf_counter()
            reader.search(query)
            times.append((time.perf_counter() - began) * 1000)
    return sorted(times)[len(times) // 2]


def main() -> None:
    """Measure, print, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    articles = make_articles(arguments.articles)
    server = PostgresqlServer()
    server.start()
    result: dict[str, Any] = {"articles": len(articles), "rounds": arguments.rounds}
    try:
        with tempfile.TemporaryDirectory() as directory:
            places = iter(range(1000))

            def new_file() -> Path:
                return Path(directory) / f"{next(places)}.sqlite"

            def new_database() -> str:
                return server.url(server.make_database())

            kinds: dict[str, tuple[Callable[[], Any], Callable[..., Pace], ServerCpu]] = {
                "sqlite": (new_file, through_sqlite, lambda: 0.0),
                "postgresql": (new_database, through_psycopg, server.cpu_seconds),
            }
            for name, (new, driver, cpu) in kinds.items():
                all_ready, all_made, all_stored, all_noted, address = [], [], [], [], new()
                for _ in range(arguments.rounds):
                    all_ready.append(driver(new(), articles, cpu, is_ready=True))
                    all_made.append(driver(new(), articles, cpu, is_ready=False))
                    all_stored.append(asyncio.run(through_the_store(new(), articles, cpu, is_noted=False)))
                    address = new()
                    all_noted.append(asyncio.run(through_the_store(address, articles, cpu, is_noted=True)))
                ready, made, stored, noted = map(best, (all_ready, all_made, all_stored, all_noted))
                result[name] = {
                    "driver_rows_per_second": round(ready.by_clock),
                    "driver_with_words_rows_per_second": round(made.by_clock),
                    "stored_per_second": round(stored.by_clock),
                    "stored_and_noted_per_second": round(noted.by_clock),
                    "share_of_driver": share(stored, ready),
                    "share_of_driver_with_words": share(stored, made),
                    "share_noted_of_driver": share(noted, ready),
                    "search_median_ms": round(search_ms(address), 1),
                }
                print(name, json.dumps(result[name]), flush=True)
    finally:
        server.remove()
    (RESULTS / "store.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
