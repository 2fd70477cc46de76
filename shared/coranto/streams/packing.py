"""Events as they wait in the queues of hosts: packed, because there may be a million of them.

Each is deflated by itself against a text that has what events have in common, which halves them once more.
"""

from __future__ import annotations

import zlib
from typing import Final

# The most common last: what stands near the end costs least to refer to.
_COMMON: Final = (
    b'"saved":{"content_type":"text/html","page":{"key":"sha256-","author":"summary":"updated":"2026-"authors":["'
    b'"discovered_via":"submit""sitemap","priority":"backlog""is_recrawl":true,"https://www..html?id=http://127.0.0.1:'
    b'{"specversion":"1.0","type":"coranto.article.discovered.v2","source":"coranto/feeder","id":"","subject":"",'
    b'"datacontenttype":"application/json","traceparent":"00-","data":{"id":"","key":"https://www.","url":"https://www.",'
    b'"discovery":{"url":"https://www.","submission":"","source":"","tags":[],"discovered_via":"feed","discovered_at":"2026-'
    b'01-01T00:00:00.000000Z","priority":"live","is_recrawl":false,"hints":{"title":"","published":"2026-01-01T00:00:00Z",'
    b'"language":"en"}}}}'
)


def pack(event: bytes) -> bytes:
    """The event, smaller."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, _COMMON)
    return packer.compress(event) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """The event as it was. Raises ValueError for anything else."""
    unpacker = zlib.decompressobj(-15, _COMMON)
    try:
        event = unpacker.decompress(packed) + unpacker.flush()
    except zlib.error as error:
        raise ValueError(f"a packed event cannot be unpacked: {error}") from error
    if not unpacker.eof:
        raise ValueError("a packed event is cut short")
    return event
