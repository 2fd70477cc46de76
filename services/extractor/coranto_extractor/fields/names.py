"""Judges one name: of a person, an agency, an editorial desk or the publication itself, or of nobody.

A photo credit, a handle, a role or an e-mail address is no name. Where on a page names stand is the business of
`authors.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from coranto.records.sections import Person
from coranto_extractor.fields.evidence import RejectionLog
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import normalize_space
from coranto_extractor.page.metadata import clean

_SPLIT = re.compile(
    r"\s*[,;|/•·\n]\s*|\s+(?:and|und|et|y|e|og|och|en|и|та|і|with|mit|&|\+|oraz|i|ve|dan|και|ja)\s+|、|，|；"
)
_LEADING = re.compile(r"^\W+")
_NAME_START = re.compile(r"^[^\W\d_]")
_TRAILING = re.compile(
    r"\s*(?:\(.*?\)|\[.*?\]|\bfor (?:the )?[A-Z].*|\bin [A-Z].*|\s[-–—|]\s.*|\bvia\b.*|\bupdated\b.*|\bpublished\b.*)\s*$",
    re.IGNORECASE,
)
# “View all posts by”, “Zeige alle Beiträge von”: a small word after the first tells it from a name with “von” in it.
_ALL_POSTS_BY = re.compile(r"\w+(?:\s[a-z]\w*){1,2}(?:\s\w+)?\s(?:by|von|par|por|di)\s+(?=[A-Z])")
_NO_NAME = re.compile(r"@|https?:|www\.|\.(?:com|org|net|ru|de|info)\b|\d|[<>{}=#%*_]|\?|!|…")
_NO_DESK = re.compile(r"@|https?:|www\.|[<>{}=#%*_]|\?|!|…")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_TITLES = re.compile(
    r"^(?:dr|prof|mr|mrs|ms|sir|dipl|ing|mag|phd|ph\.d|md|m\.d|cfp|cfa|jr|sr|rd|mph|esq|rn|mba|ii|iii)\.?$",
    re.IGNORECASE,
)
_INITIALS = re.compile(r"[^\W\d_]{1,3}$")
# “Richard (Dick) Roe”, “Jane “Janie” Doe”.
_NICKNAME = re.compile(r"\s[(\"“„'‘][^\W\d_][\w.\- ]{0,20}[)\"”“'’](?=\s)")
# “Jane Doe example.com Archive”: from a host's name on it is no name.
_HOST_ON = re.compile(r"\s+\S+\.(?:com|org|net|ru|de|info|es|fr|it|uk)\b.*$", re.IGNORECASE)
_MAX_NAME_CHARS = 60
# No byline is so long, and the words behind a name are looked for from each place in it.
_MAX_TEXT_CHARS = 1000
# A given name and a surname stand before it.
_HOST_AFTER = 2
_MAX_DESK_WORDS = 5
_MIN_PART_CHARS = 4
_WORDS = re.compile(r"\w+")


@dataclass
class Names:
    """The names of one source, sorted."""

    persons: list[Person] = field(default_factory=list)
    agencies: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Brands:
    """The names a site goes by."""

    names: tuple[str, ...]

    def include(self, name: str) -> bool:
        """True when the name is that of the site, or is part of it or holds it."""
        own = alphanumeric_key(name)
        others = [alphanumeric_key(brand) for brand in self.names]
        return self.are(name) or (
            len(own) > _MIN_PART_CHARS
            and not self._is_owner(name)
            and any(len(other) > _MIN_PART_CHARS and (own in other or other in own) for other in others)
        )

    def are(self, name: str) -> bool:
        """True when the name is that of the site, whatever the order of its words."""
        own_words = set(_WORDS.findall(name.casefold()))
        for brand in self.names:
            if alphanumeric_key(name) == alphanumeric_key(brand) or (
                len(own_words) > 1 and own_words == set(_WORDS.findall(brand.casefold()))
            ):
                return bool(own_words)
        return False

    def _is_owner(self, name: str) -> bool:
        # “Jane Doe's blog” is called after a person.
        begins = (f"{name.casefold()}'s ", f"{name.casefold()}’s ")
        return " " in name and any(brand.casefold().startswith(begins) for brand in self.names)


def sort_names(
    text: str, url: str | None, brands: Brands, names: Names, rejections: RejectionLog, *, takes_desks: bool = False
) -> None:
    """Put each name in the text where it belongs; what names nobody goes to the rejections.

    `takes_desks`: the text stands where authors are stated, so “Sports Desk” with a name of its own is one.
    """
    whole = strip(text)
    if agency_of(whole):
        names.agencies.append(agency_of(whole) or "")
        return
    if takes_desks and _is_desk(whole):
        names.agencies.append(whole)
        return
    if brands.are(whole) or ("," in whole and brands.include(_SPLIT.split(whole, maxsplit=1)[0])):
        # “The Example Post, London, UK” is an imprint.
        rejections.reject("authors", whole, "brand")
        return
    for part in _parts(whole):
        agency = agency_of(part)
        why = None if agency else why_no_person(part, brands)
        if agency:
            names.agencies.append(agency)
        elif takes_desks and _is_desk(part):
            names.agencies.append(part)
        elif why:
            rejections.reject("authors", part, why)
        else:
            names.persons.append(Person(name=part, url=url))


def _parts(whole: str) -> Iterator[str]:
    parts = [strip(raw) for raw in _SPLIT.split(whole)]
    surname, _, given = whole.partition(", ")
    if len(parts) == 2 and all(parts) and whole == f"{surname}, {given}" and not _WIDE.search(whole):
        is_turned_round = all(part.isalpha() and part[0].isupper() for part in parts)
        if is_turned_round and not any(map(agency_of, parts)):
            # Catalogues write “Doe, Jane”; two persons by their first names alone are rare.
            yield f"{given} {surname}"
            return
    yield from filter(None, parts)


def split_names(text: str) -> list[str]:
    """The names a byline joins, as they stand."""
    return [part for part in _SPLIT.split(text) if part]


def strip(text: str) -> str:
    """A name without the byline word before it, and without the office, the place or the date behind it."""
    text = _LEADING.sub("", normalize_space(clean(text[:_MAX_TEXT_CHARS])))
    for _ in range(2):
        found = phrase_lists.any_phrase("byline_prefixes").match(text)
        follows = text[found.end() : found.end() + 1] if found else ""
        if found and (follows in (" ", ":", "\u00a0", "：") or found[0].endswith(":") or _WIDE.search(text)):
            text = text[found.end() :].lstrip(" :：.–—-")
    behind = _ALL_POSTS_BY.match(text)
    if behind:
        text = text[behind.end() :]
    parts = text.split()
    # “Jane Doe January 5” in one element: the date's words are cut with what follows them.
    text = next(
        (" ".join(parts[:n]) for n in range(2, len(parts)) if parts[n].casefold() in phrase_lists.month_names("en")),
        text,
    )
    if len(text.split()) > _HOST_AFTER:
        text = _HOST_ON.sub("", text)
    text = _TRAILING.sub("", text).strip(" ,.;:–—-|/\"'«»“”")
    return _without_wide_role(text) if _WIDE.search(text) else text


def _without_wide_role(name: str) -> str:
    """A Chinese, Japanese or Korean name without the office that follows it."""
    for role in phrase_lists.phrases("roles"):
        if _WIDE.search(role) and name.endswith(role) and len(name) > len(role) + 1:
            return name.removesuffix(role).strip()
    return name


def agency_of(text: str) -> str | None:
    """The news agency of this name as records write it, or None."""
    return phrase_lists.agencies().get(text.casefold().strip())


def _is_desk(name: str) -> bool:
    """True for a newsroom with a name of its own: “Resort Desk”, but not “News Desk”, and no bare “Editorial Team”."""
    is_brief = len(name.split()) <= _MAX_DESK_WORDS and len(name) <= _MAX_NAME_CHARS and not _NO_DESK.search(name)
    if not is_brief or not phrase_lists.any_phrase("desk").search(name):
        return False
    without = phrase_lists.any_phrase("desk").sub("", name)
    for kind in ("not_person", "roles"):
        without = phrase_lists.any_phrase(kind).sub("", without)
    return len(alphanumeric_key(without)) > 1


def why_no_person(name: str, brands: Brands) -> str | None:
    """Why the name is none of a person, in a word; None when it may be one."""
    parts = name.split()
    if len(alphanumeric_key(name)) < 2 or len(name) > _MAX_NAME_CHARS or len(parts) > 6:
        return "not_a_name"
    if _NO_NAME.search(name):
        return "not_a_name"
    if brands.include(name):
        return "brand"
    if _TITLES.match(name) or name.casefold() in phrase_lists.phrases("byline_prefixes"):
        return "role"
    if phrase_lists.any_phrase("read_also").match(name) or phrase_lists.any_phrase("boilerplate").match(name):
        return "not_a_name"
    if phrase_lists.any_phrase("not_person").search(name) or phrase_lists.any_phrase("desk").search(name):
        return "not_a_person"
    left = phrase_lists.any_phrase("roles").sub("", name.casefold())
    if not re.sub(r"\W+", "", left):
        return "role"
    if not reads_like_name(name):
        return "not_a_name"
    return None


def reads_like_name(name: str) -> bool:
    """True for one to six words that begin with capitals, as far as the script has any; not for initials alone."""
    if _WIDE.search(name):
        return len(name) <= 20
    name = _NICKNAME.sub("", name)
    if all(_INITIALS.match(part) and part.isupper() for part in name.split()):
        return False
    parts = [part for part in name.split() if part.casefold() not in phrase_lists.markup_name_set("name_particles")]
    if not parts or len(parts) > 6:
        return False
    if not all(_NAME_START.match(part) for part in parts):
        return False
    cased = [part for part in parts if part[0].upper() != part[0].lower()]
    if not cased:
        return True
    return all(part[0].isupper() for part in cased)


def is_house_name(name: str) -> bool:
    """True for what can be printed as a publication's name: no handle, no mail or web address but a bare host."""
    return 1 < len(name) <= _MAX_NAME_CHARS and not _NO_DESK.search(name)


def has_two_parts(name: str) -> bool:
    """True for a name with a given name and a surname, or in a script that does not part them."""
    return " " in name or _WIDE.search(name) is not None


def is_wide(text: str) -> bool:
    """True for a text in Chinese, Japanese or Korean."""
    return _WIDE.search(text) is not None
