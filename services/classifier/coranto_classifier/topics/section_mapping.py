"""What the publisher's section, tags and URL say about the topic: a table that is looked up.

The table is `data/sections.tsv`: section, code (empty for a section that says nothing about the topic), and score, how
often the code is right. A section that covers two topics has both codes with a bar between them. Users may add a table of
the same form, whose lines take precedence.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit

from coranto_classifier.topics.media_topics import codes_of_names, media_topics, top_of

SECTION, TAGS, URL = "section", "tags", "url"
"""Where a hint comes from, in the words that records use in a topic's `from`."""

_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_SPACES = re.compile(r"[\s_]+")
_SECTION_WEIGHT = 1.0
_BREADCRUMB_WEIGHT = 0.95
_URL_WEIGHT = 0.85
_TAG_WEIGHT = 0.75  # an article has many tags, but only one section
_NAME_SCORE = {SECTION: 0.9, TAGS: 0.75}
_DEFAULT_SCORE = 0.9
_PATH_SEGMENTS = 4  # directories of a URL that are looked at
_SLUGS = {
    "politics": "politics", "economics": "economy", "economy": "economy", "business": "business", "finance": "finance",
    "sport": "sport", "sports": "sport", "culture": "culture", "science": "science", "technology": "technology",
    "technology_and_media": "technology", "tech": "tech", "health": "health", "education": "education", "religion": "religion",
    "crime": "crime", "travel": "travel", "lifestyle": "lifestyle", "entertainment": "entertainment", "weather": "weather",
    "environment": "environment", "ecology": "environment", "politika": "politics", "ekonomika": "economy", "kultura": "culture",
    "nauka": "science", "obrazovanie": "education", "zdorovie": "health", "turizm": "travel", "tourism": "travel",
    "football": "football", "hockey": "hockey", "realty": "real estate", "money": "money", "war": "war", "elections": "elections",
    "movies": "movies", "music": "music", "books": "books", "food": "food", "markets": "markets", "climate": "climate",
    "proisshestviya": "происшествия", "incident": "происшествия", "incidents": "происшествия", "army": "армия",
}  # fmt: skip
"""Path segments of news sites, and the section each stands for."""


@dataclass(frozen=True, slots=True)
class TopicHint:
    """The code that one of the publisher's words stands for, how often it is right, and where the word was found."""

    code: str
    score: float
    source: str
    """`SECTION`, `TAGS` or `URL`."""
    word: str
    also: tuple[str, ...] = ()
    """Further codes that the word stands for, as likely as the first."""
    is_vote: bool = True
    """False for a name of the vocabulary: it only chooses a narrower code where the top-level code is given anyway."""

    @property
    def top_codes(self) -> tuple[str, ...]:
        """The top-level codes that the word speaks for."""
        return tuple(dict.fromkeys(top_of(code) for code in (self.code, *self.also)))


def normalize(section: str) -> str:
    """The section as the table spells it: in lower case, with ё as е, single spaces, and no punctuation at the ends."""
    return _SPACES.sub(" ", _EDGES.sub("", section.lower().replace("ё", "е").replace(" and ", " & ")))


class SectionTable:
    """The table of sections, with a user's own lines before the shipped ones."""

    def __init__(self, *own: Path) -> None:
        shipped = files("coranto_classifier").joinpath("data/sections.tsv").read_text(encoding="utf-8")
        self._table: dict[str, tuple[tuple[str, ...], float]] = {}
        self._names = {normalize(name): code for name, code in codes_of_names().items()}
        for text in (shipped, *(path.read_text(encoding="utf-8") for path in own)):
            self._table.update(_read(text))

    def find(self, section: str) -> tuple[tuple[str, ...], float] | None:
        """Codes and score of a section; None when the table does not have it, or says that it tells nothing."""
        codes, score = self._table.get(normalize(section), ((), 0.0))
        return (codes, score) if codes else None

    def hints(
        self, *, section: str | None, breadcrumbs: Sequence[str] = (), tags: Sequence[str] = (), url: str | None = None
    ) -> list[TopicHint]:
        """Everything the publisher's words say about the topic; of each kind of word, the one with the highest score."""
        found = [
            *self._best([section] if section else [], _SECTION_WEIGHT, SECTION),
            *self._best(breadcrumbs, _BREADCRUMB_WEIGHT, SECTION),
            *self._best(tags, _TAG_WEIGHT, TAGS),
            *self._best(_path_words(url), _URL_WEIGHT, URL),
        ]
        if section:
            found = [hint for hint in found if not (hint.source == SECTION and hint.word != section)] or found
        sections = [*([section] if section else []), *breadcrumbs]
        named = [*self._named(sections, SECTION), *self._named(tags, TAGS)]
        words = {hint.word for hint in found}
        return [*found, *(hint for hint in named if hint.word not in words)]

    def _named(self, words: Iterable[str], source: str) -> Iterator[TopicHint]:
        """Hints from words that are names in the vocabulary, such as "Climate change"."""
        for word in words:
            code = self._names.get(normalize(word))
            if code is not None:
                yield TopicHint(code, _NAME_SCORE[source], source, word, is_vote=False)

    def _best(self, words: Iterable[str], weight: float, source: str) -> Iterator[TopicHint]:
        hints = [
            TopicHint(found[0][0], found[1] * weight, source, word, found[0][1:])
            for word in words
            for part in (word, *re.split(r"\s*[/|>»:]\s*", word))
            if (found := self.find(part)) is not None
        ]
        if hints:
            yield max(hints, key=lambda hint: hint.score)


def _path_words(url: str | None) -> list[str]:
    """Sections that the directories of a URL name."""
    if not url:
        return []
    segments = [unquote(segment).lower() for segment in urlsplit(url).path.split("/")[:-1] if segment]
    return [_SLUGS.get(segment, segment.replace("-", " ")) for segment in segments[:_PATH_SEGMENTS]]


def _read(text: str) -> Mapping[str, tuple[tuple[str, ...], float]]:
    """The lines of a table. Raises ValueError that names the line when a column is missing or a code is not in the vocabulary."""
    table: dict[str, tuple[tuple[str, ...], float]] = {}
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    # The column's earlier name is still read: users have tables of their own.
    name_column = next((name for name in ("section",) if name in (rows.fieldnames or ())), None)
    if name_column is None:
        raise ValueError(f"the table of sections has no column 'section'; its first line is {rows.fieldnames}")
    for number, row in enumerate(rows, start=2):
        codes = tuple(code.strip() for code in (row.get("code") or "").split("|") if code.strip())
        for code in codes:
            if code not in media_topics():
                raise ValueError(
                    f"line {number} of the table of sections: {code!r} is no Media Topics code; see data/mediatopics.tsv"
                )
        score = float(row.get("score") or _DEFAULT_SCORE) if codes else 0.0
        table[normalize(row[name_column])] = (codes, score)
    return table
