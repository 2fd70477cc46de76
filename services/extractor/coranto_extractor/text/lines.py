"""Takes lines out of a chosen text that are no part of it: the headline again, "read also", buttons, counts, credits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.language.text_comparison import alphanumeric_key, title_similarity
from coranto_extractor.page.blocks import text_weight

_BARE = re.compile(r"^[\W\d_]*$")
_ADDRESS = re.compile(r"^(?:https?://|www\.)\S+$|^[^\s@]+@[^\s@]+\.\w+$")
_COUNT = re.compile(
    r"^\W*\d[\d\s.,KkMm]*\s?(?:shares?|comments?|views?|reads?|likes?|min(?:utes?)?(?: read)?"
    r"|просмотр\w*|комментари\w*|перегляд\w*|kommentare?|aufrufe?|partages?|vues?|vistas?|visualiza[cç]\w*"
    r"|wyświetle\w*)?\W*$",
    re.IGNORECASE,
)
_COPYRIGHT = re.compile(r"^\W*(?:copyright\b|©|\(c\))", re.IGNORECASE)
_CUT_OFF = re.compile(r"[\[(]?(?:\.{3}|…)[\])]?\s{0,3}[→»›>]{0,3}$")
_CREDIT_SIGN = re.compile(r"^\s*(?:©|\(c\)|&copy;)", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?…。！？][\"'»”’)\]]?$")
_MAX_STOCK_WEIGHT = 90
_MAX_READ_ALSO_WEIGHT = 220
# A stock phrase of so many words is said of nothing else, whatever follows it.
_WHOLE_SENTENCE_WORDS = 4
_MAX_BARE_LINES = 6
_MAX_LABEL_WEIGHT = 40
_MAX_LABELS = 2
# A pull quote stands close to its sentence; what comes again later is meant.
_REPEAT_DISTANCE = 4
# What a publisher says of itself, of its letters and of its earnings fits into so much.
_MAX_NOTICE_WEIGHT = 450
# No credit is longer: the agency's name and two of persons, or a label and one name.
_CREDIT_REACH = 125
_LABELLED_REACH = 64
_MAX_CAPTION_CHARS = 800
# Below the text's last sentences stand who wrote it, where to write to, and what else there is.
_CLOSING_REACH = 4
_MAX_CLOSING_WEIGHT = 250
_MAX_BIO_WEIGHT = 700
_BYLINE_REACH = 3
_MAX_BYLINE_CHARS = 100
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w{2,}")
# An excerpt stands above the text, and is more than a label that ends in dots.
_EXCERPT_REACH = 4
_MIN_EXCERPT_LETTERS = 20


def why_dropped(text: str, title: str | None, *, is_first: bool = False) -> str | None:
    """Why the line is no part of the article, in a word; None when it is."""
    if _BARE.match(text) or _ADDRESS.match(text) or _COUNT.match(text):
        return "no_words"
    if title and is_first and title_similarity(text, title) > 0.9:
        return "headline"
    if len(text) > _MAX_NOTICE_WEIGHT:
        return "caption" if len(text) <= _MAX_CAPTION_CHARS and _ends_in_credit(text) else None
    return _why_no_text(text)


@lru_cache(maxsize=4096)
def _why_no_text(text: str) -> str | None:
    """The same of the line alone. The lines of a page are looked at up to five times, so what was found is kept."""
    weight = text_weight(text)
    if weight > _MAX_NOTICE_WEIGHT:
        return None
    if phrase_lists.contains("publisher_notices", text):
        return "notice"
    if _ends_in_credit(text):
        return "caption"
    if weight > _MAX_READ_ALSO_WEIGHT:
        return None
    lowered = text.casefold().lstrip(" >»›→•*-–—|[(►▶■●")
    phrase = _begins_with(lowered, "read_also")
    if phrase:
        rest = lowered[len(phrase) :]
        is_label = not rest.strip(" :.…!?>»-–—") or rest.lstrip()[:1] in (":", "|", ">", "»", "–", "—", "-", "：")
        if is_label or (len(phrase.split()) > 1 and not _SENTENCE.search(text)):
            return "read_also"
    if _is_stock(text, lowered, weight):
        return "stock"
    if weight <= _MAX_STOCK_WEIGHT and _is_credit(text, lowered):
        return "credit"
    if text[-1] in ")]" and _credit_in_brackets().search(text):
        return "caption"
    return None


def _is_stock(text: str, lowered: str, weight: float) -> bool:
    if _COPYRIGHT.match(text) and phrase_lists.contains("legal", text):
        return True
    phrase = _begins_with(lowered, "boilerplate")
    is_whole_sentence = phrase is not None and len(phrase.split()) >= _WHOLE_SENTENCE_WORDS
    if phrase is None or (weight > _MAX_STOCK_WEIGHT and not is_whole_sentence):
        return False
    rest = lowered[len(phrase) :].strip(" :.…!?>»-–—|)]")
    is_sentence = bool(_SENTENCE.search(text)) and len(phrase.split()) < 2
    return not rest or (len(rest) < 60 and not is_sentence and (len(phrase) + 12 > len(rest) or is_whole_sentence))


def _is_credit(text: str, lowered: str) -> bool:
    phrase = _begins_with(lowered, "photo_labels")
    is_labelled = phrase is not None and lowered[len(phrase) :].lstrip()[:1] in (":", "/", "©", "|", "：")
    return is_labelled or _CREDIT_SIGN.match(text) is not None


@lru_cache(maxsize=1)
def _credit_in_brackets() -> re.Pattern[str]:
    labels = "|".join(re.escape(word) for word in phrase_lists.phrases("photo_labels"))
    return re.compile(rf"[(\[]\s?(?:{labels})\s?[:：©/][^()\[\]]{{2,80}}[)\]]$", re.IGNORECASE)


def _ends_in_credit(text: str) -> bool:
    """True for a caption: it ends in “Credit: Jane Doe”, “(AP Photo/Jane Doe)” or “Jane Doe/Getty Images”."""
    tail = text[-_CREDIT_REACH:]
    labelled = text[-_LABELLED_REACH:]
    return ("/" in tail or ":" in labelled or "：" in labelled) and _credit_at_end().search(tail) is not None


@lru_cache(maxsize=1)
def _credit_at_end() -> re.Pattern[str]:
    # Agencies sign texts too, but only a picture has its maker's name joined to theirs by a stroke.
    houses = {
        name for agency in phrase_lists.agencies().values() for name in (agency, agency.upper()) if name[0] < "\u3000"
    }
    houses.update(phrase_lists.markup_names("picture_houses"))
    house = "|".join(map(re.escape, sorted(houses, key=lambda name: (-len(name), name))))
    labels = {word for word in phrase_lists.phrases("photo_labels") if word[0] < "\u3000"}
    label = "|".join(
        re.escape(word[0].upper() + word[1:]) for word in sorted(labels, key=lambda name: (-len(name), name))
    )
    name = r"[^.!?:/()\[\]]{2,60}"
    return re.compile(
        rf"(?<!\w)(?:(?:{house})(?:\s(?i:photo|images?|foto))?\s?/\s?{name}(?:/{name})?"
        rf"|{name}/\s?(?:{house})"
        rf"|(?:{label})\s?[:：]\s?(?=[^\W\d_])[^.!?:()]{{2,60}})[)\]]?\.?$"
    )


@lru_cache(maxsize=8)
def _by_first_word(kind: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, list[str]] = {}
    for phrase in phrase_lists.phrases(kind):
        table.setdefault(_first(phrase), []).append(phrase.casefold())
    return {first: tuple(phrases) for first, phrases in table.items()}


def _first(text: str) -> str:
    if text and text[0] > "\u3000":
        return text[0]
    return re.split(r"[\s:,.!?|]", text, maxsplit=1)[0].casefold()


def _begins_with(lowered: str, kind: str) -> str | None:
    for phrase in _by_first_word(kind).get(_first(lowered), ()):
        if lowered.startswith(phrase) and (
            phrase[-1] > "\u3000" or not lowered[len(phrase) : len(phrase) + 1].isalnum()
        ):
            return phrase
    return None


def kept(texts: Sequence[str], title: str | None) -> list[bool]:
    """For each line whether it stays."""
    reasons = []
    seen_prose = False
    for text in texts:
        why = why_dropped(text, title, is_first=not seen_prose)
        reasons.append(why)
        seen_prose = seen_prose or (why is None and text_weight(text) > 80)
    if reasons.count("no_words") > _MAX_BARE_LINES:
        # So many numbers are a table of the article.
        reasons = [None if why == "no_words" else why for why in reasons]
    for n, text in enumerate(texts):
        if len(text) > 40 and text in texts[max(0, n - _REPEAT_DISTANCE) : n]:
            reasons[n] = reasons[n] or "repeated"
        elif n < _BYLINE_REACH and _is_dated_byline(text):
            reasons[n] = reasons[n] or "byline"
        elif n < _EXCERPT_REACH and _is_excerpt(text, texts[n + 1 : n + 1 + _EXCERPT_REACH]):
            reasons[n] = reasons[n] or "excerpt"
    result = [why is None for why in reasons]
    _drop_closing_notes(texts, result)
    _drop_tail_labels(texts, result)
    return result


def _is_dated_byline(text: str) -> bool:
    """True for “By Jane Doe on Monday, January 5th, 2024”."""
    return (
        len(text) <= _MAX_BYLINE_CHARS
        and phrase_lists.any_phrase("byline_prefixes").match(text) is not None
        and parse_date_text(text, None) is not None
    )


def _is_signature(text: str) -> bool:
    """True for “(Reporting by Jane Doe; editing by Max Roe)”: in a sentence the same words do not come first."""
    return len(text) <= _MAX_NOTICE_WEIGHT and _begins_with(text.casefold().lstrip(" (–—-*"), "signatures") is not None


def _drop_closing_notes(texts: Sequence[str], result: list[bool]) -> None:
    """Who else took part, where to write to, and where to follow: what stands below an article's last sentences."""
    closing = [n for n in range(len(texts)) if result[n]][-_CLOSING_REACH:]
    for n in closing[1:]:
        text = texts[n]
        is_note = text_weight(text) <= _MAX_CLOSING_WEIGHT and (
            _MAIL.search(text) or phrase_lists.contains("footer_notes", text)
        )
        if is_note or _is_signature(text):
            result[n] = False


