"""What the services say about themselves: found by the names in the topology, read without starting anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from coranto.topology import SERVICES, StageSpec
from coranto.worker.settings import WorkerSettings


class MissingModuleError(RuntimeError):
    """Something that the reference describes is not installed; the text says what and how to install it."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service's own tables."""

    name: str
    stages: tuple[StageSpec, ...]
    settings: type[WorkerSettings]
    reasons: Mapping[str, str]
    systemic: frozenset[str]
    folder: Path
    """Where its sources are."""

    def sources(self) -> Iterator[Path]:
        """Its modules, in order of name."""
        yield from sorted(self.folder.rglob("*.py"))


def get_services(names: Mapping[str, tuple[StageSpec, ...]] = SERVICES) -> tuple[Service, ...]:
    """Every service of the topology. Raises MissingModuleError when one is not there."""
    return tuple(_read(name, stages) for name, stages in names.items())


def _read(name: str, stages: tuple[StageSpec, ...]) -> Service:
    settings = get_module(f"coranto_{name}.settings", install=f"./services/{name}")
    # A service that takes no messages has no reasons to end one.
    reasons = get_module(f"coranto_{name}.reasons", install=f"./services/{name}") if stages else None
    return Service(
        name,
        stages,
        settings.Settings,
        getattr(reasons, "REASONS", {}),
        getattr(reasons, "SYSTEMIC", frozenset()),
        Path(str(settings.__file__)).parent,
    )


def get_module(name: str, *, install: str) -> ModuleType:
    """The module. Raises MissingModuleError when it, or something it needs, is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingModuleError(
            f"the reference describes {name}, but there is no module {error.name}: "
            f"run `make setup`, or `pip install -e {install}`"
        ) from error
