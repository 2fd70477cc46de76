"""Finds the reporters and the agency where Chinese, Japanese and Korean articles name them: in brackets that open or end the text.

“新华社北京1月10日电（记者张伟、李娜）”, “(서울=연합뉴스) 홍길동 기자 =”, “【ワシントン=山田太郎】”, “……した。（社会部・山田太郎）”.
"""

from __future__ import annotations

import re

from coranto.agencies import byline_names
from coranto_extractor.fields.authorship.author_names import MAIL_ADDRESS
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.phrase_lists import cached_per_languages
from coranto_extractor.language.scripts import EAST_ASIAN, HANGUL, HANGUL_CHARACTER, is_east_asian

_OPEN, _CLOSE = r"（(〔\[【", r"）)〕\]】"
_IN_BRACKETS = re.compile(rf"[{_OPEN}]([^{_OPEN}{_CLOSE}]{{2,40}})[{_CLOSE}]")
_LAST_BRACKETS = re.compile(rf"[{_OPEN}]([^{_OPEN}{_CLOSE}]{{2,40}})[{_CLOSE}]\s*$")
# A dateline is within so many characters; a line of its own that names reporters is no longer than this.
_DATELINE_CHARS = 70
_MAX_LINE_CHARS = 40
_BETWEEN_NAMES = re.compile(r"[、，,・·ㆍ\s]+|和|与")
_PLACE_AND_AGENCY = re.compile(
    rf"^\s*[{_OPEN}](?P<place>[^=＝{_CLOSE}]{{1,12}})[=＝](?P<name>[^={_CLOSE}]{{2,24}})[{_CLOSE}]"
)
# “新华社北京1月10日电”: an agency, a place, a day and the word for a telegram.
_TELEGRAM = re.compile(rf"^\s*[{_OPEN}]?(?P<beginning>[{EAST_ASIAN}]{{4,20}}?)\s?(?:\d{{1,2}}月)?\d{{1,2}}日[电電讯訊]")
# The same behind the name of a reporter: “記者王小明台北5日電”.
_BEFORE_TELEGRAM = re.compile(r"(?P<name>[\u3400-\u9fff]{2,3})[\u3400-\u9fff]{2,4}\d{1,2}日[电電讯訊]$")
_HAN = re.compile(r"[\u3400-\u9fff]+")
_HAN_NAME = re.compile(r"[\u3400-\u9fff]{2,4}")
_JAPANESE_NAME = re.compile(r"[\u3400-\u9fff々\u3040-\u30ff]{3,6}")
_OFFICES = ("部", "局", "班", "社", "室", "員", "者")
# Many towns and companies are called like a surname: “松本市”, “伊藤園”.
_BEHIND_NAMES_OF_TOWNS = ("市", "町", "村", "区", "郡", "県", "園", "駅", "港")
_KOREAN_NAMES = rf"[{HANGUL}]{{2,4}}(?:[·ㆍ,]\s?[{HANGUL}]{{2,4}})*"


@cached_per_languages
def _chinese_roles() -> re.Pattern[str]:
    """Roles of those who write, and not of those who edit."""
    editors = set(phrase_lists.phrases("source_labels"))
    roles = [role for role in phrase_lists.phrases("roles") if _HAN_NAME.fullmatch(role) and role not in editors]
    return re.compile("|".join(map(re.escape, roles)) or "(?!)")


@cached_per_languages
def _korean_reporters() -> re.Pattern[str]:
    roles = "|".join(re.escape(role) for role in phrase_lists.phrases("roles") if HANGUL_CHARACTER.match(role))
    return re.compile(rf"(?:^|[\s=＝/])({_KOREAN_NAMES})\s?(?P<role>{roles or '(?!)'})\s*(?P<end>[=＝]|$)")


