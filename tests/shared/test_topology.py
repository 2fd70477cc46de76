"""The topology: complete, drawn as it is, the same as what the services declare, and fit for Redis Cluster."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from redis.crc import key_slot

from coranto.records import article_id
from coranto.topology import (
    DROPPED,
    FINISHED,
    REINDEXED,
    SERVICES,
    STAGES,
    STREAMS,
    SUBMITTED,
    WORKERS,
    Keys,
    Pipeline,
    StageSpec,
    Stream,
    readers_of,
)
from generate import topology as page
from generate.services import get_module


@cache
def declared_by(service: str) -> tuple[StageSpec, ...]:
    """The places in the topology of the stages that the service runs, as its own `app.py` wires them."""
    worker = get_module(f"coranto_{service}.app", install=f"./services/{service}").create()
    return tuple(stage.spec for stage in worker._stages)


@pytest.mark.parametrize("service", WORKERS)
def test_a_service_declares_the_stages_that_the_topology_gives_it(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert declared_by(service) == SERVICES[service]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_started_as_a_module_of_its_name(service: str) -> None:
    get_module(f"coranto_{service}", install=f"./services/{service}")
    source = (
        Path(str(import_module(f"coranto_{service}").__file__)).with_name("__main__.py").read_text(encoding="utf-8")
    )
    assert f'run(create, "coranto_{service}")' in source


def test_the_drawing_shows_what_the_services_declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    declared = set()
    for service in WORKERS:
        for stage in declared_by(service):
            declared.add((stage.reads.name, stage.name))
            if stage.writes is not None:
                declared.add((stage.name, stage.writes.name))
    names = {stream.name for stream in STREAMS} | {stage.name for stage in STAGES}
    drawn = re.findall(r"^  (\S+) --> (\S+)$", page.drawing(), re.MULTILINE)
    assert {edge for edge in drawn if set(edge) <= names} == declared


def test_every_stage_that_can_end_an_article_is_drawn_to_write_what_it_drops() -> None:
    dropping = set(re.findall(r"^  (\S+) -\.-> dropped$", page.drawing(), re.MULTILINE))
    assert dropping == {stage.name for stage in STAGES} - {"ledger", "reindex"}


def test_every_stage_runs_in_exactly_one_service() -> None:
    running = [stage for stages in SERVICES.values() for stage in stages]
    assert Counter(running) == Counter(STAGES)


@pytest.mark.parametrize(
    "stream", [stream for stream in STREAMS if stream is not FINISHED], ids=lambda stream: stream.name
)
def test_every_stream_but_the_last_has_a_reader(stream: Stream) -> None:
    assert list(readers_of(stream))


@pytest.mark.parametrize(
    "stream",
    [stream for stream in STREAMS if stream not in {SUBMITTED, DROPPED, REINDEXED}],
    ids=lambda stream: stream.name,
)
def test_every_stream_between_the_first_and_the_last_is_written_by_one_stage(stream: Stream) -> None:
    assert len([stage for stage in STAGES if stage.writes is stream]) == 1


def test_a_stage_adds_to_the_record_it_reads_and_takes_nothing_away() -> None:
    for stage in STAGES:
        if stage.writes is not None and stage.reads is not SUBMITTED:
            assert issubclass(stage.writes.carries, stage.reads.carries)


def test_event_types_and_names_are_used_once() -> None:
    assert len({stream.carries.event_type for stream in STREAMS}) == len(STREAMS)
    assert len({stream.name for stream in STREAMS} | {stage.name for stage in STAGES}) == len(STREAMS) + len(STAGES)


def test_subscribers_find_finished_articles_kept_and_announced_once() -> None:
    assert FINISHED.is_replayable
    assert FINISHED.deduplicates


def keys_of(keys: Keys) -> list[str]:
    """Every key of the partition, found by calling each method for each stage and stream."""
    found = []
    choices: dict[str, tuple[Stream | StageSpec | str, ...]] = {
        "stream": STREAMS,
        "stage": STAGES,
        "name": ("lease",),
        "consumer": ("worker",),
        "token": ("call",),
        "article_id": (article_id("https://news.example/one"),),
    }
    for name, method in vars(Keys).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        wanted = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
        for first in choices[wanted[0]] if wanted else ("",):
            rest = [choices[parameter][0] for parameter in wanted[1:]]
            found.append(method(keys, *([first] if wanted else []), *rest))
    return found


def test_all_keys_of_a_partition_are_on_one_node_of_a_cluster() -> None:
    for keys in Pipeline(partitions=8, prefix="news").all_keys():
        assert {key_slot(key.encode()) for key in keys_of(keys)} == {key_slot(f"p{keys.partition}".encode())}


def test_partitions_are_on_different_slots() -> None:
    slots = {key_slot(keys.stream(FINISHED).encode()) for keys in Pipeline(partitions=64).all_keys()}
    assert len(slots) == 64


def test_no_key_stands_for_two_things() -> None:
    keys = [key for partition in Pipeline(partitions=3).all_keys() for key in keys_of(partition)]
    assert [key for key, count in Counter(keys).items() if count > 1] == []


def test_two_pipelines_with_prefixes_of_their_own_share_no_key() -> None:
    assert not set(keys_of(Keys(0, "news"))) & set(keys_of(Keys(0, "sport")))


def test_articles_are_spread_evenly_over_the_partitions() -> None:
    pipeline = Pipeline(partitions=7)
    counts = Counter(
        pipeline.keys_for(article_id(f"https://news.example/{number}")).partition for number in range(14_000)
    )
    assert set(counts) == set(range(7))
    # 2,000 are expected in each; five standard deviations are about 200.
    assert all(1_800 < count < 2_200 for count in counts.values())


def test_an_article_is_in_the_same_partition_every_time() -> None:
    article = article_id("https://news.example/one")
    assert Pipeline(partitions=8).keys_for(article) == Pipeline(partitions=8).keys_for(article) == Keys(1)


def test_a_pipeline_of_one_partition_has_one_place_for_all() -> None:
    assert Pipeline().all_keys() == (Keys(0),)
    assert Pipeline().keys_for(article_id("https://news.example/one")).stream(FINISHED) == "coranto:{p0}:finished"
