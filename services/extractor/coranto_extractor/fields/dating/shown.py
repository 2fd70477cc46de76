"""The dates that the page shows to its readers, near the headline or behind a label."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from coranto.records.sections import ArticleDate
from coranto_extractor.fields.dating.date_reader import DateReader
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.fields.places import Places
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.scripts import CAPITALS
from coranto_extractor.page.blocks import Block

_REGIONS_OF_OTHER_DATES = frozenset({"nav", "aside", "comment", "caption"})
# Agencies begin the first paragraph with the date, so of a longer block that begins with a digit, the second length is searched.
_MAX_DATE_BLOCK_CHARS = 160
_DATELINE_CHARS = 40
# A label such as “updated” begins within this many characters, and an element that is only a label is at most this long.
_MAX_CHARS_BEFORE_LABEL = 20
_MAX_LABEL_CHARS = 40
_MIN_LABEL_CHARS_IN_PROSE = 6
# A paragraph of the text tells the day only at its beginning: “5 January 2024. …”, “Berlin, 5 January 2024 – …”.
_MIN_PARAGRAPH_CHARS = 80
_BEGINS_WITH_DATELINE = re.compile(r"[(\[]?\d|[^.!?\d]{2,40}\d.{2,24}?[-–—:(]")
# With letters in its path: some pages write the day behind their host without a space.
_URL = re.compile(r"https?://[^\s/]+/\S*[^\W\d_]\S*")
_CAPITALISED = rf"[{CAPITALS}][\w.’'-]{{0,30}}"
# Of a long paragraph, nothing but a place, perhaps a source, and a month may stand before the day.
_DATELINE = re.compile(
    rf"(?:{_CAPITALISED} ){{0,3}}{_CAPITALISED} ?[,/] ?(?:{_CAPITALISED}[ ,/]{{1,3}}){{0,4}}"
    rf"\d[^!?—–]{{2,20}}?\s?(?:[—–/]|\s-\s|\([{CAPITALS}]{{2}})"
)
_BEGINS_WITH_NUMBER = re.compile(r"[(\[]?\d")
# So many linked lines between a date and the headline are a menu.
_MIN_MENU_LINKS = 3
_MAX_LINK_SHARE = 0.5

Label = Literal["published", "updated"]


@dataclass(frozen=True)
class ShownDates:
    """The dates shown near the headline and the text: of publication (or without a label), and of the last change."""

    published: list[ArticleDate]
    updated: list[ArticleDate]

    @property
    def all(self) -> list[ArticleDate]:
        """Those of publication first."""
        return [*self.published, *self.updated]


def find_shown_dates(reading: PageReading, reader: DateReader) -> ShownDates:
    """The dates near the headline and the text, in the order of the page. One in the title comes last."""
    near = [block for block in reading.near_headline if not _is_of_site(block, reading)]
    texts = set(reading.texts)
    published: list[ArticleDate] = []
    updated: list[ArticleDate] = []
    labelled_indexes = {block.index + 1 for block in near if _is_label("updated", block.text)}
    other_indexes = {block.index + 1 for block in near if _is_other_label(block.text)}
    # “What I saw on 5 May 2024” tells the day of publication only where nothing else does.
    for block in sorted(near, key=lambda block: block.text == reading.title):
        if block.index in other_indexes or _opens_with_other_label(block.text):
            continue
        # The day in an address that is shown is of another page.
        text = _URL.sub("", _text_with_date(block))
        is_paragraph = block.is_prose and len(block.text) > _MIN_PARAGRAPH_CHARS and block.text in texts
        if is_paragraph and not (_BEGINS_WITH_DATELINE.match(text) or _DATELINE.match(text)):
            continue
        moment = next(filter(None, map(reader.shown, _readings(block, text))), None)
        if moment is None:
            continue
        if block.index in labelled_indexes and text[0].isdigit():
            updated.append(moment)
            continue
        label = phrase_lists.any_phrase("updated").search(text)
        first, last = _beside_label(text, label, reader) if label else (moment, None)
        published.extend(filter(None, [first]))
        updated.extend(filter(None, [last]))
    return ShownDates(published, updated)


def find_labelled_dates(reading: PageReading, reader: DateReader, places: Places, kind: Label) -> list[ArticleDate]:
    """The dates behind such a label, or in the element after it, anywhere outside other articles' boxes."""
    found = []
    for block in reading.blocks:
        label = phrase_lists.any_phrase(kind).match(block.text)
        # A sentence may begin with a small word that is also a label: “On 4 May 2023”.
        if label is None or (block.is_prose and label.end() < _MIN_LABEL_CHARS_IN_PROSE):
            continue
        # “Date of birth” begins with a label of publication as well.
        if phrase_lists.any_phrase("other_date_labels").match(block.text):
            continue
        if block.regions & _REGIONS_OF_OTHER_DATES or places.is_in_teaser(block.element):
            continue
        rest = block.text[label.end() : _MAX_DATE_BLOCK_CHARS].strip(" :")
        following = reading.blocks[block.index + 1 : block.index + 2]
        moment = reader.shown(rest or next((other.text for other in following), ""))
        if moment:
            found.append(moment)
    return found


