"""What the publisher's own rubric, tags and URL say of the topic: a table as data, looked up and nothing more.

The table is `data/sections.tsv`: rubric, code (empty when the rubric says nothing of the topic), and how far to trust
it. A rubric that covers two topics has both codes, with a bar between. Users add their own table of the same form; its
lines come first.
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

_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_SPACES = re.compile(r"[\s_]+")
_TAG_TRUST = 0.75  # a tag is one of many, a rubric is the publisher's choice
_URL_TRUST = 0.85
_NAME_TRUST = {"rubric": 0.9, "tags": 0.75}
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
"""Path segments of news sites and the rubric each stands for."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What one of the publisher's words says: a code, how far to trust it, and where it stood."""

    code: str
    score: float
    source: str  # rubric, tags or url
    word: str
    also: tuple[str, ...] = ()
    """Further codes the word stands for, as likely as the first."""
    is_vote: bool = True
    """False for a name of the vocabulary: it says which narrower code is meant where the top-level code is given."""

    @property
    def top_codes(self) -> tuple[str, ...]:
        """The top-level codes the word speaks for."""
        return tuple(dict.fromkeys(top_of(code) for code in (self.code, *self.also)))


def normalised(rubric: str) -> str:
    """The rubric as the table spells it: lower case, ё as е, one space, no marks at the ends."""
    return _SPACES.sub(" ", _EDGES.sub("", rubric.lower().replace("ё", "е").replace(" and ", " & ")))


class Rubrics:
    """The table of rubrics, with a user's own lines before it."""

    def __init__(self, *own: Path) -> None:
        shipped = files("coranto_classifier").joinpath("data/sections.tsv").read_text(encoding="utf-8")
        self._table: dict[str, tuple[tuple[str, ...], float]] = {}
        self._names = {normalised(name): code for name, code in codes_of_names().items()}
        for text in (shipped, *(path.read_text(encoding="utf-8") for path in own)):
            self._table.update(_read(text))

    def find(self, rubric: str) -> tuple[tuple[str, ...], float] | None:
        """Codes and trust of a rubric; None when the table does not know it or says it tells nothing."""
        codes, score = self._table.get(normalised(rubric), ((), 0.0))
        return (codes, score) if codes else None

    def hints(
        self, *, section: str | None, breadcrumbs: Sequence[str] = (), tags: Sequence[str] = (), url: str | None = None
    ) -> list[Hint]:
        """Everything the publisher's words say, the strongest word of each kind."""
        found = [
            *self._best([section] if section else [], 1.0, "rubric"),
            *self._best(breadcrumbs, 0.95, "rubric"),
            *self._best(tags, _TAG_TRUST, "tags"),
            *self._best(_path_words(url), _URL_TRUST, "url"),
        ]
        if section:
            found = [hint for hint in found if not (hint.source == "rubric" and hint.word != section)] or found
        rubrics = [*([section] if section else []), *breadcrumbs]
        named = [*self._named(rubrics, "rubric"), *self._named(tags, "tags")]
        said = {hint.word for hint in found}
        return [*found, *(hint for hint in named if hint.word not in said)]

    def _named(self, words: Iterable[str], source: str) -> Iterator[Hint]:
        """Narrower codes that the words name as the vocabulary does: "Coral reef" no, "Climate change" yes."""
        for word in words:
            code = self._names.get(normalised(word))
            if code is not None:
                yield Hint(code, _NAME_TRUST[source], source, word, is_vote=False)

    def _best(self, words: Iterable[str], trust: float, source: str) -> Iterator[Hint]:
        hints = [
            Hint(found[0][0], found[1] * trust, source, word, found[0][1:])
            for word in words
            for part in (word, *re.split(r"\s*[/|>»:]\s*", word))
            if (found := self.find(part)) is not None
        ]
        if hints:
            yield max(hints, key=lambda hint: hint.score)


def _path_words(url: str | None) -> list[str]:
    """Rubrics that the directories of an address name."""
    if not url:
        return []
    segments = [unquote(segment).lower() for segment in urlsplit(url).path.split("/")[:-1] if segment]
    return [_SLUGS.get(segment, segment.replace("-", " ")) for segment in segments[:4]]


def _read(text: str) -> Mapping[str, tuple[tuple[str, ...], float]]:
    """A table as text. Raises ValueError that names the line when a code is not in the vocabulary."""
    table: dict[str, tuple[tuple[str, ...], float]] = {}
    for number, row in enumerate(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE), start=2):
        codes = tuple(code.strip() for code in (row.get("code") or "").split("|") if code.strip())
        for code in codes:
            if code not in media_topics():
                raise ValueError(
                    f"line {number} of the rubric table: {code!r} is no Media Topics code; see data/mediatopics.tsv"
                )
        table[normalised(row["rubric"])] = (codes, float(row.get("score") or 0.9) if codes else 0.0)
    return table
