"""What a user names on the command line, such as an address, a file or a directory, and how it becomes submissions."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from coranto.admin.pipeline import ConnectedPipeline
from coranto.client import AsyncClient, Receipt, TooMuchWaitingError, new_submission
from coranto.pages import PageStore
from coranto.records import SavedPage, Submission, content_id
from coranto.urls import SAVED_PAGE_PREFIX, UnsupportedUrlError, canonicalize
from coranto_cli.errors import USAGE, CommandError
from coranto_cli.terminal.console import print_message, progress

CONTENT_TYPES = {".html": "text/html", ".htm": "text/html", ".xhtml": "application/xhtml+xml", ".txt": "text/plain"}
"""Media types of saved pages, by the end of the file's name."""

_WEB = ("http", "https", "feed")
# As people type an address into a browser. It is only looked at where no file has that name.
_BARE_HOST = re.compile(r"(?P<host>localhost|(?:[\w-]+\.)+(?:[^\W\d_]{2,}|\d+))(?::\d+)?(?:/\S*)?")
_FILE_SUFFIXES = {
    *CONTENT_TYPES,
    ".xml",
    ".rss",
    ".atom",
    ".opml",
    ".json",
    ".jsonl",
    ".gz",
    ".zst",
    ".warc",
    ".pdf",
    ".md",
}
# Each of so many first lines of a text file must be an address before it is read as a list; one in an article's text is not enough.
_LISTED_ADDRESS = re.compile(r"(?:https?|feed)://\S+", re.IGNORECASE)
_LIST_HEAD_LINES = 20
_LIST_HEAD_CHARS = 65_536
_AT_ONCE = 200
_ARCHIVED_AT_ONCE = 50
_LARGEST_FILE_BYTES = 100_000_000  # ten times what the fetcher accepts from the web
_LONGEST_WAIT_SECONDS = 5.0

