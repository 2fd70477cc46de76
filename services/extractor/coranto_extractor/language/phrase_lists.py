"""Loads the words of each language from `lists/<code>.toml`, and the names used in HTML from `markup.toml`.

To support another language, add a file: `KEYS` lists everything it may contain. No rule in the code is tied to a language.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from coranto_extractor.language.calendars import CALENDARS
from coranto_extractor.language.scripts import EAST_ASIAN, EAST_ASIAN_CHARACTER

KEYS: dict[str, str] = {
    # Dates.
    "after_year": "words after the year of a date: “5 января 2012 г.”",
    "afternoon": "words beside a clock time that add twelve hours: “pm”",
    "before_month": "words between day and month: “3 de mayo”",
    "before_year": "words between month and year: “mayo de 2020”",
    "calendar_months": "the twelve months of the language's own calendar, in order; see `calendar`",
    "day_units": "characters after the number of the day: “4日”",
    "era_words": "words before a year of the language's own calendar: “พ.ศ. 2563”",
    "first_year_words": "words for the first year of an era: “令和元年”",
    "forenoon": "words beside a clock time that mean the morning: “am”",
    "month_first": "language tags, as pages declare them, for which 3/4/2020 is the fourth of March; "
    "the empty one stands for pages without a language",
    "month_number_words": "words before the number of the month: “24 tháng 4”",
    "month_suffixes": "words after the month in the language's own calendar",
    "month_units": "characters after the number of the month: “3月”",
    "number_labels": "words in front of numbers that only look like dates: “Room 3/4/20”",
    "ordinal_suffixes": "letters right after the number of the day: “3rd”",
    "other_date_labels": "labels of dates that are not the article's: “founded”; with a colon where it may be a section",
    "published": "labels of the date of publication",
    "updated": "labels of the date of the last change",
    "year_first_words": "words after the year in dates that begin with it: “2020 m. balandžio 24”",
    "year_number_words": "words before the number of the year: “năm 2020”",
    "year_units": "characters after the number of the year: “2020年”",
    # Names of people.
    "all_posts": "what links to all articles of an author say",
    "and_words": "words between two names: “Jane Doe and Max Roe”",
    "affiliation_words": "words after a name that introduce an employer or a town: “Jane Doe for the Post”",
    "articles": "words that may open the name of a publication, never that of a person: “The Post”",
    "byline_prefixes": "what a byline begins with: “by”",
    "byline_suffixes": "words that follow the name in a byline, with anything after them: “Jane Doe via Agency”",
    "desk": "words for an editorial desk: “newsroom”",
    "first_surnames": "frequent surnames of a language in which they stand before the given name",
    "host_endings": "endings of web hosts that appear in bylines: “com”",
    "name_particles": "small words in names: “von”",
    "name_titles": "titles and degrees that are not a name by themselves: “Dr”",
    "not_person": "words in names that are not those of a person",
    "possessive_suffixes": "endings in “Jane Doe's blog”",
    "posts_by": "the last word of links such as “View all posts by Jane Doe”",
    "roles": "roles and offices: “reporter”",
    # Pictures.
    "agency_photo_words": "words between an agency and a photographer: “AP Photo/Jane Doe”",
    "credit_by": "words between a photo label and a name, with or without a colon: “Photo by Jane Doe”",
    "credit_of": "words between a photo label and its colon: “Foto de: Juana Paz”",
    "credit_suffixes": "words behind the name of a photographer: “陳俊雄攝”",
    "photo_labels": "labels of photo credits: “photo”",
    "picture_controls": "what the buttons of a picture say: “enlarge image”",
    # Lines that are not part of the text.
    "boilerplate": "what buttons, forms and share lines say",
    "comment_counts": "labels of a comment section when a number stands beside them: “12 responses”",
    "comment_labels": "labels of a comment section",
    "comments": "words for comments in a text dump",
    "counted": "what counters count: “12 shares”; a trailing * stands for any ending",
    "footer_notes": "phrases of notes below the text: who contributed, where to write to",
    "legal": "phrases of copyright and privacy notices",
    "publisher_notices": "phrases in which a publisher speaks about itself: newsletters, commissions",
    "read_also": "labels of links to other articles",
    "signatures": "what a closing note begins with: “reporting by”",
    # What kind of page it is.
    "bot_challenge": "what pages say that want proof of a human reader",
    "consent": "what pages say that ask for consent before they show anything",
    "currencies": "currency names next to a price; a trailing * stands for any ending",
    "error_title": "titles of error pages",
    "login": "what log-in forms say",
    "not_found": "what pages say that are not there",
    "paywall": "what pages say whose text is for subscribers",
    "search": "what the title of a search result page contains",
    "service_titles": "titles of pages that a site has about itself: “privacy policy”",
    "shop": "what shops say beside a product",
    # Other fields.
    "correction": "what a correction note begins with",
    "earlier_version": "phrases of a correction note anywhere in its beginning",
    "home_labels": "names of the front page in breadcrumbs",
    "not_sections": "what navigation says that names no section: “all articles”, “back”",
    "site_words": "words beside the site's name in a tag: “official site”",
    "tag_labels": "labels of a list of tags",
    # How letters are compared.
    "letter_variants": "pairs of letters, the first of which is read as the second: “ёе”",
    # Names in HTML in this language. English ones are in the code, because pages in all languages use them.
    "author_class_names": "how classes of bylines begin",
    "author_url_folders": "folders in a URL that hold pages about authors",
    "caption_class_names": "classes of captions",
    "comment_class_names": "classes of comment sections",
    "credit_class_names": "classes of photo credits",
    "photo_class_names": "classes of pictures",
    "section_class_names": "classes of the name of the section",
    "source_labels": "byline words that name a source or an editor; only an agency counts behind them",
    "source_class_names": "classes of the name of the source",
    "standfirst_class_names": "classes of the standfirst",
    "tag_class_names": "classes of a list of tags",
    "product_url_folders": "folders of product pages in a URL",
    "tag_url_folders": "folders of tag pages in a URL",
}
"""The lists of words that a language's file may contain, each optional, all in lower case.

