"""`coranto status`: every stage and every service process at this moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coranto.admin.pipeline import StageState, connected
from coranto.client import environment
from coranto.streams.interface import Kept
from coranto_cli.local.readiness import ask_ready
from coranto_cli.terminal.console import print_result, print_table, write_json
from coranto_cli.terminal.options import DataOption, JsonOption
from coranto_cli.terminal.stage_table import reason_lines, stage_table


def status(as_json: JsonOption = False, data: DataOption = None) -> None:
    """Show every stage, what waits there, and whether each service reports ready."""
    asyncio.run(_status(as_json, data))


async def _status(as_json: bool, data: Path | None) -> None:
    async with connected(data) as pipeline:
        states, kept = await pipeline.state(), await pipeline.kept()
    services = await _services(data)
    if as_json:
        plain_kept = [_plain_kept(each) for each in kept]
        write_json({"stages": [_plain(state) for state in states], "services": services, "kept": plain_kept})
        return
    print_table(stage_table(states))
    if reasons := reason_lines(states):
        print_result(reasons, style="dim")
    for line, style in _kept_lines(kept):
        print_result(line, style=style)
    for name, service in services.items():
        if not service["is_ready"]:
            print_result(f"{name} is not ready: {service['why']}", style="yellow")
    if services and all(service["is_ready"] for service in services.values()):
        print_result(f"{len(services)} service processes, all ready")
    if addresses := [f"{name} {service['address']}" for name, service in services.items() if service["address"]]:
        print_result(f"/metrics and /ready: {', '.join(addresses)}", style="dim")


async def _services(data: Path | None) -> dict[str, dict[str, Any]]:
    """What each service process of the data directory reports."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted((environment.data_directory(data) / "run").glob("*.address")):
        answer = await ask_ready(file)
        address = file.read_text(encoding="utf-8").strip() if file.exists() else None
        if answer is None:
            found[file.stem] = {"is_ready": False, "why": "no answer", "address": address, "state": {}}
        else:
            found[file.stem] = {
                "is_ready": answer.is_ready,
                "why": _why(answer.state),
                "address": address,
                "state": answer.state,
            }
    return found


def _why(state: Mapping[str, Any]) -> str:
    parts = [str(state.get("state", "unknown"))]
    is_starting = state.get("state") == "starting"
    for name, stage in state.get("stages", {}).items():
        if stage.get("breaker") == "open":
            parts.append(f"{name} stopped reading because of {stage.get('breaker_reason')}")
        if stage.get("redis") not in (None, "ok") and not is_starting:  # it has not tried yet
            parts.append(f"{name} cannot reach Redis")
    parts += [f"{task} failed: {text}" for task, text in state.get("failed_tasks", {}).items()]
    return "; ".join(parts)


def _kept_lines(kept: Sequence[Kept]) -> Iterator[tuple[str, str]]:
    """What is kept for replay, how full that is, and whose groups need a look."""
    for each in kept:
        if each.retention is not None and each.entries:
            limit, used = max(each.fullness.items(), key=lambda item: item[1])
            entries = "1 entry" if each.entries == 1 else f"{each.entries:,} entries"
            size = f"{entries}, {each.bytes / 1_000_000:,.1f} MB"
            yield f"kept in {each.key}: {size}, {used:.0%} of its limit on {limit}", "dim"
        if each.groups_at_risk:
            names = ", ".join(each.groups_at_risk)
            yield f"group {names} on {each.key} will soon lose entries it has not read", "yellow"
        if each.unknown_groups:
            names = ", ".join(each.unknown_groups)
            yield (
                f"group {names} on {each.key} is not one of ours; it holds nothing back and may miss entries",
                "yellow",
            )


def _plain_kept(kept: Kept) -> dict[str, Any]:
    return {
        "stream": kept.key,
        "entries": kept.entries,
        "bytes": kept.bytes,
        "used": {limit: round(used, 4) for limit, used in kept.fullness.items()},
        "groups": [asdict(group) for group in kept.groups],
        "groups_at_risk": kept.groups_at_risk,
        "unknown_groups": kept.unknown_groups,
    }


def _plain(state: StageState) -> dict[str, Any]:
    """The stage's state for JSON."""
    depth = state.depth
    outcomes: dict[str, dict[str, int]] = {}
    for (kind, reason), number in sorted(state.outcomes.items()):
        outcomes.setdefault(kind, {})[reason] = number
    return {
        "stage": state.stage,
        "waiting": depth.waiting,
        "pending": depth.pending,
        "delayed": depth.delayed,
        "dead": depth.dead,
        "oldest_age_seconds": round(depth.oldest_age_seconds, 3),
        "outcomes": outcomes,
    }