def _is_of_site(block: Block, reading: PageReading) -> bool:
    """True for a line on the holder of rights, and for what stands above the menu: there, pages show today's date."""
    headline = reading.near_headline[0].index
    if "©" in block.text and phrase_lists.any_phrase("published").search(block.text) is None:
        return True
    between = reading.blocks[block.index : headline]
    links = sum(1 for other in between if other.link_share > _MAX_LINK_SHARE)
    return links >= _MIN_MENU_LINKS or any("nav" in other.regions for other in between)


def _readings(block: Block, text: str) -> Iterator[str]:
    """The text as it is, and the other ways to put its elements together: calendar sheets have day, month and year in three."""
    yield text
    if text != block.text[: len(text)]:
        yield _URL.sub("", block.text)
        yield text.replace(" | ", " ")


def _text_with_date(block: Block) -> str:
    """The beginning of the block that may contain a date."""
    text = block.text
    if len(text) <= _MAX_DATE_BLOCK_CHARS:
        return block.text_apart
    dateline = _DATELINE.match(text)
    if dateline:
        return dateline[0]
    return text[:_DATELINE_CHARS] if _BEGINS_WITH_NUMBER.match(text) else ""


def _beside_label(
    text: str, updated: re.Match[str], reader: DateReader
) -> tuple[ArticleDate | None, ArticleDate | None]:
    """The dates of publication and of the last change in a line that labels the second: “5 January | Updated 6 January”."""
    before, behind = reader.shown(text[: updated.start()]), reader.shown(text[updated.end() :])
    if before is None:
        first = _published_after_update(text, updated.end(), reader)
        return first, None if first else behind
    if behind is None and updated.start() < _MAX_CHARS_BEFORE_LABEL:
        return None, before
    return before, behind


def _published_after_update(text: str, start: int, reader: DateReader) -> ArticleDate | None:
    """The second date in “Last change: 31.10.2023. Published: 01.11.2023”; None when the text goes on differently."""
    for label in phrase_lists.any_phrase("published").finditer(text, start):
        # In “Updated on 5 January”, “on” stands before the date and says nothing about publication.
        if any(map(str.isdigit, text[start : label.start()])):
            return reader.shown(text[label.end() :])
    return None


def _is_label(key: str, text: str) -> bool:
    """True for “Last change:” in an element of its own."""
    is_label = len(text) <= _MAX_LABEL_CHARS and text.endswith(":")
    return is_label and phrase_lists.any_phrase(key).search(text) is not None


def _is_other_label(text: str) -> bool:
    """True for “Deadline” in an element of its own, with or without a colon."""
    bare = text.removesuffix(":").strip()
    return (
        _is_label("other_date_labels", text) or phrase_lists.any_phrase("other_date_labels").fullmatch(bare) is not None
    )


def _opens_with_other_label(text: str) -> bool:
    """True for “Deadline: 5 January 2024”. Without a colon, “since” and the like may stand for a place: “Desde Madrid”."""
    label = phrase_lists.any_phrase("other_date_labels").match(text)
    return label is not None and (label[0].endswith(":") or text[label.end() :].lstrip().startswith(":"))
