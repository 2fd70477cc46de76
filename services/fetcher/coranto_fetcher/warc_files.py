"""Writes what was asked and answered to WARC files (ISO 28500), which the tools of web archives read.

Bodies are written unpacked, and the headers that spoke of their packing are renamed, as those tools do. A body that was
written before is a revisit record that refers to it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from multidict import CIMultiDictProxy
from warcio.statusandheaders import StatusAndHeaders  # type: ignore[import-untyped]  # the package has no types
from warcio.warcwriter import WARCWriter  # type: ignore[import-untyped]

from coranto.http import WebClient, WebError, WebLimits, WebResponse
from coranto.http.response.decoding import BodySink

_REMEMBERED_BODIES: Final = 100_000
_OF_PACKING: Final = frozenset({"content-encoding", "transfer-encoding", "content-length"})
# Cookies that we sent are none of an archive's business; those that were set are part of the response.
_NOT_KEPT: Final = frozenset({"cookie", "authorization", "proxy-authorization"})


class ArchiveFailedError(WebError):
    """The archive could not be written: a full disk, or out of reach."""


class WarcFiles:
    """WARC files in a directory: one after the other, each by one process alone. The last one ends in `.open`."""

    def __init__(self, directory: Path, *, max_bytes: int = 1_000_000_000) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._file: IO[bytes] | None = None
        self._path = directory
        self._writer: Any = None
        self._bodies: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._lock = asyncio.Lock()

    async def write(self, sent: Mapping[str, str], response: WebResponse) -> None:
        """Keep one exchange. Raises OSError."""
        async with self._lock:
            await asyncio.to_thread(self._write, sent, response, datetime.now(UTC))

    async def close(self) -> None:
        """End the file that is being written."""
        async with self._lock:
            await asyncio.to_thread(self._end_file)

    def _write(self, sent: Mapping[str, str], response: WebResponse, now: datetime) -> None:
        file = self._open_file()
        before = file.tell()
        try:
            self._write_records(sent, response, now)
            file.flush()
        except OSError:
            # Half a record would make the rest of the file unreadable.
            file.truncate(before)
            file.seek(before)
            raise
        if file.tell() > self._max_bytes:
            self._end_file()

    def _write_records(self, sent: Mapping[str, str], response: WebResponse, now: datetime) -> None:
        url, date = response.url, now.strftime("%Y-%m-%dT%H:%M:%SZ")
        headers = _response_headers(response)
        digest = "sha1:" + base64.b32encode(hashlib.sha1(response.body, usedforsecurity=False).digest()).decode()
        extra = {"WARC-Date": date, "WARC-Payload-Digest": digest}
        if not response.is_body_read:
            extra["WARC-Truncated"] = "unspecified"  # the response was not worth reading to its end
        seen = self._bodies.get(digest) if response.body else None
        if seen is not None:
            record = self._writer.create_revisit_record(
                url, digest, *seen, http_headers=headers, warc_headers_dict=extra
            )
        else:
            record = self._writer.create_warc_record(
                url, "response", payload=BytesIO(response.body), http_headers=headers, warc_headers_dict=extra
            )
        target = urlsplit(url)
        path = f"{target.path or '/'}{'?' + target.query if target.query else ''}"
        lines = [
            ("Host", target.netloc),
            *((name, value) for name, value in sent.items() if name.lower() not in _NOT_KEPT),
        ]
        request = self._writer.create_warc_record(
            url,
            "request",
            payload=BytesIO(b""),
            http_headers=StatusAndHeaders(f"GET {path} HTTP/1.1", lines, is_http_request=True),
            warc_headers_dict={"WARC-Date": date},
        )
        self._writer.write_request_response_pair(request, record)
        if seen is None and response.body:
            self._bodies[digest] = url, date
            while len(self._bodies) > _REMEMBERED_BODIES:
                self._bodies.popitem(last=False)

    def _open_file(self) -> IO[bytes]:
        if self._file is None:
            self._directory.mkdir(parents=True, exist_ok=True)
            name = f"coranto-{datetime.now(UTC):%Y%m%d%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}.warc.gz"
            self._path = self._directory / name
            self._file = self._path.with_name(f"{name}.open").open("xb")
            self._writer = WARCWriter(self._file, gzip=True)
            info = self._writer.create_warcinfo_record(name, {"software": "Coranto", "format": "WARC File Format 1.0"})
            self._writer.write_record(info)
        return self._file

    def _end_file(self) -> None:
        file, self._file, self._writer = self._file, None, None
        if file is not None:
            file.close()
            self._path.with_name(f"{self._path.name}.open").rename(self._path)


class ArchivingClient(WebClient):
    """Another client, every response of which is kept in WARC files."""

    def __init__(self, web: WebClient, files: WarcFiles, *, user_agent: str) -> None:  # it uses the other's connections
        self._web = web
        self.limits = web.limits
        self._files = files
        self._sent = {"User-Agent": user_agent}

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: WebLimits | None = None,
        wants_body: Callable[[int, CIMultiDictProxy[str]], bool] | None = None,
        into: BodySink | None = None,
    ) -> WebResponse:
        """The response, once it is kept, for which its body is held whole. Raises ArchiveFailedError too."""
        response = await self._web.get(url, headers=headers, limits=limits, wants_body=wants_body)
        try:
            await self._files.write(self._sent | dict(headers or {}), response)
        except OSError as error:
            raise ArchiveFailedError(f"the WARC file could not be written: {error}") from error
        if into is not None:
            into.write(response.body)
        return response

    async def close(self) -> None:
        """Close the other client and end the file."""
        await self._web.close()
        await self._files.close()


def _response_headers(response: WebResponse) -> StatusAndHeaders:
    lines = []
    for name, value in response.headers.items():
        plain = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        lines.append((f"X-Archive-Orig-{name}" if name.lower() in _OF_PACKING else name, plain))
    if response.is_body_read:
        lines.append(("Content-Length", str(len(response.body))))
    return StatusAndHeaders(f"{response.status} -", lines, protocol="HTTP/1.1")
