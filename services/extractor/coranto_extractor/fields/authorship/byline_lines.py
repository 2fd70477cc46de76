"""Finds the names in one line of a page that is, or contains, a byline: “By Jane Doe”, “5 January | Jane Doe”, “Text: Jane Doe”."""

from __future__ import annotations

import re
from collections.abc import Iterator

from coranto_extractor.fields.authorship.author_names import (
    MAIL_ADDRESS,
    SiteNames,
    agency_of,
    bare_name,
    begins_with_known_name,
    is_first_name_alone,
    reads_like_name,
    split_names,
    without_credit_label,
)
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.given_names import begins_with_given_name
from coranto_extractor.language.phrase_lists import alternatives, cached_per_languages
from coranto_extractor.language.scripts import CAPITALS, HANGUL, HANGUL_CHARACTER, is_east_asian

_MAX_BYLINE_CHARS = 140
# Names end at a separator, a bracket that is no nickname, or the next label.
_END_OF_NAMES = re.compile(r"\s*(?:[|•·]|\((?!\w[\w. ]{0,20}\)\s[^\W\d_a-z])|\s[-–—]\s|\s[^\W\d_]+:)")
_END_OF_EAST_ASIAN_NAMES = re.compile(r"\s*(?:[|•·／/\d]|\s[-–—]\s|\s\S{1,6}[:：・＝／])")
# What joins a label and a name in East Asian bylines: “文・山田花子”.
_EAST_ASIAN_COLONS = (":", "：", "・", "＝", "／")
_MARKS = ("|", "•", "·", "–", "—", "-", "/")
# A byline word that is not the first has so many words before it at most, unless a date or a mark stands there.
_MAX_WORDS_BEFORE = 3
# “Author of the text — Jane Doe”: lower-case words between the byline word and a mark.
_REST_OF_LABEL = re.compile(rf"(?:[^\W\d_{CAPITALS}]+\s){{1,2}}\s?[:–—-]\s?")
_MAX_WORDS_OF_OFFICE = 4
_MAX_BARE_CHARS = 100
_BETWEEN_SEGMENTS = re.compile(r"\s*[|•·/,;]\s*|\s+[-–—]\s+")
_MIN_NAME_WORDS, _MAX_NAME_WORDS = 2, 4


@cached_per_languages
def _glued_prefix() -> re.Pattern[str]:
    """“ByJane Doe”: a byline word and a name whose elements stand side by side without a space."""
    words = sorted((word for word in phrase_lists.phrases("byline_prefixes") if word.isalpha()), key=len, reverse=True)
    branches = "|".join(re.escape(word[0].upper() + word[1:]) for word in words)
    return re.compile(rf"(?:{branches})(?=[{CAPITALS}][^\W\d_{CAPITALS}])")


@cached_per_languages
def _name_before_role() -> re.Pattern[str]:
    """“김철수 기자 kim@news.example”: a Korean name and a role, first or behind a date, a mark or a place in brackets."""
    roles = "|".join(re.escape(role) for role in phrase_lists.phrases("roles") if HANGUL_CHARACTER.match(role))
    return re.compile(rf"(?:^|[|•·]\s?|\d\s)(?:\[[^\]]{{1,30}}\]\s?)?([{HANGUL}]{{2,4}})\s(?:{roles or '(?!)'})(?!\w)")


@cached_per_languages
def _next_statement() -> re.Pattern[str]:
    """The end of “Words by Jane Doe” before “. Pictures by Max Roe”."""
    labels = f"{alternatives('byline_prefixes')}|{alternatives('photo_labels')}"
    return re.compile(rf"\.\s(?=(?:[^\W\d_]{{2,20}}\s)?(?:{labels})(?!\w))", re.IGNORECASE)


def names_in_byline(text: str, *, is_loose: bool = False) -> str | None:
    """The names behind a byline word in a line such as “By Jane Doe, 5 January”; None when it is not a byline.

    The byline word opens the line or follows a date or a mark. `is_loose`: a few words may stand before it, as in “A column by
    Jane Doe”.
    """
    if len(text) > _MAX_BYLINE_CHARS:
        return None
    before_role = _name_before_role().search(text)
    if before_role:
        return before_role[1]
    glued = _glued_prefix().match(text)
    if glued:
        return _names_behind(text, glued.end(), is_at_start=True)
    agency = None
    for prefix in phrase_lists.any_phrase("byline_prefixes").finditer(text):
        if _may_follow(text[: prefix.start()], is_loose=is_loose):
            names = _names_behind(text, prefix.end(), is_at_start=prefix.start() == 0)
            # In the middle of a line, such words are also in sentences and menus: it takes a name that is known, or marks.
            is_known = names is not None and (is_east_asian(names) or begins_with_given_name(names))
            if names and (_is_set_off(text[: prefix.start()]) or is_known):
                if agency_of(names) is None:
                    if phrase_lists.exact_phrase("source_labels").fullmatch(prefix[0].casefold()):
                        continue
                    return names
                # The agency that sent the text may stand before who wrote it.
                agency = agency or names
    return agency


