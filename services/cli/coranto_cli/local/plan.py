"""What is to run on this machine: which services, how many of each, and with which settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coranto.client import environment
from coranto.topology import SERVICES
from coranto_cli.errors import USAGE, CommandError

SAMPLE_SETTINGS: Mapping[str, str] = {
    # The sample site is on loopback, which nobody may fetch from unless told so.
    "CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8",
    "CORANTO_FEEDER__ALLOWED_NETWORKS": "127.0.0.0/8",
    # It is our own, so there is nobody to be polite to; its robots.txt asks for a pause all the same.
    "CORANTO_FETCHER__MIN_DELAY": "0.02",
    # Its articles keep their dates while the calendar goes on.
    "CORANTO_FEEDER__SITEMAP_MAX_AGE": "0",
    # A correction must be noticed within seconds.
    "CORANTO_FEEDER__FIRST_INTERVAL": "3",
    "CORANTO_FEEDER__MIN_INTERVAL": "3",
    "CORANTO_FEEDER__MAX_INTERVAL": "3",
}
"""What the services need to read the sample site."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run, and where."""

    data: Path
    replicas: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(SERVICES, 1))
    """Number of processes of each service."""
    redis_url: str | None = None
    """Address of the user's Redis; None starts our own in the data directory."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Variables for the services, where the user has not set them."""
    is_fresh: bool = False
    """True to begin with an empty data directory: what an earlier run left there is removed."""
    is_data_named: bool = True
    """True when the user named the directory: then it says where things are, whatever the environment says."""


def plan_for(
    data: Path | None,
    *,
    scale: Sequence[str] = (),
    services: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    is_fresh: bool = False,
) -> Plan:
    """What to run. Raises CommandError when an option names a service there is none of."""
    directory = environment.data_directory(data)
    return Plan(
        data=directory,
        replicas=parse_replicas(scale, services),
        redis_url=os.environ.get("CORANTO_REDIS__URL"),
        settings=settings or {},
        is_fresh=is_fresh,
        is_data_named=data is not None,
    )


def parse_replicas(scale: Sequence[str], services: Sequence[str]) -> dict[str, int]:
    """Number of processes of each service that is to run. Raises CommandError when the options make no sense."""
    for name in services:
        _known(name)
    replicas = {name: 1 for name in SERVICES if not services or name in services}
    for option in scale:
        name, _, number = option.partition("=")
        _known(name)
        if not number.isdigit() or int(number) > 64:
            raise CommandError(
                f"--scale {option}: expected SERVICE=N with N from 0 to 64, such as extractor=2", exit_code=USAGE
            )
        replicas[name] = int(number)
    return replicas


def _known(name: str) -> None:
    if name not in SERVICES:
        raise CommandError(f"there is no service {name!r}; the services are {', '.join(SERVICES)}", exit_code=USAGE)


def refuse_invented_articles(plan: Plan) -> None:
    """Raise CommandError when the sample site's articles would reach whoever reads the user's own Redis."""
    if plan.redis_url is not None:
        raise CommandError(
            "the sample site's articles are invented, and the Redis of CORANTO_REDIS__URL may have subscribers: "
            "unset CORANTO_REDIS__URL for a Redis of its own, or name a source of yours",
            exit_code=USAGE,
        )
