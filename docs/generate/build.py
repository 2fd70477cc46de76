"""All reference pages together: made as text, compared with a directory, written to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from generate import (
    asyncapi,
    commands,
    examples,
    filters,
    logs,
    metrics,
    names,
    openapi,
    reasons,
    records,
    schemas,
    settings,
    topology,
)
from generate.services import Service, get_services


@dataclass(frozen=True, slots=True)
class StalePage:
    """A page that is not as it should be."""

    page: str
    what: str


def render(services: Sequence[Service] | None = None, *, example_folder: Path = examples.FOLDER) -> dict[str, str]:
    """Every page by its path below `docs/reference/`.

    Raises MissingModuleError when a service is not installed, MissingExampleError when an event type has no example.
    """
    services = get_services() if services is None else services
    return {
        **schemas.render(),
        "asyncapi.yaml": asyncapi.render(),
        "commands.md": commands.render(),
        "filters.md": filters.render(),
        "logs.md": logs.render(services),
        "metrics.md": metrics.render(services),
        "names.md": names.render(services),
        "openapi.json": openapi.render(),
        "reasons.md": reasons.render(services),
        "records.md": records.render(example_folder),
        "settings.md": settings.render(services),
        "topology.md": topology.render(),
    }


def find_stale_pages(pages: Mapping[str, str], directory: Path) -> list[StalePage]:
    """What `write` would change."""
    stale = []
    for name, text in sorted(pages.items()):
        path = directory / name
        if not path.exists():
            stale.append(StalePage(name, "missing"))
        elif path.read_text(encoding="utf-8") != text:
            stale.append(StalePage(name, "stale"))
    stale.extend(StalePage(name, "describes nothing any more") for name in _left_over(pages, directory))
    return stale


def write(pages: Mapping[str, str], directory: Path) -> None:
    """Write the pages, and remove the schemas of events that are gone. Pages written by hand stay as they are."""
    for name in _left_over(pages, directory):
        (directory / name).unlink()
    for name, text in pages.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _left_over(pages: Mapping[str, str], directory: Path) -> list[str]:
    # Only the schemas have a folder of their own; beside the other pages are some that are written by hand.
    found = (path.relative_to(directory).as_posix() for path in (directory / schemas.FOLDER).glob("*.json"))
    return sorted(name for name in found if name not in pages)
