"""`coranto run` on feeds, with all services: what it shows came of its own source, and of nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.harness.small_site import Site

from coranto.client.blocking import submit
from coranto_cli.local.redis_server import EmbeddedRedis


def run(source: str, directory: Path, redis: EmbeddedRedis) -> subprocess.CompletedProcess[str]:
    """`coranto run` on the shared Redis, with a data directory of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CORANTO_")} | {
        "CORANTO_REDIS__URL": redis.url,
        "CORANTO_FEEDER__ALLOWED_NETWORKS": "127.0.0.0/8",
        "CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8",
        "CORANTO_FETCHER__MIN_DELAY": "0.02",
    }
    command = [sys.executable, "-m", "coranto_cli", "run", source, "--data", str(directory)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)


def titles(ended: subprocess.CompletedProcess[str]) -> set[str]:
    return {line for line in ended.stdout.splitlines() if line.startswith("About ")}


def test_run_shows_what_its_feed_named_and_nothing_of_others(
    site: Site, tmp_path: Path, own_redis: EmbeddedRedis
) -> None:
    site.feeds = {"feed.xml": ["one", "two"], "other.xml": ["other"]}
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    first = run(f"{site.url}/feed.xml", ours, own_redis)
    assert (first.returncode, titles(first)) == (0, {"About one", "About two"}), first.stderr

    # Another program's page and feed wait in Redis, and come out during this run, of which nothing comes.
    submit(f"{site.url}/articles/stranger", redis_url=own_redis.url)
    submit(f"{site.url}/other.xml", kind="feed", source="them", redis_url=own_redis.url)
    second = run(f"{site.url}/missing.xml", theirs, own_redis)
    assert (second.returncode, titles(second)) == (3, set()), second.stderr
    assert "0 articles; 1 page rejected; 2 stored in total." in second.stdout

    # A feed that was known before is read again for this run, and what is new in it counts.
    site.feeds["feed.xml"].append("three")
    submit(f"{site.url}/articles/stranger-2", redis_url=own_redis.url)
    third = run(f"{site.url}/feed.xml", ours, own_redis)
    assert (third.returncode, titles(third)) == (0, {"About one", "About two", "About three"}), third.stderr
    assert "3 articles; 0 pages rejected" in third.stdout
