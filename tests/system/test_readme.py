"""The record in README.md is what the sample site gives: what is left out is marked by an ellipsis, the rest is true."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from coranto.records import article_id
from coranto_samplesite.server import SampleSite

ROOT = Path(__file__).resolve().parents[2]
MORE = "…"
_LISTENING = "http://127.0.0.1:8765"


def shown() -> dict[str, Any]:
    """The README's record; a list or an object that is cut short holds an ellipsis of its own."""
    (text,) = re.findall(
        r"^```json\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    text = re.sub(rf",\s*{MORE}(\s*\}})", rf', "{MORE}": "{MORE}"\1', text)
    record: dict[str, Any] = json.loads(re.sub(rf",\s*{MORE}(\s*\])", rf', "{MORE}"\1', text))
    return record


def differences(claim: Any, truth: Any, where: str = "") -> list[str]:
    """What the claim says that is not true, or hides without an ellipsis."""
    if isinstance(claim, dict) and isinstance(truth, dict):
        left_out = [] if MORE in claim else [f"{where}.{name} is left out" for name in truth if name not in claim]
        return left_out + [
            line
            for name, value in claim.items()
            if name != MORE
            for line in differences(value, truth.get(name), f"{where}.{name}")
        ]
    if isinstance(claim, list) and isinstance(truth, list):
        wanted = [value for value in claim if value != MORE]
        if len(truth) < len(wanted) or (len(truth) > len(wanted) and MORE not in claim):
            return [f"{where} has {len(truth)} elements"]
        return [
            line
            for number, (one, other) in enumerate(zip(wanted, truth, strict=False))
            for line in differences(one, other, f"{where}[{number}]")
        ]
    if isinstance(claim, str) and isinstance(truth, str) and MORE in claim:
        begin, _, end = claim.partition(MORE)
        return [] if truth.startswith(begin) and truth.endswith(end) else [f"{where} is {truth!r}"]
    return [] if claim == truth else [f"{where} is {truth!r}, not {claim!r}"]


async def test_the_record_in_the_readme_is_what_the_sample_site_gives(tmp_path: Path) -> None:
    claim = shown()
    url = claim["discovery"]["url"]
    async with SampleSite(port=0, wire_port=0) as site:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "coranto_cli", "try", site.base_url + urlsplit(url).path, "--json"),
            env=os.environ | {"CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8"},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
        )
        answer, _ = await process.communicate()
        # The site of `make run` has a port of its own, and its pages name it: id, size and hash of the page follow from that.
        record = json.loads(answer.decode().replace(site.base_url, _LISTENING))["record"]
    assert claim.pop("id") == article_id(url)
    # `coranto try` stores nothing, so the sink's section is not in its record.
    assert claim.pop("storage") == {"revision": 1, "change": "created", MORE: MORE}
    assert [line for name in claim for line in differences(claim[name], record[name], name)] == []


def test_a_claim_that_hides_or_invents_is_found() -> None:
    truth = {"a": [1, 2], "b": "long text", "c": {"d": 1, "e": 2}}
    assert differences({"a": [1, MORE], "b": f"long{MORE}", "c": {"d": 1, MORE: MORE}}, truth) == []
    for wrong in (
        {"a": [1], "b": "long text", "c": {"d": 1, "e": 2}},
        {"a": [1, 2], "b": f"short{MORE}", "c": {"d": 1, "e": 2}},
        {"a": [1, 2], "b": "long text", "c": {"d": 1}},
        {"a": [1, 2], "b": "long text"},
        {"a": [1, 2], "b": "long text", "c": {"d": 1, "e": 2}, "f": 1},
        {"a": [2, MORE], "b": "long text", "c": {"d": 1, "e": 2}},
    ):
        assert len(differences(wrong, truth)) == 1
