"""How long a host is left alone after a request: the settings for all, and a file with what certain hosts want."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from coranto.domains import registered_domain

_MOST_SECONDS: Final = 86_400


class WrongHostsFileError(ValueError):
    """The file of hosts cannot be used; the text says what was seen and what was expected."""


@dataclass(frozen=True, slots=True)
class HostRule:
    """What the file says of one host."""

    min_delay: timedelta | None = None
    """Pause after each request instead of the general one; shorter too, where the host agrees."""
    ignores_crawl_delay: bool = False
    """True for a host whose crawl-delay does not count, because its owner says so elsewhere."""


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """The pause after each request, for every host."""

    min_delay: timedelta = timedelta(seconds=2)
    max_crawl_delay: timedelta = timedelta(seconds=60)
    """A longer crawl-delay is shortened to this."""
    rules: Mapping[str, HostRule] = field(default_factory=dict)
    """By host key, see `host_key`."""

    def delay_for(self, host: str, *, crawl_delay: timedelta | None = None) -> timedelta:
        """The pause after a request to this host key, whose robots.txt asks for this crawl-delay."""
        rule = self.rules.get(host)
        delay = self.min_delay if rule is None or rule.min_delay is None else rule.min_delay
        if crawl_delay is None or (rule is not None and rule.ignores_crawl_delay):
            return delay
        return max(delay, min(crawl_delay, self.max_crawl_delay))


def read_hosts_file(path: Path) -> dict[str, HostRule]:
    """The rules of a TOML file with a table for each host. Raises WrongHostsFileError when it cannot be read or understood.

    ["paper.example"]
    min_delay = 10               # seconds after each request
    ignores_crawl_delay = false
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WrongHostsFileError(f"the file of hosts {path} cannot be read: {error}") from error
    return {_key(name): _rule(path, name, table) for name, table in tables.items()}


def _key(name: str) -> str:
    host, _, port = name.lower().partition(":")
    # As `host_key` makes it: the port belongs only to hosts that have no registered domain.
    return name.lower() if port else registered_domain(host)


def _rule(path: Path, name: str, table: object) -> HostRule:
    where = f'in {path}, ["{name}"]'
    if not isinstance(table, dict):
        raise WrongHostsFileError(f"{where}: expected a table such as min_delay = 10, got {table!r}")
    if unknown := sorted(set(table) - {"min_delay", "ignores_crawl_delay"}):
        raise WrongHostsFileError(f"{where}: expected min_delay or ignores_crawl_delay, got {', '.join(unknown)}")
    seconds, ignores = table.get("min_delay"), table.get("ignores_crawl_delay", False)
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0 <= seconds <= _MOST_SECONDS):
        raise WrongHostsFileError(f"{where}: min_delay must be seconds from 0 to {_MOST_SECONDS}, got {seconds!r}")
    if not isinstance(ignores, bool):
        raise WrongHostsFileError(f"{where}: ignores_crawl_delay must be true or false, got {ignores!r}")
    return HostRule(None if seconds is None else timedelta(seconds=seconds), ignores)
