"""Articles that are split over several pages become one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from coranto.pages import FilePageStore
from coranto.process_pool import OverdueError
from coranto.records import Content, FetchedArticle, FetchedPart, PageRef
from coranto.testing import samples
from coranto_extractor import reader
from coranto_extractor.page_request import PageRequest
from coranto_extractor.refusal import NotAnArticle
from coranto_extractor.stage import extract

Write = Callable[..., bytes]
FIRST = "https://news.example/city/harbour-bridge-opens"
BOX = "<p>Subscribers read this story two days before everybody else, and may comment on it in the evening.</p>"


class ReaderInPlace:
    """Reads in this process; fails where the test says so."""

    def __init__(self, fails_on: str | None = None) -> None:
        self.fails_on = fails_on

    async def read(self, page: bytes, request: PageRequest) -> Content | NotAnArticle:
        if request.url == self.fails_on:
            raise OverdueError("longer than 10 s")
        return reader.read(page, request)


def part_of_the_story(write_page: Write, number: int, *, following: bool) -> bytes:
    link = f'<link rel="next" href="/city/harbour-bridge-opens/{number + 1}">' if following else ""
    own = (
        f"<h2>Chapter {number}</h2>"
        f"<p>Part {number} tells how the bridge was built, and it is long enough to be a paragraph of its own.</p>"
        f'<p>Its last sentence names the <a href="/engineers/{number}">engineers of part {number}</a>.</p>'
    )
    return write_page(title=f"Harbour bridge opens, part {number}", head=link, body=own + BOX)


@pytest.fixture
def pages(tmp_path: Path) -> FilePageStore:
    return FilePageStore(tmp_path / "pages")


@pytest.fixture
async def story(pages: FilePageStore, write_page: Write) -> FetchedArticle:
    """Three pages, the second and the third with little text."""
    link = '<link rel="next" href="/city/harbour-bridge-opens/2">'
    first = write_page(head=link, below=BOX)
    await pages.put(first)
    parts = []
    for number in (2, 3):
        ref = await pages.put(part_of_the_story(write_page, number, following=number == 2))
        parts.append(FetchedPart(url=f"{FIRST}/{number}", content_type="text/html", page=ref))
    article = samples.fetched(FIRST, page=first)
    return article.model_copy(update={"fetch": article.fetch.model_copy(update={"parts": tuple(parts)})})


async def test_pages_become_one_text_and_what_they_repeat_is_included_once(
    story: FetchedArticle, pages: FilePageStore, paragraphs: tuple[str, ...]
) -> None:
    content = (await extract(story, pages=pages, reader=ReaderInPlace(), max_page_bytes=10**6)).content
    texts = [block.text for block in content.paragraphs]
    assert content.title == "Harbour bridge opens again"
    assert texts[: len(paragraphs)] == list(paragraphs)
    assert [text[:6] for text in texts if text.startswith("Part ")] == ["Part 2", "Part 3"]
    assert [block.text for block in content.paragraphs if block.kind == "heading"] == ["Chapter 2", "Chapter 3"]
    assert len([text for text in texts if text.startswith("Subscribers read")]) <= 1
    assert [link.text for link in content.links] == ["engineers of part 2", "engineers of part 3"]
    assert content.word_count == sum(len(text.replace("-", " ").split()) for text in texts)
    assert content.next_page_url is None


async def test_page_that_cannot_be_read_is_named_as_the_next_page(story: FetchedArticle, pages: FilePageStore) -> None:
    slow = ReaderInPlace(fails_on=f"{FIRST}/3")
    content = (await extract(story, pages=pages, reader=slow, max_page_bytes=10**6)).content
    assert content.next_page_url == f"{FIRST}/3"
    assert any(block.text.startswith("Part 2") for block in content.paragraphs)


async def test_page_that_is_missing_is_named_as_the_next_page(story: FetchedArticle, pages: FilePageStore) -> None:
    gone = PageRef(sha256=hashlib.sha256(b"gone").hexdigest(), size_bytes=4)
    parts = (story.fetch.parts[0].model_copy(update={"page": gone}), *story.fetch.parts[1:])
    story = story.model_copy(update={"fetch": story.fetch.model_copy(update={"parts": parts})})
    content = (await extract(story, pages=pages, reader=ReaderInPlace(), max_page_bytes=10**6)).content
    assert content.next_page_url == f"{FIRST}/2"
    assert not any(block.text.startswith("Part ") for block in content.paragraphs)


async def test_first_page_alone_names_the_next_one(story: FetchedArticle, pages: FilePageStore) -> None:
    alone = story.model_copy(update={"fetch": story.fetch.model_copy(update={"parts": ()})})
    content = (await extract(alone, pages=pages, reader=ReaderInPlace(), max_page_bytes=10**6)).content
    assert content.next_page_url == f"{FIRST}/2"