Kind = Literal["auto", "page", "feed"]


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to submit: an address, or a file with a saved page."""

    url: str
    file: Path | None = None


def find_sources(arguments: Iterable[str], lists: Iterable[Path], *, refuse: Callable[[str], None]) -> list[Source]:
    """What the arguments and lists name, in order; anything else is refused with a sentence about it."""
    found: list[Source] = []
    for argument in arguments:
        if argument == "-":
            found += _from_lines(sys.stdin, "standard input", refuse)
        else:
            found += _from_argument(argument, refuse)
    for file in lists:
        try:
            with file.open(encoding="utf-8-sig", errors="replace") as lines:
                found += _from_lines(lines, str(file), refuse)
        except OSError as error:
            raise CommandError(f"the list {file} cannot be read: {error.strerror}", exit_code=USAGE) from error
    return found


def _from_argument(argument: str, refuse: Callable[[str], None]) -> Iterator[Source]:
    path = Path(argument)
    if not argument.strip():
        # Path("") is the working directory: an unset variable in a script would submit whatever lies there.
        refuse("an address, file or directory is empty; name one, such as . for this directory")
    elif urlsplit(argument).scheme in _WEB:
        yield from _from_address(argument, "", refuse)
    elif path.exists() and not os.access(path, os.R_OK):
        refuse(f"{argument} cannot be read: permission denied")
    elif path.is_dir():
        files = sorted(
            file
            for file in path.rglob("*")
            if not _is_hidden(file.relative_to(path))
            and (file.suffix.lower() in CONTENT_TYPES or _is_archive(file))
            and file.is_file()
        )
        if not files:
            refuse(f"{argument} contains no {_suffixes()} files")
        yield from map(_saved, files)
    elif path.is_file():
        if path.suffix.lower() == ".txt" and _lists_addresses(path):
            with path.open(encoding="utf-8-sig", errors="replace") as lines:
                yield from _from_lines(lines, argument, refuse)
        elif path.suffix.lower() in CONTENT_TYPES or _is_archive(path):
            yield _saved(path)
        else:
            refuse(
                f"{argument} is not a saved page; expected {_suffixes()}, .warc, .warc.gz or .warc.zst. "
                "Submit a list of addresses with `coranto submit --from`, add the feeds of an OPML file with "
                "`coranto feeds import`, and name a feed by its address"
            )
    else:
        refuse(f"{argument!r} is neither an http(s) address nor a file or directory here{_suggestion(argument)}")


def _lists_addresses(file: Path) -> bool:
    """Whether a text file is a list of addresses rather than an article: each of its first lines is one."""
    with file.open(encoding="utf-8-sig", errors="replace") as text:
        head = text.read(_LIST_HEAD_CHARS)
    stripped = (line.strip() for line in head.splitlines())
    lines = [line for line in stripped if line and not line.startswith("#")][:_LIST_HEAD_LINES]
    return bool(lines) and all(_LISTED_ADDRESS.fullmatch(line) for line in lines)


def _from_lines(lines: Iterable[str], name: str, refuse: Callable[[str], None]) -> Iterator[Source]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield from _from_address(text, f"{name}, line {number}: ", refuse)


def _from_address(text: str, where: str, refuse: Callable[[str], None]) -> Iterator[Source]:
    try:
        url = web_address(text)
        canonicalize(url)
    except (UnsupportedUrlError, ValueError) as error:
        refuse(f"{where}{error}")
    else:
        yield Source(url)


def _suggestion(text: str) -> str:
    """What was probably meant by a host without a scheme."""
    found = _BARE_HOST.fullmatch(text)
    if found is None or Path(found["host"]).suffix.lower() in _FILE_SUFFIXES:
        return ""
    is_near = found["host"] == "localhost" or found["host"][-1].isdigit()
    return f"; did you mean {'http' if is_near else 'https'}://{text}?"


def web_address(text: str) -> str:
    """The address on the web that was typed. Raises UnsupportedUrlError for any other, with what was probably meant."""
    if urlsplit(text).scheme not in _WEB:
        raise UnsupportedUrlError(f"expected an http(s) address, got {text[:100]!r}{_suggestion(text)}")
    return _without_feed_scheme(text)


def _without_feed_scheme(url: str) -> str:
    """The address of what browsers hand to feed readers as feed://host/path or feed:https://host/path."""
    scheme, _, rest = url.partition(":")
    if scheme.lower() != "feed":
        return url
    return f"http:{rest}" if rest.startswith("//") else rest


def _saved(file: Path) -> Source:
    return Source(file.resolve().as_uri(), file)


def _is_hidden(path: Path) -> bool:
    """Whether it lies in a directory that is not shown, such as .git, or is such a file; what is named by itself is meant."""
    return any(part.startswith(".") for part in path.parts)


