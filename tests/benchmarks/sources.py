"""What questions about a source cost at 1,000 sources and 1,000,000 lines in the ledger, on both databases.

The lines lie in the four weeks before, by the hour of the day and with a few large sources, as feeds have them: the largest has
some 11,000. Asked are the largest source, one of usual size, and the list of all.

    python tests/benchmarks/sources.py [--lines 1000000] [--sources 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import build_article

from coranto.store.address import is_postgresql, open_article_reader, open_article_store
from coranto.store.database.columns import LEDGER_COLUMNS

RESULTS = Path(__file__).parent / "results"
NOW = datetime(2026, 3, 30, 10, tzinfo=UTC)
ENDS = (("sink", "stored", "created"),) * 12 + (
    ("sink", "stored", "updated"), ("sink", "stored", "updated"), ("extractor", "dropped", "index_page"),
    ("extractor", "dropped", "too_short"), ("fetcher", "dropped", "not_found"), ("fetcher", "dead", "timeout"),
)  # fmt: skip


def lines(number: int, sources: int) -> Iterator[tuple[Any, ...]]:
    """Lines of the ledger, in the order of time."""
    dice = random.Random(5)  # noqa: S311 - made-up lines
    names = [f"Source {place:04}" for place in range(sources)]
    weights = [1 / (place + 5) ** 0.6 for place in range(sources)]
    began = NOW - timedelta(days=28)
    step = timedelta(days=28) / number
    for place, source in enumerate(dice.choices(names, weights, k=number)):
        stage, outcome, reason = dice.choice(ENDS)
        at = (began + step * place).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        is_new = reason == "created"
        key = f"{dice.getrandbits(128):032x}"
        yield (
            key, f"{place:032x}", f"https://news.example/{place}", stage, outcome, reason, None, at, source,
            dice.choice(("", "", "authors", "image", "authors,image")) if outcome == "stored" else None,
            dice.randint(10, 5000) if is_new else None, dice.randint(1, 60) if is_new else None, 0, None,
        )  # fmt: skip


async def fill(address: Path | str, number: int, sources: int) -> None:
    """Make the tables, and write the lines."""
    article_store = open_article_store(address)
    await article_store.open()
    await article_store.store(build_article())
    await article_store.close()
    columns = ", ".join(LEDGER_COLUMNS)
    if is_postgresql(address):
        with psycopg.connect(str(address)) as connection:
            with connection.cursor().copy(f"COPY ledger ({columns}) FROM STDIN") as copy:
                for line in lines(number, sources):
                    copy.write_row(line)
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE ledger")
        return
    with closing(sqlite3.connect(address)) as file, file:
        file.execute("PRAGMA cache_size = -400000")
        file.execute("PRAGMA synchronous = OFF")  # filling is not what is measured
        marks = ", ".join("?" * len(LEDGER_COLUMNS))
        file.executemany(f"INSERT INTO ledger ({columns}) VALUES ({marks})", lines(number, sources))  # noqa: S608 - constants


def median_ms(ask: Callable[[], object], rounds: int = 9) -> dict[str, float]:
    """Median milliseconds of the question, by the clock and of our CPU: on a busy machine the clock tells of others too."""
    times, cpu = [], []
    for _ in range(rounds):
        began, worked = time.perf_counter(), time.process_time()
        ask()
        times.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - worked) * 1000)
    return {"ms": round(statistics.median(times), 1), "cpu_ms": round(statistics.median(cpu), 1)}


def measure(address: Path | str, sources: int) -> dict[str, dict[str, float]]:
    """What each question takes."""
    usual, day = f"Source {sources // 2:04}", (NOW - timedelta(days=1)).date()
    with open_article_reader(address) as reader:
        return {
            "day_of_a_usual_source": median_ms(lambda: reader.source_day(usual, day)),
            "day_of_the_largest_source": median_ms(lambda: reader.source_day("Source 0000", day)),
            "health_of_a_usual_source": median_ms(lambda: reader.source_health(usual, NOW)),
            "health_of_the_largest_source": median_ms(lambda: reader.source_health("Source 0000", NOW)),
            "list_of_all_sources": median_ms(lambda: reader.source_totals(NOW - timedelta(days=1))),
            "why_of_an_address": median_ms(lambda: reader.ledger_of("https://news.example/500000")),
        }


def main() -> None:
    """Measure, print, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--sources", type=int, default=1000)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"lines": arguments.lines, "sources": arguments.sources}
    server = PostgresqlServer()
    server.start()
    try:
        with tempfile.TemporaryDirectory() as directory:
            places = {"sqlite": Path(directory) / "articles.sqlite", "postgresql": server.url(server.make_database())}
            for name, address in places.items():
                asyncio.run(fill(address, arguments.lines, arguments.sources))
                result[name] = measure(address, arguments.sources)
                print(name, result[name], flush=True)
    finally:
        server.remove()
    (RESULTS / "sources.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