A file also has `name`, and may have `months` (for each month its names), `calendar` (one of `calendars.CALENDARS`), a
table `eras` (the year before an era's first), and `is_fallback` (its months win where the page's language is unknown).
"""
_OTHER_KEYS = frozenset({"name", "months", "calendar", "eras", "is_fallback"})


@dataclass(frozen=True)
class Language:
    """The words and date conventions of one language."""

    months: dict[str, int] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    calendar: str | None = None
    eras: dict[str, int] = field(default_factory=dict)
    is_fallback: bool = False

    def phrases(self, key: str) -> tuple[str, ...]:
        """The phrases under one of `KEYS`; empty when the language has none."""
        return self.lists.get(key, ())


P = ParamSpec("P")
R = TypeVar("R")

_extra_folders: list[Path] = []
_cached_functions: list[Any] = []


def cached_per_languages(function: Callable[P, R]) -> Callable[P, R]:
    """Cache what the function derives from the word lists, until `with_extra_languages` changes them."""
    cached = lru_cache(maxsize=4096)(function)
    _cached_functions.append(cached)
    return cast("Callable[P, R]", cached)


@contextmanager
def with_extra_languages(folder: Path) -> Iterator[None]:
    """Within this context, the language files of the folder are used beside those of the package."""
    _extra_folders.append(folder)
    _clear_caches()
    try:
        yield
    finally:
        _extra_folders.remove(folder)
        _clear_caches()


def _clear_caches() -> None:
    for cached in _cached_functions:
        cached.cache_clear()


def load_languages(*extra_folders: Path) -> dict[str, Language]:
    """The languages of the package and of these folders, by their codes. Raises ValueError for a file with unknown keys."""
    folders = [resources.files("coranto_extractor.language").joinpath("lists"), *extra_folders]
    files = [file for folder in folders for file in folder.iterdir() if file.name.endswith(".toml")]
    return {
        file.name.removesuffix(".toml"): _language(file.name, tomllib.loads(file.read_text("utf-8")))
        for file in sorted(files, key=lambda file: file.name)
    }


def _language(file_name: str, table: dict[str, Any]) -> Language:
    unknown = table.keys() - KEYS.keys() - _OTHER_KEYS
    if unknown:
        raise ValueError(f"{file_name} has the unknown keys {sorted(unknown)}; phrase_lists.KEYS lists the known ones")
    calendar = table.get("calendar")
    if calendar is not None and calendar not in CALENDARS:
        raise ValueError(f"{file_name} has the unknown calendar {calendar!r}; known are {sorted(CALENDARS)}")
    return Language(
        months={name: number for number, names in enumerate(table.get("months", []), 1) for name in names},
        lists={key: tuple(phrases) for key, phrases in table.items() if key in KEYS},
        calendar=calendar,
        eras=table.get("eras", {}),
        is_fallback=table.get("is_fallback", False),
    )


@cached_per_languages
def languages() -> dict[str, Language]:
    """All languages by their codes."""
    return load_languages(*_extra_folders)


def find_language(tag: str | None) -> Language | None:
    """The language of a tag such as `de` or `de-AT`; None when there is no file for it."""
    return languages().get(re.split(r"[-_]", (tag or "").lower(), maxsplit=1)[0]) or languages().get(
        (tag or "")[:2].lower()
    )


@lru_cache(maxsize=1)
def _markup() -> dict[str, Any]:
    return tomllib.loads(resources.files("coranto_extractor.language").joinpath("markup.toml").read_text("utf-8"))


@lru_cache(maxsize=16)
def markup_names(key: str) -> tuple[str, ...]:
    """Names that pages use in their HTML, in the order of `markup.toml`."""
    return tuple(_markup()[key])


@lru_cache(maxsize=16)
def markup_name_set(key: str) -> frozenset[str]:
    """The same names, where their order does not matter."""
    return frozenset(markup_names(key))


@cached_per_languages
def month_names(tag: str | None) -> dict[str, int]:
    """Month names and their numbers. Where languages disagree, the language of the tag wins, then the fallback language."""
    merged: dict[str, int] = {}
    for language in languages().values():
        for name, number in language.months.items():
            merged.setdefault(name, number)
    for language in languages().values():
        if language.is_fallback:
            merged.update(language.months)
    own = find_language(tag)
    if own:
        merged.update(own.months)
    return merged


@cached_per_languages
def phrases(key: str) -> tuple[str, ...]:
    """The phrases under a key in all languages, longest first."""
    return tuple(
        sorted(
            {phrase for language in languages().values() for phrase in language.phrases(key)},
            key=lambda phrase: (-len(phrase), phrase),
        )
    )


@cached_per_languages
def alternatives(key: str) -> str:
    """A regular expression for any phrase under the key. A trailing * in a phrase stands for any ending."""
    return _alternatives(key, any_ending=r"\w*", word_end="")


@cached_per_languages
def class_alternatives(key: str) -> str:
    """The same for words in class names and URLs. They end where no letter or digit follows; with a *, they may go on."""
    return _alternatives(key, any_ending="", word_end=r"(?![^\W_])")


def _alternatives(key: str, *, any_ending: str, word_end: str) -> str:
    branches = (
        re.escape(phrase[:-1]) + any_ending if phrase.endswith("*") else re.escape(phrase) + word_end
        for phrase in phrases(key)
    )
    return f"(?:{'|'.join(branches) or '(?!)'})"


@cached_per_languages
def any_phrase(key: str) -> re.Pattern[str]:
    """A pattern that finds any phrase under the key, in any language, as whole words."""
    return re.compile(_from_boundaries(phrases(key)), re.IGNORECASE)


# East Asian words have no boundaries that a pattern could see.
_STARTS_AT_A_BOUNDARY = re.compile(rf"[^\W{EAST_ASIAN}]")
_ENDS_AT_A_BOUNDARY = re.compile(rf"[^\W{EAST_ASIAN}]$")


def _from_boundaries(given: Sequence[str]) -> str:
    """An expression for any of the phrases as whole words, where the script has words with spaces."""
    spaced = [phrase for phrase in given if _STARTS_AT_A_BOUNDARY.match(phrase)]
    others = [phrase for phrase in given if not _STARTS_AT_A_BOUNDARY.match(phrase)]
    branches = [f"(?<!\\w){_tree(spaced)}"] if spaced else []
    if others:
        branches.append(_tree(others))
    return "|".join(branches) or r"(?!)"


def _tree(given: Sequence[str], end: str = r"(?!\w)") -> str:
    """One expression for many phrases that branches where they differ, so that a search does not try each of them in turn."""
    longest_first = sorted(given, key=lambda phrase: (-len(phrase), phrase))
    by_first: dict[str, list[str]] = {}
    for phrase in longest_first:
        by_first.setdefault(phrase[:1], []).append(phrase)
    branches = []
    for first, group in by_first.items():
        if not first:
            continue
        if len(group) == 1:
            branches.append(re.escape(group[0]) + (end if _ENDS_AT_A_BOUNDARY.search(group[0]) else ""))
            continue
        branches.append(re.escape(first) + _rest(first, [phrase[1:] for phrase in group], end))
    return f"(?:{'|'.join(branches)})"


def _rest(before: str, given: Sequence[str], end: str) -> str:
    inner = [phrase for phrase in given if phrase]
    branches = [_tree(inner, end)] if inner else []
    if len(inner) < len(given):
        branches.append(end if _ENDS_AT_A_BOUNDARY.search(before) else "")
    return f"(?:{'|'.join(branches)})"


@cached_per_languages
def exact_phrase(key: str) -> re.Pattern[str]:
    """A pattern for a text that is nothing but a phrase under the key; for `fullmatch` on case-folded text."""
    return re.compile("|".join(re.escape(phrase.casefold().strip(" :")) for phrase in phrases(key)) or r"(?!)")


def contains(key: str, text: str) -> bool:
    """True when the text contains a phrase under the key, as whole words."""
    return _anywhere(key).search(text.casefold()) is not None


@cached_per_languages
def _anywhere(key: str) -> re.Pattern[str]:
    return re.compile(_from_boundaries(phrases(key)))


def starting_phrase(key: str, lowered: str) -> str | None:
    """The phrase under the key that the case-folded text begins with, as whole words; None when there is none."""
    for phrase in _by_first_word(key).get(_first_word(lowered), ()):
        if lowered.startswith(phrase) and (
            EAST_ASIAN_CHARACTER.match(phrase[-1]) or not lowered[len(phrase) : len(phrase) + 1].isalnum()
        ):
            return phrase
    return None


@cached_per_languages
def _by_first_word(key: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, list[str]] = {}
    for phrase in phrases(key):
        table.setdefault(_first_word(phrase), []).append(phrase.casefold())
    return {first: tuple(group) for first, group in table.items()}


def _first_word(text: str) -> str:
    if EAST_ASIAN_CHARACTER.match(text):
        return text[0]
    return re.split(r"[\s:,.!?|]", text, maxsplit=1)[0].casefold()


@cached_per_languages
def letter_variants() -> dict[int, str]:
    """A table for `str.translate` that replaces letters which writers of a language exchange freely."""
    return {ord(pair[0]): pair[1] for pair in phrases("letter_variants")}
