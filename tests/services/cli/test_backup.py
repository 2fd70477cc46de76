"""`coranto backup`, `restore`, `forget` and `prune`: everything is kept, and nothing is."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard
from redis import Redis
from tests.conftest import eventually

from coranto.admin.pipeline import connected_to
from coranto.admin.redis_state import dump
from coranto.client import environment
from coranto.topology import FINISHED, Keys
from coranto_cli.local.redis_server import EmbeddedRedis

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services.cli.conftest import Background, Shell

HELD = "Quastenflosser"  # an odd word, to be looked for


def settle(system: Shell, seconds: str = "30") -> None:
    system("wait", "--timeout", seconds)


def state(url: str) -> dict[str, str]:
    """Every key of the pipeline with its value, whatever time it has left."""

    async def read() -> dict[str, str]:
        async with connected_to(url) as pipeline:
            rows = [json.loads(line) async for line in dump(pipeline)]
        return {row["key"]: row["value"] for row in rows}

    return asyncio.run(read())


def rows(path: Path) -> list[str]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    found = [line for line in connection.iterdump() if "sqlite_sequence" not in line]
    connection.close()
    return found


def last_number(path: Path) -> int:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    (number,) = connection.execute("SELECT max(number) FROM announcements").fetchone()
    connection.close()
    return int(number)


def pages(directory: Path) -> dict[str, bytes]:
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*.zst")}


def members(file: Path) -> dict[str, bytes]:
    packed = zstandard.ZstdDecompressor().stream_reader(file.read_bytes())
    with tarfile.open(fileobj=packed, mode="r|") as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def pack(file: Path, content: dict[str, bytes]) -> Path:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        for name, value in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(value)
            archive.addfile(entry, io.BytesIO(value))
    file.write_bytes(zstandard.ZstdCompressor().compress(body.getvalue()))
    return file


def test_what_was_backed_up_comes_back_whole_and_goes_on(shell: Shell, start: Callable[..., Background]) -> None:
    running = start("up", "--data", "data")
    running.until("ready")
    good = shell.page("good.html", f"{HELD} and other words.", title="Good")
    fails, slow = shell.page("fails.html", "please fail"), shell.page("slow.html", "please wait an hour")
    assert shell("submit", *map(str, (good, fails, slow)), "--data", "data").code == 0
    assert shell("wait", "--timeout", "2", "--data", "data").code == 1  # one waits an hour
    with Redis.from_url(environment.redis_url(data=shell.data)) as redis:
        redis.xgroup_create(Keys().stream(FINISHED), "desk", id="0")
    made = shell("backup", "all.tar.zst", "--data", "data", "--json")
    assert made.code == 0
    assert (made.json["articles"], made.json["pages"]) == (1, 3)
    assert running.stop() == 0
    file = shell.directory / "all.tar.zst"
    assert file.stat().st_mode & 0o077 == 0
    assert not list(shell.directory.glob(".coranto*")) + list(shell.directory.glob(".all*"))

    assert shell("restore", "all.tar.zst", "--data", "data").code == 3  # nothing is overwritten
    restored = shell("restore", "all.tar.zst", "--data", "other")
    assert restored.code == 0
    assert "`coranto up --data other`" in " ".join((restored.out + restored.err).split())
    other = shell.directory / "other"
    assert rows(other / "articles.sqlite") == rows(shell.data / "articles.sqlite")
    assert pages(other / "pages") == pages(shell.data / "pages")
    backed_up = [json.loads(line) for line in members(file)["redis.jsonl"].splitlines()]
    server = EmbeddedRedis(other)
    server.start()
    assert state(server.url) == {row["key"]: row["value"] for row in backed_up}
    server.stop()

    again = start("up", "--data", "other")
    again.until("ready")
    assert "is delayed in the extractor" in shell("show", str(slow), "--data", "other").out
    assert len(shell("dead", "list", "--data", "other", "--json").lines) == 1
    assert [group["name"] for group in shell("groups", "list", "--data", "other", "--json").lines] == ["desk"]
    assert shell("show", str(good), "--data", "other").code == 0
    assert shell("submit", str(shell.page("next.html", "Next words.")), "--data", "other").code == 0
    found = shell("tail", "--group", "desk", "--count", "2", "--data", "other", "--json").lines
    assert [article["storage"]["revision"] for article in found] == [1, 1]
    # The lost system may have announced more after the backup, and subscribers remember its numbers.
    # An announcement is published before its number is written, in one transaction: a reader may be ahead of the file.
    lost = last_number(shell.data / "articles.sqlite")
    asyncio.run(eventually(lambda: last_number(other / "articles.sqlite") > lost + 1000))


def test_file_that_is_not_a_whole_backup_leaves_nothing_behind(shell: Shell, redis_url: str) -> None:
    on_redis = {"CORANTO_REDIS__URL": redis_url}
    with Redis.from_url(redis_url) as redis:
        redis.set("coranto:{p0}:feeder:seen:x", "1")
    assert shell("backup", "whole.tar.zst", "--data", "data", **on_redis).code == 0
    whole = members(shell.directory / "whole.tar.zst")
    body = (shell.directory / "whole.tar.zst").read_bytes()
    bad = {
        "cut.zst": body[: len(body) // 2],
        "text.zst": b"no backup",
        "empty.zst": b"",
    }
    for name, content in bad.items():
        (shell.directory / name).write_bytes(content)
    wrong: dict[str, dict[str, bytes]] = {
        "outside.zst": {"../evil": b"x", **whole},
        "page.zst": {"pages/ab/../../evil.zst": b"x", **whole},
        "fewer.zst": {**whole, "redis.jsonl": b""},
        "without.zst": {name: value for name, value in whole.items() if name != "manifest.json"},
        "format.zst": {**whole, "manifest.json": b'{"format": 99}'},
    }
    for name, content_by_name in wrong.items():
        pack(shell.directory / name, content_by_name)
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    for name in (*bad, *wrong):
        ended = shell("restore", name, "--data", "new", **on_redis)
        assert ended.code == 2, name
        assert "is not restored" in ended.err
        assert not (shell.directory / "new").exists()
    assert not (shell.directory / "evil").exists()
    with Redis.from_url(redis_url) as redis:
        assert redis.dbsize() == 0
        assert shell("restore", "whole.tar.zst", "--data", "new", **on_redis).code == 0
        assert redis.get("coranto:{p0}:feeder:seen:x") == b"1"
    assert shell("restore", "whole.tar.zst", "--data", "newer", **on_redis).code == 3
    assert shell("restore", "missing.zst", "--data", "newer").code == 2
    assert not (shell.directory / "newer").exists()


def test_a_file_that_exists_is_replaced_only_by_force_and_what_is_no_file_never(shell: Shell, redis_url: str) -> None:
    on_redis = {"CORANTO_REDIS__URL": redis_url}
    file, pipe = shell.directory / "all.zst", shell.directory / "pipe"
    file.write_bytes(b"mine")
    os.mkfifo(pipe)
    refused = shell("backup", "all.zst", "--data", "data", **on_redis)
    assert (refused.code, file.read_bytes(), "--force" in refused.err) == (3, b"mine", True)
    assert shell("backup", "all.zst", "--force", "--data", "data", **on_redis).code == 0
    assert "manifest.json" in members(file)
    assert shell("backup", "pipe", "--force", "--data", "data", **on_redis).code == 2
    assert pipe.is_fifo()


def everything_in_redis(data: Path) -> bytes:
    """All events in all streams, and the names of all keys."""
    found: list[Any] = []
    with Redis.from_url(environment.redis_url(data=data)) as redis:
        for key in redis.scan_iter("coranto:*"):
            found.append(key)
            if redis.type(key) == b"stream":
                found += [fields for _, fields in redis.xrange(key)]
    return repr(found).encode()


def test_forgotten_article_is_nowhere_and_the_others_stay(system: Shell) -> None:
    page = system.page("forget/private.html", f"{HELD} lives here.", title=HELD)
    other = system.page("forget/other.html", "Other words.", title="Other")
    fails = system.page("forget/fails.html", "please fail")
    system("submit", *map(str, (page, other, fails)))
    settle(system)
    assert HELD.encode() in everything_in_redis(system.data)
    dry = system("forget", str(page), "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert (dry.code, dry.lines[0]["articles"], len(dry.lines[0]["pages"]), dry.lines[0]["removed"]) == (0, 1, 1, False)
    assert system("forget", str(page)).code == 2  # nobody is there to say yes
    assert system("show", str(page)).code == 0
    done = system("forget", str(page), str(fails), "--yes", "--json")
    assert done.code == 0
    assert len(done.lines[1]["dead_letters"]) == 1
    assert "is unknown here" in system("show", str(page)).out
    assert system("show", str(other)).code == 0
    assert system("pages", "check").code == 0
    assert system("search", HELD).code == 3
    assert HELD.encode() not in everything_in_redis(system.data)
    for line in dry.lines:
        for identity in line["ids"]:
            assert identity.encode() not in everything_in_redis(system.data)
    for file in system.data.glob("articles.sqlite*"):
        assert HELD.encode() not in file.read_bytes()
    assert system("forget", str(page), "--yes").code == 3
    # It may come again: nothing says that it is unwanted.
    system("submit", str(page))
    settle(system)
    assert system("show", str(page)).code == 0


def test_article_on_its_way_is_not_forgotten(system: Shell) -> None:
    slow = system.page("forget/slow.html", "please wait an hour")
    system("submit", str(slow))
    settle(system, "2")
    ended = system("forget", str(slow), "--yes")
    assert ended.code == 1
    assert "the article is delayed in the extractor" in ended.err


def test_prune_removes_what_is_older_and_only_after_a_yes(system: Shell) -> None:
    old, new = system.page("prune/old.html", "Old words."), system.page("prune/new.html", "New words.")
    system("submit", str(old), str(new))
    settle(system, "2")
    identity = system("show", str(old), "--json").json["record"]["id"]
    connection = sqlite3.connect(system.data / "articles.sqlite")
    connection.execute("UPDATE articles SET last_stored = '2020-01-01T00:00:00.000Z' WHERE id = ?", (identity,))
    connection.commit()
    connection.close()
    dry = system("prune", "--older-than", "1y", "--dry-run", "--json").json
    assert (dry["articles"], dry["revisions"], dry["dry_run"]) == (1, 1, True)
    assert system("prune", "--older-than", "1y").code == 2
    assert system("show", str(old)).code == 0
    done = system("prune", "--older-than", "1y", "--yes", "--json").json
    assert (done["articles"], done["revisions"], done["ledger_lines"]) == (1, 1, 1)
    assert system("show", str(old)).code == 3
    assert system("show", str(new)).code == 0
    assert system("prune", "--older-than", "soon").code == 2
    assert system("prune", "--older-than", "1y", "--data", "nowhere").code == 3
