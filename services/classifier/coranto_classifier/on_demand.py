"""Models by language, each loaded when it is first asked for: a text in one language needs none of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TypeVar

T = TypeVar("T")


class OnDemand(Mapping[str, T]):
    """A mapping whose values are made by their loaders, once. What a loader raises, the look-up raises."""

    def __init__(self, loaders: Mapping[str, Callable[[], T]]) -> None:
        self._loaders = {key: cache(loader) for key, loader in loaders.items()}

    def __getitem__(self, key: str) -> T:
        return self._loaders[key]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def __contains__(self, key: object) -> bool:
        return key in self._loaders
