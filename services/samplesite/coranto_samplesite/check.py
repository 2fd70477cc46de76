"""Whether the sample site's pages came to what they must: records and ledger compared with the expectations.

A pure function over values, so that `make run` and the tests share it. It asks what a careful editor would ask, and
forgives only what such an editor would: white space, and the hour where a page gives none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from coranto.records import Content, FinishedArticle, Person
from coranto_samplesite.expectations import Expectation
from coranto_samplesite.pages import ArticleText

_ANSWERED_BY_MODELS = frozenset({"topic", "person", "organisation", "place"})
_Finding = tuple[str, str]
"""What a mismatch is about, and what is to be said."""

_UNZONED_TOLERANCE = timedelta(hours=14)
"""No two places on earth differ by more, so a date without a zone is right within it."""


class Outcome(Protocol):
    """A line of the ledger, as far as it matters here."""

    @property
    def url(self) -> str:
        """Canonical address."""

    @property
    def stage(self) -> str:
        """Stage that ended it."""

    @property
    def outcome(self) -> str:
        """`stored`, `dropped` or `dead`."""

    @property
    def reason(self) -> str:
        """Reason from the stage's closed list."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that is not as the page says it must be."""

    page: str
    url: str
    about: str
    """The field it is about, such as `title` or `place`; `outcome` when the page came to another end."""
    what: str

    @property
    def is_of_a_model(self) -> bool:
        """True when a statistical model gave the answer, which is right often and not always."""
        return self.about in _ANSWERED_BY_MODELS

    def __str__(self) -> str:
        return f"{self.page}: {self.what} ({self.url})"


def mismatches(
    expectations: Iterable[Expectation],
    records: Iterable[FinishedArticle],
    ledger: Iterable[Outcome],
    *,
    corrections_seen: bool | None = None,
) -> list[Mismatch]:
    """Every mismatch between what must have become of the listed pages and what did; empty when all is well.

    `records` are the latest revisions. `corrections_seen` says whether the feeds were polled again after the pages were
    read: True asks for the corrected text, False for the first one, None takes either.
    """
    by_url: defaultdict[str, list[FinishedArticle]] = defaultdict(list)
    stored = list(records)
    for record in stored:
        for url in _addresses(record):
            by_url[url].append(record)
    ended: defaultdict[str, list[Outcome]] = defaultdict(list)
    for line in ledger:
        ended[line.url].append(line)
    listed = [expectation for expectation in expectations if expectation.is_listed]
    found: list[Mismatch] = []
    for expectation in listed:
        findings = _examine(expectation, by_url, ended[expectation.url], corrections_seen)
        found.extend(Mismatch(expectation.name, expectation.url, about, what) for about, what in findings)
    known = {expectation.url for expectation in listed}
    found += [
        Mismatch(
            "(no page)", record.url, "outcome", f"a record that no page accounts for: {_quote(record.content.title)}"
        )
        for record in stored
        if known.isdisjoint(_addresses(record))
    ]
    return found


def _addresses(record: FinishedArticle) -> set[str]:
    """The addresses that led to the article, and the one that it is at home under."""
    return {record.discovery.url, record.fetch.final_url, record.url}


def _examine(
    expectation: Expectation,
    by_url: Mapping[str, list[FinishedArticle]],
    ended: Sequence[Outcome],
    corrections_seen: bool | None,
) -> Iterator[_Finding]:
    fate, records = expectation.fate, by_url.get(expectation.url, [])
    if len(records) > 1:
        yield "outcome", f"stored {len(records)} times, expected once"
    if fate.outcome == "merged":
        if any(record.url == expectation.url for record in records):
            yield "outcome", f"stored as an article of its own, expected to be taken for {fate.same_as}"
        return
    if fate.outcome != "stored":
        yield from _examine_end(expectation, records, ended)
    elif not records:
        yield "outcome", f"not stored, {_how_it_ended(ended)}"
    else:
        article = _version(expectation, records[0], corrections_seen)
        if article is not None:
            yield from _examine_content(expectation, article, records[0])
            yield from _examine_classification(expectation, article, records[0])
        if expectation.story_with is not None:
            yield from _examine_story(expectation.story_with, records[0], by_url)


def _examine_end(
    expectation: Expectation, records: Sequence[FinishedArticle], ended: Sequence[Outcome]
) -> Iterator[_Finding]:
    fate = expectation.fate
    wanted = f"{fate.outcome} by the {fate.stage} with reason {' or '.join(fate.reasons)}"
    if records:
        yield "outcome", f"stored as {_quote(records[0].content.title)}, expected to be {wanted}"
    elif not any(
        line.outcome == fate.outcome and line.stage == fate.stage and line.reason in fate.reasons for line in ended
    ):
        yield "outcome", f"{_how_it_ended(ended)}, expected to be {wanted}"


def _how_it_ended(ended: Sequence[Outcome]) -> str:
    if not ended:
        return "and nothing is known of it"
    return " and ".join(f"{line.outcome} by the {line.stage} with reason {line.reason}" for line in ended)


def _version(expectation: Expectation, record: FinishedArticle, corrections_seen: bool | None) -> ArticleText | None:
    if expectation.corrected is None:
        return expectation.article
    if corrections_seen is None:
        return expectation.corrected if record.storage.revision > 1 else expectation.article
    return expectation.corrected if corrections_seen else expectation.article


