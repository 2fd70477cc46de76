"""What a site reserves against text and data mining in its `/.well-known/tdmrep.json` (W3C TDM Reservation Protocol, 6).

The file is asked for only where the operator obeys it, once a day and site, and only when it is the host's turn.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from coranto.http import WebClient, WebError, WebLimits
from coranto.http.robots.rules import UrlPattern

PATH: Final = "/.well-known/tdmrep.json"

_MAX_BYTES: Final = 200_000
_MOST_RULES: Final = 1000
_LONGEST_PATTERN: Final = 2000
_KEPT_SITES: Final = 2000


@dataclass(frozen=True, slots=True)
class TdmRules:
    """The rules of one site, in the order of its file."""

    rules: tuple[tuple[UrlPattern, bool, str | None], ...] = ()
    """Pattern, whether it is reserved, and the address of a policy."""

    def signals(self, url: str) -> tuple[str, ...]:
        """What the file says of this address, as the headers of the same names would; the first rule that fits decides."""
        for pattern, is_reserved, policy in self.rules:
            if pattern.matches(url):
                signals = (f"tdm-reservation: {int(is_reserved)}",)
                return signals if policy is None else (*signals, f"tdm-policy: {policy}")
        return ()


def read_tdm_rules(body: bytes) -> TdmRules:
    """The rules in a file. What is not as the protocol has it is left out; a file that is no JSON has none."""
    try:
        entries = json.loads(body[:_MAX_BYTES])
    except (ValueError, RecursionError):
        return TdmRules()
    rules = []
    for entry in entries[:_MOST_RULES] if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        location, reservation, policy = entry.get("location"), entry.get("tdm-reservation"), entry.get("tdm-policy")
        if isinstance(location, str) and location[:1] in ("/", "*") and reservation in (0, 1, "0", "1"):
            pattern = UrlPattern.read(location[:_LONGEST_PATTERN])
            rules.append((pattern, str(int(reservation)) == "1", policy[:500] if isinstance(policy, str) else None))
    return TdmRules(tuple(rules))


class TdmCache:
    """The files of sites, kept in this process for a day."""

    _FRESH: Final = timedelta(days=1)
    _RETRY: Final = timedelta(minutes=10)
    _TIMEOUT: Final = timedelta(seconds=10)

    def __init__(self, web: WebClient) -> None:
        self._web = web
        self._kept: OrderedDict[str, tuple[float, TdmRules]] = OrderedDict()
        timeout = min(self._TIMEOUT, web.limits.total_timeout)
        self._limits = WebLimits(total_timeout=timeout, max_body_bytes=_MAX_BYTES, max_decoded_bytes=_MAX_BYTES)

    def find(self, origin: str) -> TdmRules | None:
        """The rules of the site; None when its file must be asked for."""
        fresh_until, rules = self._kept.get(origin, (0.0, TdmRules()))
        return rules if fresh_until > time.monotonic() else None

    async def ask(self, origin: str) -> TdmRules:
        """Ask for the file, once; a redirect is not followed. A site that does not answer has reserved nothing for now."""
        lifetime = self._FRESH
        rules = TdmRules()
        try:
            response = await self._web.get(
                f"{origin}{PATH}", limits=self._limits, wants_body=lambda status, _: status == 200
            )
            if response.status == 200:
                rules = await asyncio.to_thread(read_tdm_rules, response.body)
            elif response.status >= 500 or response.status == 429:
                lifetime = self._RETRY
        except WebError:
            lifetime = self._RETRY
        self._kept[origin] = time.monotonic() + lifetime.total_seconds(), rules
        self._kept.move_to_end(origin)
        while len(self._kept) > _KEPT_SITES:
            self._kept.popitem(last=False)
        return rules