def names_in_dateline(text: str) -> list[str]:
    """The reporters whom the dateline at the beginning of the text names."""
    beginning = text[:_DATELINE_CHARS].strip()
    if not is_east_asian(beginning):
        return []
    brackets = _IN_BRACKETS.search(beginning)
    if brackets is None:
        names = _after_role(beginning) if len(text) <= _MAX_LINE_CHARS else []
        # In a sentence, what reporters do stands behind the word: “记者今日获悉”.
        return names if all(name.startswith(_han_surnames()) for name in names) else []
    place_and_name = _PLACE_AND_AGENCY.match(beginning)
    if place_and_name and place_and_name["place"] in phrase_lists.phrases("photo_labels"):
        return []
    inside, behind = brackets[1], beginning[brackets.end() :]
    korean = _korean_reporters().search(inside) or _korean_reporters().match(behind[:_MAX_LINE_CHARS])
    if korean and (korean.string is inside or korean["end"] or not behind[korean.end() :].strip()):
        return _korean_names(korean)
    return _after_role(inside) or (_japanese_names(place_and_name["name"]) if place_and_name else [])


def names_at_end(text: str) -> list[str]:
    """The reporters whom the last line names: in brackets, or alone with their role."""
    if not is_east_asian(text[-_MAX_LINE_CHARS:]):
        return []
    brackets = _LAST_BRACKETS.search(text[-_DATELINE_CHARS:])
    inside = brackets[1] if brackets else text if len(text) <= _MAX_LINE_CHARS else ""
    inside = MAIL_ADDRESS.sub(" ", inside).strip(" /")
    korean = _korean_reporters().match(inside)
    if korean:
        return _korean_names(korean)
    return (_after_role(inside) or _japanese_names(inside)) if brackets else []


def agency_of_dateline(text: str) -> str | None:
    """The agency in such a dateline, as records write it; None when there is none."""
    agencies = byline_names()
    named = _PLACE_AND_AGENCY.match(text[:_DATELINE_CHARS])
    if named and named["place"] not in phrase_lists.phrases("photo_labels"):
        return agencies.get(named["name"].strip().casefold())
    telegram = _TELEGRAM.match(text[:_DATELINE_CHARS])
    beginning = telegram["beginning"] if telegram else ""
    lengths = range(len(beginning), 1, -1)
    return next((agencies[beginning[:length]] for length in lengths if beginning[:length] in agencies), None)


@cached_per_languages
def _han_surnames() -> tuple[str, ...]:
    return tuple(name for name in phrase_lists.phrases("first_surnames") if _HAN.fullmatch(name))


@cached_per_languages
def _japanese_surnames() -> tuple[str, ...]:
    return tuple(name for name in _han_surnames() if len(name) > 1)


def _korean_names(match: re.Match[str]) -> list[str]:
    """The names before a role, without the first half of a role in two words: “인턴 기자”."""
    roles = phrase_lists.phrases("roles")
    return [name for name in _BETWEEN_NAMES.split(match[1]) if f"{name}{match['role']}" not in roles]


def _after_role(text: str) -> list[str]:
    """The names behind “reporter”, each of which may have a role of its own: “记者 刘洋 通讯员 陈静”."""
    names: list[str] = []
    before, *parts = _chinese_roles().split(text)
    if phrase_lists.any_phrase("photo_labels").search(before):
        return []
    for part in parts:
        without_place = _BEFORE_TELEGRAM.sub(r"\g<name>", re.split(r"[／/]", part.strip(" :：・"), maxsplit=1)[0])
        names += [name for name in _BETWEEN_NAMES.split(without_place) if name]
    return names if all(map(_HAN_NAME.fullmatch, names)) else []


def _japanese_names(text: str) -> list[str]:
    """The names in “社会部・山田太郎”; empty when there is anything but names and offices."""
    parts = [part for part in _BETWEEN_NAMES.split(text) if part]
    names = [part for part in parts if not part.endswith(_OFFICES)]
    return names if all(map(_is_japanese_name, names)) else []


def _is_japanese_name(text: str) -> bool:
    town = text[:-1] if text.endswith(_BEHIND_NAMES_OF_TOWNS) else None
    return (
        _JAPANESE_NAME.fullmatch(text) is not None
        and text.startswith(_japanese_surnames())
        and town not in _japanese_surnames()
    )