def _examine_content(expectation: Expectation, article: ArticleText, record: FinishedArticle) -> Iterator[_Finding]:
    content = record.content
    yield from _compare("title", content.title, article.title)
    yield from _compare("section", content.section, article.section)
    if expectation.states_publisher:
        yield from _compare("publisher", content.publisher, expectation.publisher)
    yield from _examine_people(article, content)
    yield from _examine_date(expectation, article, content)
    yield from _examine_text(expectation, article, content)
    if article.image is not None:
        credit = content.image.credit if content.image else None
        yield from _compare("image credit", credit, article.image.credit)
    if article.tags and content.tags and not _folded_set(content.tags) >= _folded_set(article.tags):
        yield "tags", f"tags are {', '.join(content.tags)}, expected {', '.join(article.tags)}"


def _examine_people(article: ArticleText, content: Content) -> Iterator[_Finding]:
    names = tuple(author.name for author in content.authors)
    if _folded_set(names) != _folded_set(article.authors):
        yield "authors", f"authors are {_names(content.authors)}, expected {', '.join(article.authors) or 'none'}"
    agencies = content.agencies
    if article.agency is not None and _folded(article.agency).casefold() not in _folded_set(agencies):
        yield "agencies", f"agencies are {', '.join(agencies) or 'absent'}, expected {article.agency}"


def _examine_date(expectation: Expectation, article: ArticleText, content: Content) -> Iterator[_Finding]:
    if article.published is None:
        if content.published is not None:
            yield "published", f"published is {content.published.text}, but the page gives no date"
    elif content.published is None:
        yield "published", f"published is absent, expected {article.published.isoformat()}"
    elif not _same_moment(content.published.sort_time, article.published, has_zone=expectation.date_has_zone):
        yield "published", f"published is {content.published.text}, expected {article.published.isoformat()}"


def _same_moment(seen: datetime, wanted: datetime, *, has_zone: bool) -> bool:
    # A second is what rounding may cost; a whole minute is a mismatch.
    return abs(seen - wanted) < (timedelta(minutes=1) if has_zone else _UNZONED_TOLERANCE)


def _examine_text(expectation: Expectation, article: ArticleText, content: Content) -> Iterator[_Finding]:
    wanted = [_folded(block.text) for block in article.blocks]
    text = _folded(content.text)
    for sentence in wanted:
        if sentence not in text:
            yield "text", f"a paragraph is missing: {_quote(sentence)}"
    noise = [sentence for sentence in map(_folded, expectation.noise) if sentence in text]
    for sentence in noise:
        yield "text", f"noise is taken for text: {_quote(sentence)}"
    own = " ".join([*wanted, _folded(article.title), _folded(article.lead or ""), _folded(article.correction or "")])
    for block in content.paragraphs:
        piece = _folded(block.text)
        if piece not in own and not any(sentence in piece for sentence in (*wanted, *noise)):
            yield "text", f"a block that is not the article's: {_quote(piece)}"
    if article.correction is not None and _folded(article.correction) not in text:
        yield from _compare("correction", content.correction, article.correction)


def _examine_classification(
    expectation: Expectation, article: ArticleText, record: FinishedArticle
) -> Iterator[_Finding]:
    classification, fate = record.classification, expectation.fate
    if classification.language.code.partition("-")[0] != article.language:
        yield "language", f"language is {classification.language.code}, expected {article.language}"
    codes = {topic.code for topic in classification.topics}
    if fate.topics and not codes & set(fate.topics):
        yield "topic", f"topics are {', '.join(sorted(codes)) or 'absent'}, expected {' or '.join(fate.topics)}"
    for kind, wanted in (("person", fate.persons), ("organisation", fate.organisations), ("place", fate.places)):
        names = _folded_set(entity.name for entity in classification.entities if entity.type == kind)
        names |= _folded_set(
            alias for entity in classification.entities if entity.type == kind for alias in entity.aliases
        )
        missing = [name for name in wanted if _folded(name).casefold() not in names]
        if missing:
            yield kind, f"{kind}s lack {', '.join(missing)}; they are {', '.join(sorted(names)) or 'none'}"


def _examine_story(
    other_url: str, record: FinishedArticle, by_url: Mapping[str, list[FinishedArticle]]
) -> Iterator[_Finding]:
    others = by_url.get(other_url, [])
    if not others:
        return  # said where that page is examined
    other = others[0]
    story, other_story = record.classification.story, other.classification.story
    if story is None or other_story is None:
        yield "story", f"not recognised as the same story as {other_url}"
    elif story.id != other_story.id and story.of != other.id and other_story.of != record.id:
        yield "story", f"in another story than {other_url}"


def _compare(field: str, seen: str | None, wanted: str | None) -> Iterator[_Finding]:
    if _folded(seen or "").casefold() != _folded(wanted or "").casefold():
        yield field, f"{field} is {_quote(seen)}, expected {_quote(wanted)}"


def _folded(text: str) -> str:
    return " ".join(text.split())


def _folded_set(texts: Iterable[str]) -> set[str]:
    return {_folded(text).casefold() for text in texts}


def _names(people: Sequence[Person]) -> str:
    return ", ".join(person.name for person in people) or "none"


def _quote(text: str | None) -> str:
    if text is None:
        return "absent"
    limit = 90
    return f"“{text if len(text) <= limit else text[: limit - 1] + '…'}”"
