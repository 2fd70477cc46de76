"""Tells a user before a run, instead of in its result, that public sites are not asked without a contact."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from pydantic import Field

from coranto.http import special_range
from coranto.http.settings import SharedWebSettings
from coranto.urls import host_of
from coranto.worker.settings import WorkerSettings
from coranto_cli.errors import USAGE, CommandError


class _Settings(WorkerSettings):
    fetcher: SharedWebSettings = Field(default_factory=SharedWebSettings)


def web_settings() -> SharedWebSettings:
    """The settings by which the services go to the web."""
    return _Settings().fetcher


def require_contact(urls: Iterable[str]) -> None:
    """Raise CommandError when one of these is on a public host and nobody has said how the operator is reached."""
    settings = web_settings()
    # In networks of one's own, a name says nothing about where its host is.
    if settings.has_contact or settings.allowed_networks:
        return
    public = next((url for url in urls if _is_public(url)), None)
    if public is not None:
        raise CommandError(
            f"not fetched: {public}\nSites are asked only by a client that says how its operator is reached. Set a web page or "
            "a mail address of yours, which becomes part of the User-Agent:\n"
            f"    CORANTO_FETCHER__CONTACT=you@your.site coranto run {public}",
            exit_code=USAGE,
        )


def _is_public(url: str) -> bool:
    host = host_of(url)
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return special_range(ip_address(host)) is None
    except ValueError:
        return True
