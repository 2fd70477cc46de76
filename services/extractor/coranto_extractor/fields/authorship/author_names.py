"""Classifies one name: of a person, an agency, an editorial desk or the publication itself, or not a name at all.

A photo credit, a handle, a role or an e-mail address is not a name. Where on a page names are found is up to `authors.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from coranto.agencies import byline_names
from coranto.records.sections import Person
from coranto_extractor.fields.evidence import RejectionLog
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.given_names import begins_with_given_name, is_given_name
from coranto_extractor.language.phrase_lists import alternatives, cached_per_languages
from coranto_extractor.language.scripts import CAPITALS, begins_like_name, is_east_asian
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import normalize_space
from coranto_extractor.page.metadata import clean

MAIL_ADDRESS = re.compile(r"\S{1,64}@\S{1,255}")
_NAME_START = re.compile(r"^[^\W\d_]")
_NEVER_IN_NAMES_OF_DESKS = r"@|https?:|www\.|[<>{}=#%*_]|\?|!|…"
_NOT_A_DESK = re.compile(_NEVER_IN_NAMES_OF_DESKS)
_INITIALS = re.compile(r"[^\W\d_]{1,3}$")
# “Richard (Dick) Roe”, “Jane “Janie” Doe”.
_NICKNAME = re.compile(r"\s[(\"“„'‘][^\W\d_][\w.\- ]{0,20}[)\"”“'’](?=\s)")
# Some letters of Indian scripts are no word characters.
_LABEL = re.compile(r"^[^\s:：|,]{2,30}(?:\s[^\s:：|,]{1,20})?\s?[:：]\s*(?=\S)")
_WORD = re.compile(r"\w+")
_CHINESE_NAME = re.compile(r"[\u3400-\u9fff]{2,3}")
# “谢若含2017-03-01 14:27”
_EAST_ASIAN_DATE = re.compile(r"\s*(?:19|20)\d\d\s?[-/.年년].*$")
_MAX_NAME_CHARS = 60
_MAX_NAME_WORDS = 6
_MAX_EAST_ASIAN_NAME_CHARS = 20
# Bylines are shorter. The bound matters because several patterns try every position in the text.
_MAX_TEXT_CHARS = 1000
_MAX_DESK_WORDS = 5
_MAX_SHORT_PART_CHARS = 3
# Only names longer than this are compared with parts of the site's name.
_SHORT_BRAND_CHARS = 4


@cached_per_languages
def _separator() -> re.Pattern[str]:
    """What stands between two names in a byline."""
    return re.compile(rf"\s*[,;|/•·\n]\s*|\s+(?:{alternatives('and_words')}|&|\+)\s+|、|，|；")


@cached_per_languages
def _trailing() -> re.Pattern[str]:
    """What may follow a name: brackets, an employer or a town, a date, a part behind a dash."""
    affiliation = rf"(?<=\s){alternatives('affiliation_words')}\s[^\W\d_].*"
    return re.compile(
        rf"\s*(?:\(.*?\)|\[.*?\]|{affiliation}|\s[-–—|]\s.*|\b{alternatives('byline_suffixes')}\b.*)\s*$",
        re.IGNORECASE,
    )


@cached_per_languages
def _town_behind() -> re.Pattern[str]:
    """“in Berlin” or “for the Example Post”, up to the next separator."""
    return re.compile(rf"\s{alternatives('affiliation_words')}\s(?:(?!{_separator().pattern}).)+")


@cached_per_languages
def _all_posts_by() -> re.Pattern[str]:
    # “View all posts by”, “Zeige alle Beiträge von”: a small word after the first tells it from a name with “von” in it.
    return re.compile(
        rf"\w+(?:\s[^\W\d_{CAPITALS}]\w*){{1,2}}(?:\s\w+)?\s{alternatives('posts_by')}\s+(?=[{CAPITALS}])"
    )


@cached_per_languages
def _credit_beside_text() -> re.Pattern[str]:
    # “Text & photos: Jane Doe”
    return re.compile(
        rf"^\s*(?:{alternatives('and_words')}|&|\+|/)\s*{alternatives('photo_labels')}(?!\w)", re.IGNORECASE
    )


@cached_per_languages
def _never_in_names() -> re.Pattern[str]:
    endings, forms = alternatives("host_endings"), "|".join(map(re.escape, phrase_lists.markup_names("legal_forms")))
    return re.compile(
        rf"{_NEVER_IN_NAMES_OF_DESKS}|\.{endings}\b|\w{{4}}\.(?i:{endings})\b|\d|(?<!\w)(?:{forms})(?!\w)"
    )


@cached_per_languages
def _ends_with_role() -> re.Pattern[str]:
    # “Digital Security Expert”
    return re.compile(rf"\w\s+{alternatives('roles')}$", re.IGNORECASE)


@cached_per_languages
def _from_host_on() -> re.Pattern[str]:
    # “Jane Doe example.com Archive”
    return re.compile(rf"\s+\S+\.{alternatives('host_endings')}\b.*$", re.IGNORECASE)


@dataclass
class NameLists:
    """The names from one source, by kind."""

    persons: list[Person] = field(default_factory=list)
    agencies: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SiteNames:
    """The names a site goes by."""

    names: tuple[str, ...]

    def overlap_with(self, name: str) -> bool:
        """True when the name is that of the site, is part of it, or contains it."""
        own = alphanumeric_key(name)
        others = [alphanumeric_key(other) for other in self.names]
        return self.include(name) or (
            len(own) > _SHORT_BRAND_CHARS
            and not (is_first_name_alone(name) or self._are_called_after(name))
            and any(len(other) > _SHORT_BRAND_CHARS and (own in other or other in own) for other in others)
        )

    def include(self, name: str) -> bool:
        """True when the name is that of the site, whatever the order of its words."""
        words = _word_set(name)
        for other in self.names:
            is_reordered = len(words) > 1 and words == _word_set(other)
            if alphanumeric_key(name) == alphanumeric_key(other) or is_reordered:
                return bool(words)
        return False

    def _are_called_after(self, name: str) -> bool:
        # “Jane Doe's blog” is called after a person.
        beginnings = tuple(f"{name.casefold()}{suffix} " for suffix in phrase_lists.phrases("possessive_suffixes"))
        return " " in name and any(other.casefold().startswith(beginnings) for other in self.names)


def _word_set(name: str) -> set[str]:
    return set(_WORD.findall(name.casefold()))


def sort_names(
    text: str,
    url: str | None,
    site: SiteNames,
    names: NameLists,
    rejections: RejectionLog,
    *,
    accepts_desks: bool = False,
) -> None:
    """Add each name in the text to the list of its kind, and log what is not a name.

    `accepts_desks`: the text is a statement of authors, so “Sports Desk” with a name of its own counts as one.
    """
    whole = _joined_names(text) or bare_name(text)
    if agency_of(whole):
        names.agencies.append(agency_of(whole) or "")
        return
    if accepts_desks and _is_desk(whole):
        names.agencies.append(whole)
        return
    if site.include(whole) or ("," in whole and site.overlap_with(_separator().split(whole, maxsplit=1)[0])):
        # “The Example Post, London, UK” is an imprint.
        rejections.reject("authors", whole, "brand")
        return
    for name in _single_names(whole):
        agency = agency_of(name)
        why = None if agency else why_not_a_person(name, site)
        if agency:
            names.agencies.append(agency)
        elif accepts_desks and _is_desk(name):
            names.agencies.append(name)
        elif why:
            rejections.reject("authors", name, why)
        else:
            names.persons.append(Person(name=name, url=url))


def _joined_names(text: str) -> str | None:
    """“Jane Doe, Max Roe” of “Jane Doe in Berlin and Max Roe in Kyiv”: several known names; None for anything else."""
    # “in” stands before a town in English, and for “and” in Slovenian.
    without_towns = _town_behind().sub("", text[:_MAX_TEXT_CHARS])
    if without_towns == text:
        return None
    names = [bare_name(part) for part in _parts(without_towns)]
    are_known = len(names) > 1 and all(has_two_parts(name) and begins_with_given_name(name) for name in names)
    return ", ".join(names) if are_known else None


def _single_names(whole: str) -> Iterator[str]:
    first, *others = _parts(whole)
    names = [bare_name(raw) for raw in (first, *(raw for raw in others if not _is_origin(raw)))]
    surname, _, given = whole.partition(", ")
    if len(names) == 2 and all(names) and whole == f"{surname}, {given}" and not is_east_asian(whole):
        looks_reversed = all(name.isalpha() and name[0].isupper() for name in names)
        if looks_reversed and not any(map(agency_of, names)):
            # Catalogues write “Doe, Jane”. Two persons by their first names alone are rare.
            yield f"{given} {surname}"
            return
    yield from (single for name in names if name for single in _chinese_names(name))


def _chinese_names(name: str) -> list[str]:
    """Several Chinese names with spaces between them, each by itself; any other name as it is."""
    parts = name.split()
    are_names = all(_CHINESE_NAME.fullmatch(part) and part[0] in _chinese_surnames() for part in parts)
    return parts if len(parts) > 1 and are_names else [name]


@cached_per_languages
def _chinese_surnames() -> frozenset[str]:
    return frozenset(name for name in phrase_lists.phrases("first_surnames") if len(name) == 1)


def _is_origin(part: str) -> bool:
    """True for “de São Paulo” behind a name and a comma."""
    word, _, rest = part.strip().partition(" ")
    return word.islower() and len(word) <= _MAX_SHORT_PART_CHARS and bool(rest)


def without_label(text: str) -> str:
    """“Jane Doe” of “Autore: Jane Doe” in an element that is marked as a byline, whatever the word.

    Behind a word for photographers, editors and other offices, the text stays as it is.
    """
    label = _LABEL.match(text)
    if label is None or any(phrase_lists.any_phrase(key).search(label[0]) for key in ("photo_labels", "roles", "desk")):
        return text
    rest = text[label.end() :]
    return rest if reads_like_name(bare_name(rest)) else text


def without_credit_label(text: str) -> str:
    """What follows “Text” in “Text & photos: Jane Doe”, without the label of the photos."""
    return _credit_beside_text().sub("", text)


def is_first_name_alone(word: str) -> bool:
    """True for a given name that is not a month as well: “Heiko”, but not “May”."""
    return is_given_name(word) and word.casefold().strip(".,") not in phrase_lists.month_names(None)


def _is_short_name_part(word: str) -> bool:
    """True for a capitalised word of two or three letters, as both in “Di Wu”."""
    return len(word) <= _MAX_SHORT_PART_CHARS and word[:1].isupper() and word[1:].islower()


def split_names(text: str) -> list[str]:
    """The names that a byline joins, as written."""
    return [name for name in _parts(text) if name]


def _parts(text: str) -> list[str]:
    """The text cut where names are joined, but not at the letter between two surnames: “Jane Doe i Roe”."""
    parts: list[str] = []
    end = 0
    for mark in _separator().finditer(text):
        is_letter = mark[0].strip().isalpha() and len(mark[0].strip()) == 1
        following = _separator().split(text[mark.end() :], maxsplit=1)[0]
        if is_letter and len(text[end : mark.start()].split()) > 1 and len(following.split()) == 1:
            continue
        # “a” is “and” in Czech, and an article in English.
        if mark[0].strip() == "a" and not begins_with_given_name(following):
            continue
        parts.append(text[end : mark.start()])
        end = mark.end()
    return [*parts, text[end:]]


def bare_name(text: str) -> str:
    """The name without the byline word before it and without the role, place or date after it."""
    text = clean(text[:_MAX_TEXT_CHARS])
    # An address alone stays, to be turned down as what it is.
    text = normalize_space(MAIL_ADDRESS.sub(" ", text)).lstrip("( ") or text
    for _ in range(2):
        prefix = phrase_lists.any_phrase("byline_prefixes").match(text)
        next_char = text[prefix.end() : prefix.end() + 1] if prefix else ""
        if prefix and (next_char in (" ", ":", "\u00a0", "：") or prefix[0].endswith(":") or is_east_asian(text)):
            rest = without_credit_label(text[prefix.end() :]).lstrip(" :：.–—-")
            # “Di Wu” is a name, although “di” begins bylines.
            is_name = (
                _is_short_name_part(prefix[0])
                and _is_short_name_part(rest)
                and not (agency_of(rest) or is_given_name(rest))
            )
            text = text if is_name else rest
    all_posts_by = _all_posts_by().match(text)
    if all_posts_by:
        text = text[all_posts_by.end() :]
    text = _without_date(text)
    text = _from_host_on().sub("", text)
    text = _trailing().sub("", text).strip(" ,.;:：・–—-|/\"'«»“”()")
    return _without_east_asian_role(text) if is_east_asian(text) else text


def _without_date(text: str) -> str:
    """The name in “Jane Doe January 5” or “Jane May on 5 July”, which some pages write into one element."""
    if is_east_asian(text):
        return _EAST_ASIAN_DATE.sub("", text)
    words = text.split()
    end = next((n for n in range(1, len(words)) if any(map(str.isdigit, words[n]))), None)
    if end is None:
        return text
    if end > 1 and words[end - 1].casefold().strip(".,") in phrase_lists.month_names(None):
        end -= 1
    while end > 1 and not begins_like_name(words[end - 1]):
        end -= 1
    return " ".join(words[:end]) if end > 1 or is_first_name_alone(words[0]) else text


def _without_east_asian_role(name: str) -> str:
    """A Chinese, Japanese or Korean name without the role that follows it."""
    for role in phrase_lists.phrases("roles"):
        if is_east_asian(role) and name.endswith(role) and len(name) > len(role) + 1:
            return name.removesuffix(role).strip()
    return name


def agency_of(text: str) -> str | None:
    """The news agency with this name, as records write it; None when there is none."""
    return byline_names().get(text.casefold().strip())


def _is_desk(name: str) -> bool:
    """True for an editorial desk with a name of its own: “Resort Desk”, but not “News Desk” or just “Editorial Team”."""
    is_short = len(name.split()) <= _MAX_DESK_WORDS and len(name) <= _MAX_NAME_CHARS and not _NOT_A_DESK.search(name)
    if not is_short or not phrase_lists.any_phrase("desk").search(name):
        return False
    rest = name
    for key in ("desk", "not_person", "roles"):
        rest = phrase_lists.any_phrase(key).sub("", rest)
    return len(alphanumeric_key(rest)) > 1


def why_not_a_person(name: str, site: SiteNames) -> str | None:
    """Why this is not the name of a person, in one word; None when it may be."""
    if len(alphanumeric_key(name)) < 2 or len(name) > _MAX_NAME_CHARS or len(name.split()) > _MAX_NAME_WORDS:
        return "not_a_name"
    if _never_in_names().search(name) or _LABEL.match(name):
        return "not_a_name"
    if site.overlap_with(name):
        return "brand"
    if name in phrase_lists.markup_name_set("picture_agencies"):
        return "not_a_person"
    lowered = name.casefold()
    if lowered.removesuffix(".") in phrase_lists.phrases("name_titles") or lowered in phrase_lists.phrases(
        "byline_prefixes"
    ):
        return "role"
    if any(phrase_lists.any_phrase(key).match(name) for key in ("read_also", "boilerplate", "all_posts")):
        return "not_a_name"
    if any(phrase_lists.exact_phrase(key).fullmatch(lowered) for key in ("published", "updated")):
        return "not_a_name"
    if lowered.partition(" ")[0] in phrase_lists.phrases("articles") or any(
        phrase_lists.any_phrase(key).search(name) for key in ("not_person", "desk")
    ):
        return "not_a_person"
    if not re.sub(r"\W+", "", phrase_lists.any_phrase("roles").sub("", lowered)):
        return "role"
    if _ends_with_role().search(name) and not begins_with_given_name(name):
        return "role"
    if not reads_like_name(name):
        return "not_a_name"
    return None


def reads_like_name(name: str) -> bool:
    """True for one to six words that begin with capitals, if the script has any. False for initials alone."""
    if is_east_asian(name):
        return len(name) <= _MAX_EAST_ASIAN_NAME_CHARS
    name = _NICKNAME.sub("", name)
    if all(_INITIALS.match(word) and word.isupper() for word in name.split()):
        return False
    words = [word for word in name.split() if word.casefold() not in phrase_lists.phrases("name_particles")]
    if not words or len(words) > _MAX_NAME_WORDS:
        return False
    if not all(_NAME_START.match(word) for word in words):
        return False
    return all(map(begins_like_name, words))


def begins_with_known_name(name: str) -> bool:
    """True when a known given name comes first, or a surname of a language in which that comes first."""
    return begins_with_given_name(name) or phrase_lists.any_phrase("first_surnames").match(name) is not None


def is_publication_name(name: str) -> bool:
    """True for what can be printed as a publication's name: not a handle, a mail address or a URL; a bare host is fine."""
    return 1 < len(name) <= _MAX_NAME_CHARS and not _NOT_A_DESK.search(name)


def has_two_parts(name: str) -> bool:
    """True for a name with a given name and a surname, or in a script that writes them without a space."""
    return " " in name or is_east_asian(name)