def introduces(text: str, names: Sequence[str], lead: int = 0) -> bool:
    """True for “Jane Doe writes about bridges”: a text names its author in full only to say who that is.

    `lead`: so many characters may stand before the name: the office, or words such as “our”.
    """
    return text_weight(text) <= _MAX_BIO_WEIGHT and any(name in text[: len(name) + lead] for name in names)


def _is_excerpt(text: str, following: Sequence[str]) -> bool:
    """True when the line breaks off and a paragraph soon after it begins with the same words."""
    mark = _CUT_OFF.search(text[-12:])
    own = alphanumeric_key(text[: len(text) - len(mark[0])]) if mark else ""
    return len(own) >= _MIN_EXCERPT_LETTERS and any(
        # An excerpt may run on into the second paragraph.
        alphanumeric_key(" ".join(following[n : n + 2])[: 2 * len(text)]).startswith(own)
        for n in range(len(following))
    )


def _drop_tail_labels(texts: Sequence[str], result: list[bool]) -> None:
    """A short line or two without a sentence after the last paragraph are labels of what follows; more are a list."""
    closing = []
    for n in range(len(texts) - 1, -1, -1):
        if result[n]:
            if text_weight(texts[n]) >= _MAX_LABEL_WEIGHT or _SENTENCE.search(texts[n]):
                break
            closing.append(n)
    if len(closing) <= _MAX_LABELS:
        for n in closing:
            result[n] = False