def is_byline_word(text: str) -> bool:
    """True for a byline word alone: “By”, “Autor:”."""
    return phrase_lists.exact_phrase("byline_prefixes").fullmatch(text.casefold().strip(" :")) is not None


def _may_follow(before: str, *, is_loose: bool) -> bool:
    before = before.strip()
    return (
        not before
        or before.endswith(_MARKS)
        or any(map(str.isdigit, before))
        or (is_loose and len(before.split()) <= _MAX_WORDS_BEFORE)
    )


def _is_set_off(before: str) -> bool:
    """True for nothing, and for a date with a mark behind it: “Oct 24, 2019 | ”."""
    return not before.strip() or (before.rstrip().endswith(_MARKS) and any(map(str.isdigit, before)))


def _names_behind(text: str, start: int, *, is_at_start: bool) -> str | None:
    rest = without_credit_label(text[start:]).lstrip(" :：・＝／.–—-|")
    if is_east_asian(rest):
        names = _END_OF_EAST_ASIAN_NAMES.split(rest, maxsplit=1)[0]
        is_labelled = is_at_start or text[start : start + 1] in _EAST_ASIAN_COLONS
        return names if is_labelled and reads_like_name(bare_name(names)) else None
    rest = rest[label.end() :] if (label := _REST_OF_LABEL.match(rest)) else _without_office(rest)
    names = _next_statement().split(_END_OF_NAMES.split(rest, maxsplit=1)[0], maxsplit=1)[0]
    bare = [bare_name(name) for name in split_names(names)]
    if not bare or not reads_like_name(bare[0]):
        return None
    words = sum(1 for word in bare[0].split() if word.casefold() not in phrase_lists.phrases("name_particles"))
    if is_at_start and ":" in text:
        return names
    is_short_name = words == 1 and any(map(str.isdigit, text)) and is_first_name_alone(bare[0])
    return names if _MIN_NAME_WORDS <= words <= _MAX_NAME_WORDS or is_short_name else None


@cached_per_languages
def _roles() -> tuple[str, ...]:
    return tuple(phrase_lists.phrases("roles"))


def _without_office(text: str) -> str:
    """“Jane Doe” of “our correspondent Jane Doe”: what begins with a given name behind small words and an office."""
    words = text.split()
    for n in range(1, min(_MAX_WORDS_OF_OFFICE, len(words) - 1) + 1):
        before = [word.casefold() for word in words[:n]]
        offices = [word for word in before if word.startswith(_roles())]
        rest = " ".join(words[n:])
        if offices and begins_with_given_name(rest):
            is_office = all(word in offices or words[i].islower() for i, word in enumerate(before))
            return rest if is_office else text
    return text


def bare_names(text: str, site: SiteNames | None = None) -> list[str]:
    """The persons in a line that holds nothing else but dates, handles, roles, abbreviations and the name of the site.

    Empty for any other line.
    """
    if len(text) > _MAX_BARE_CHARS:
        return []
    names = []
    for segment in _segments(text):
        name = bare_name(segment)
        if _is_full_name(name):
            names.append(name)
        elif not (_is_beside_names(segment) or (site is not None and site.include(segment))):
            return []
    return names


def _segments(text: str) -> Iterator[str]:
    for part in _BETWEEN_SEGMENTS.split(MAIL_ADDRESS.sub(" | ", text)):
        # “Corresponsal en Londres”: “en” is “and” elsewhere.
        if phrase_lists.any_phrase("roles").match(part):
            yield part
        else:
            yield from (name for name in split_names(part) if name)


def _is_full_name(name: str) -> bool:
    return (
        _MIN_NAME_WORDS <= len(name.split()) <= _MAX_NAME_WORDS
        and reads_like_name(name)
        and begins_with_known_name(name)
        and not any(map(str.isdigit, name))
    )


def _is_beside_names(segment: str) -> bool:
    is_role = phrase_lists.any_phrase("roles").search(segment) is not None
    return is_role or segment.isupper() or "@" in segment or any(map(str.isdigit, segment))
