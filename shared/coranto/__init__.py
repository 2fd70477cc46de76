"""Coranto: news pages in, structured article records out.

    import coranto

    async for article in coranto.subscribe(group="desk"):
        print(article.content.title, article.classification.topics)

`coranto.client.blocking` has the same without an event loop; `coranto.records` has the records.
"""

from importlib.metadata import version

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
