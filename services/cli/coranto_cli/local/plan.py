"""What is to run on this machine: which services, how many of each, and with which settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coranto.client import environment
from coranto.topology import SERVICES
from coranto_cli.errors import USAGE, CommandError

PORTS_FOR_EACH = 20
_HEALTH_PORT = 9400

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
    "CORANTO_FEEDER__SHORTEST_INTERVAL": "3",
    "CORANTO_FEEDER__LONGEST_INTERVAL": "3",
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
    health_port: int = 0
    """First of the ports for /ready and /metrics, see `port_of`; 0 takes free ones."""
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
    health_port: int = 0,
    is_fresh: bool = False,
) -> Plan:
    """What to run. Raises CommandError when an option names a service there is none of."""
    directory = environment.data_directory(data)
    return Plan(
        data=directory,
        replicas=parse_replicas(scale, services),
        redis_url=os.environ.get("CORANTO_REDIS__URL"),
        settings=settings or {},
        health_port=health_port,
        is_fresh=is_fresh,
        is_data_named=data is not None,
    )


def port_of(plan: Plan, service: str, number: int) -> int:
    """Port of the service's process: twenty for each service, in the order of the pipeline. 0 for a free one."""
    if not plan.health_port or number > PORTS_FOR_EACH:
        return 0
    return plan.health_port + PORTS_FOR_EACH * list(SERVICES).index(service) + number - 1


def health_port() -> int:
    """CORANTO_HEALTH__PORT, else 9400. Raises CommandError when it is not a port."""
    told = os.environ.get("CORANTO_HEALTH__PORT", str(_HEALTH_PORT))
    most = 65_535 - PORTS_FOR_EACH * len(SERVICES)
    if not (told.isascii() and told.isdigit()) or int(told) > most:
        raise CommandError(
            f"CORANTO_HEALTH__PORT must be a port up to {most}, or 0 for free ones, got {told!r}", exit_code=USAGE
        )
    return int(told)


def parse_replicas(scale: Sequence[str], services: Sequence[str]) -> dict[str, int]:
    """Number of processes of each service that is to run. Raises CommandError when the options make no sense."""
    for name in services:
        _known(name)
    replicas = {name: 1 for name in SERVICES if not services or name in services}
    for option in scale:
        name, _, number = option.partition("=")
        _known(name)
        if not (number.isascii() and number.isdigit()) or int(number) > 64:
            raise CommandError(
                f"--scale {option}: expected SERVICE=N with N from 0 to 64, such as extractor=2", exit_code=USAGE
            )
        if name == "gateway" and int(number) > 1:
            raise CommandError(f"--scale {option}: one gateway serves one address; expected 0 or 1", exit_code=USAGE)
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
