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


# What was packed against one text unpacks against another without an error, and to nonsense. So the first byte says against
# which: whenever the text above changes, it gets a mark of its own, and the one before stays here for what still waits. All
# marks end in the three bits that begin no deflated data; what begins with others was packed before there were marks.
_MARK: Final = 0x07
_TEXTS: Final = {_MARK: _COMMON}
_WITHOUT_MARK: Final = _COMMON


def pack(event: bytes) -> bytes:
    """The event, smaller."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, _COMMON)
    return bytes((_MARK,)) + packer.compress(event) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """The event as it was. Raises ValueError for anything else."""
    if packed[:1] and packed[0] & 0b111 == _MARK:
        text = _TEXTS.get(packed[0])
        if text is None:
            raise ValueError(f"a packed event has the mark {packed[0]:#04x} of another version")
        packed = packed[1:]
    else:
        text = _WITHOUT_MARK
    unpacker = zlib.decompressobj(-15, text)
    try:
        event = unpacker.decompress(packed) + unpacker.flush()
    except zlib.error as error:
        raise ValueError(f"a packed event cannot be unpacked: {error}") from error
    if not unpacker.eof:
        raise ValueError("a packed event is cut short")
    return event