def _is_archive(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").removesuffix(".zst").endswith((".warc", ".arc"))


def _suffixes() -> str:
    return ", ".join(CONTENT_TYPES)


async def to_submission(
    source: Source, pages: PageStore, *, kind: Kind = "auto", name: str = "submit", is_recrawl: bool = False
) -> Submission:
    """The submission of one source; a saved page goes to the page store first. Raises OSError or ValueError."""
    if source.file is None:
        return new_submission(source.url, kind=kind, source=name, is_recrawl=is_recrawl)
    size = source.file.stat().st_size
    if size > _LARGEST_FILE_BYTES:
        raise ValueError(f"{source.file} has {size} bytes; saved pages may have {_LARGEST_FILE_BYTES} at most")
    body = await asyncio.to_thread(source.file.read_bytes)
    saved = SavedPage(page=await pages.put(body), content_type=CONTENT_TYPES[source.file.suffix.lower()])
    # By its bytes, not by where it lies: the page says for itself which article it is, and a path is nobody else's business.
    url = f"{SAVED_PAGE_PREFIX}{saved.page.sha256}"
    plain = new_submission(url, kind="page", source=name, is_recrawl=is_recrawl)
    return plain.model_copy(update={"discovered_via": "file", "saved": saved})


async def archived(
    file: Path, pages: PageStore, *, is_recrawl: bool = False, refuse: Callable[[str], None]
) -> AsyncIterator[list[Submission]]:
    """Submissions of an archive's pages, some at a time, each page in the page store first.

    What the archive holds besides pages is told in one sentence at its end. Raises OSError when it cannot be read.
    """
    from coranto.http.archives.pages import ArchivedPage, read_pages  # here, as most commands read no archive

    passed_over: Counter[str] = Counter()
    with file.open("rb") as stream:
        records = read_pages(stream, max_bytes=_LARGEST_FILE_BYTES)
        while read := await asyncio.to_thread(lambda: list(islice(records, _ARCHIVED_AT_ONCE))):
            batch = []
            for one in read:
                if not isinstance(one, ArchivedPage):
                    passed_over[one.reason] += 1
                    if one.reason == "broken":
                        refuse(f"{file}: {one.detail}")
                    continue
                saved = SavedPage(page=await pages.put(one.body), content_type=one.content_type)
                # Whoever reads the same archive again submits the same: what was taken in is not taken in twice.
                again = {} if is_recrawl else {"id": content_id("archived", one.url, saved.page.sha256)}
                plain = new_submission(one.url, kind="page", source=file.name, is_recrawl=is_recrawl)
                batch.append(
                    plain.model_copy(update={"discovered_via": "warc", "saved": saved, "priority": "backlog", **again})
                )
            yield batch
    if passed_over:
        told = ", ".join(f"{number} {reason}" for reason, number in sorted(passed_over.items()))
        print_message(f"{file.name}: records passed over: {told}")


async def _submit_batch(client: AsyncClient, submissions: Sequence[Submission]) -> list[Receipt]:
    """Submit everything, waiting whenever the backlog is full."""
    left, receipts, pause, is_announced = list(submissions), list[Receipt](), 0.5, False
    while left:
        part, left = left[:_AT_ONCE], left[_AT_ONCE:]
        try:
            receipts += await client.submit(part)
            pause = 0.5
        except TooMuchWaitingError as error:
            refused = {submission.id for submission in error.refused}
            receipts += await client.submit(each for each in part if each.id not in refused)
            left = [*error.refused, *left]
            if not is_announced:
                print_message(
                    "the backlog is full; submitting continues as it shrinks (see `coranto top`)", style="yellow"
                )
                is_announced = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_WAIT_SECONDS)
    return receipts


async def submit_all(
    pipeline: ConnectedPipeline,
    sources: Sequence[Source],
    pages: PageStore,
    *,
    kind: Kind = "auto",
    name: str = "submit",
    is_recrawl: bool = False,
    refuse: Callable[[str], None],
    note: Callable[[Sequence[Submission]], Awaitable[None]] | None = None,
) -> list[Receipt]:
    """Submit every source with a progress bar; a file that cannot be read is refused, the others go on.

    `note` is told of submissions before they are sent.
    """
    receipts: list[Receipt] = []
    with progress() as bar:
        task = bar.add_task("submitting", total=len(sources))
        for first in range(0, len(sources), _AT_ONCE):
            batch = []
            for source in sources[first : first + _AT_ONCE]:
                if source.file is not None and _is_archive(source.file):
                    async for part in archived(source.file, pages, is_recrawl=is_recrawl, refuse=refuse):
                        if note is not None:
                            await note(part)
                        receipts += await _submit_batch(pipeline.client, part)
                    continue
                try:
                    batch.append(await to_submission(source, pages, kind=kind, name=name, is_recrawl=is_recrawl))
                except (OSError, ValueError) as error:
                    refuse(str(error))
            if note is not None:
                await note(batch)
            receipts += await _submit_batch(pipeline.client, batch)
            bar.update(task, completed=min(first + _AT_ONCE, len(sources)))
    return receipts
