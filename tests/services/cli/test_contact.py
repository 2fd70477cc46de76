"""Public sites are asked only by a client that names a contact, and `coranto run` says so before it starts anything."""

from __future__ import annotations

import pytest

from coranto_cli.errors import USAGE, CommandError
from coranto_cli.given.contact import require_contact


def test_run_on_a_public_site_says_what_to_set() -> None:
    with pytest.raises(
        CommandError, match=r"CORANTO_FETCHER__CONTACT=you@your\.site coranto run https://example\.org/"
    ) as refused:
        require_contact(["http://localhost:8000/", "http://127.0.0.1/", "https://example.org/"])
    assert refused.value.exit_code == USAGE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONTACT", "https://your.site/bot"),
        ("USER_AGENT", "YourBot/1.0 (+https://your.site/bot)"),
        ("ALLOWED_NETWORKS", "10.0.0.0/8"),
    ],
)
def test_contact_may_be_set_in_several_ways(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"CORANTO_FETCHER__{name}", value)
    require_contact(["https://example.org/"])
