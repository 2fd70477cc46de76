"""Coranto: news pages in, structured article records out.

    import coranto

    async for article in coranto.subscribe(group="desk"):
        print(article.content.title, article.classification.topics)

`coranto.client.blocking` has the same without an event loop; `coranto.records` has the records.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coranto import client, records
    from coranto.client import (
        AsyncClient,
        PipelineMismatchError,
        Receipt,
        Subscription,
        TooMuchWaitingError,
        UnsupportedVersionError,
        blocking,
        submit,
        subscribe,
    )

__all__ = [
    "AsyncClient",
    "PipelineMismatchError",
    "Receipt",
    "Subscription",
    "TooMuchWaitingError",
    "UnsupportedVersionError",
    "blocking",
    "submit",
    "subscribe",
]
__version__ = version("coranto")

_LATE = frozenset({*__all__, "client", "records"})


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Late: a process that reads one page imports parts of this package as well, and needs neither client nor Redis.
    import coranto.client.blocking

    return getattr(coranto.client, name) if name in __all__ else globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})
