"""Splits a line under a picture into its caption and its photo credit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from coranto.agencies import byline_names
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import without_date_at_end
from coranto_extractor.language.phrase_lists import alternatives, cached_per_languages
from coranto_extractor.language.scripts import CAPITALS, EAST_ASIAN, begins_like_name, is_east_asian
from coranto_extractor.page.blocks import normalize_space

# “The bridge is open © Jane Doe”
_COPYRIGHT_SIGN = re.compile(
    r"\s*[(\[]?\s*(?:copyright\s*)?(?:©|\(c\)|&copy;)\s*([^)\]]{2,100})[)\]]?\s*\.?$", re.IGNORECASE
)
# “The bridge is open. Jane Doe/Agency”
_SENTENCE_THEN_SOURCE = re.compile(r"^(?P<caption>.{3,400}?[.!?»”\"])\s+(?P<credit>[^.!?\n]{2,60}/[^.!?\n]{2,60})$")
# “The bridge is open (Jane Doe / Agency)”
_SOURCE_IN_BRACKETS = re.compile(r"\s*\(([^()\n]{2,60}/[^()\n]{2,60})\)\s*\.?$")
# Every labelled credit except “Photo by …” contains one of these. Looking for them first is cheap.
_CREDIT_CHARACTERS = frozenset(":：©/(")
# What may be a credit when an agency is in it: in brackets, behind a sentence, behind a stroke.
_IN_BRACKETS_AT_END = re.compile(r"\s*[(\[（［]([^()\[\]（）［］\n]{2,80})[)\]）］]\s*\.?$")
_BEHIND_SENTENCE = re.compile(r"(?<=[.!?…”\"»。！？])\s*((?:(?!\.\s)[^!?…”\"»。！？©:：\n]){2,80})$")
_BEHIND_STROKE = re.compile(r"\s+[/|–—-]\s+([^/|–—\n]{2,60})$")
# “The bridge is open. / Jane Doe”
_NAME_BEHIND_STROKE = re.compile(r"(?<=[.!?…»”\"。！？।])\s*/\s*([^\W\d_][^.!?:/|\d\n]{2,50})$")
_BETWEEN_MAKERS = re.compile(r"\s*[/|,:;©–—-]\s*|\s+(?:via|for)\s+", re.IGNORECASE)
_MAX_SIGNED_CHARS = 80
# A word of so many letters in small ones is of a sentence. An end of so many words that is there twice is no refrain.
_MIN_PROSE_CHARS = 4
_MAX_NAME_WORDS = 5
_MIN_REPEATED_WORDS = 4
# What begins like the place of a picture in a gallery: “9/11 Memorial”.
_NO_PLACES = ("9/11", "20/20", "24/7", "50/50")
_MARKS = " +<>«»|·•▶►×,;:-–—"
_LEADING_YEAR = re.compile(r"^(?:19|20)\d\d[\s,]+")


@cached_per_languages
def _labelled_credit() -> re.Pattern[str]:
    labels, by, of = (alternatives(key) for key in ("photo_labels", "credit_by", "credit_of"))
    # In brackets, after a separator, or at the very end after a sentence: “(Фото: N. N. / Agency)”, “Foto: N. N.”
    return re.compile(
        rf"[\s(\[|–—-]{{0,8}}(?<!\w){labels}"
        rf"(?:(?:\s(?:{by}|{of}))?\s?[:：©/=＝]|\s{by}(?=\s(?-i:[{CAPITALS}])))"
        r"\s*(?P<credit>[^)\]\n]{2,120})[)\]]?\s*\.?\s*$",
        re.IGNORECASE,
    )


@cached_per_languages
def _label_and_name() -> re.Pattern[str]:
    """Behind a sentence or a stroke, or in brackets, a label needs no colon before a name: “… opens. Foto Jana Roe”."""
    labels = alternatives("photo_labels")
    name = rf"(?:@\w|[{CAPITALS}])[^.!?()\[\]\d\n]{{2,60}}|[\w-]{{2,40}}\.[a-z]{{2,12}}"
    return re.compile(
        rf"(?:(?<=[.!?…”\"»])\s+|\s[/|–—-]\s+|\s*[(\[]\s*)(?i:{labels})"
        rf"(?:\s(?i:{alternatives('credit_by')}))?\s+(?P<credit>{name})[)\]]?\s*\.?$"
    )


@cached_per_languages
def _name_and_verb() -> re.Pattern[str]:
    """In East Asia the word for “photographed” or “provided” stands behind the name: “（陳俊雄攝）”."""
    verbs = alternatives("credit_suffixes")
    name = r"[^()（）\[\]。、，,．.！!？?＝=:：\n]{2,24}"
    return re.compile(rf"(?:[(（]|(?<=[。！？」”、，＝])|\s)\s*(?P<credit>{name}?)\s?{verbs}[)）]?\s*。?$")


@cached_per_languages
def _makers() -> frozenset[str]:
    """News agencies and picture agencies, case-folded."""
    return frozenset(byline_names()) | {name.casefold() for name in phrase_lists.markup_names("picture_agencies")}


def split_caption(text: str) -> tuple[str | None, str | None]:
    """Caption and credit of a line under a picture; either may be None. What buttons of a picture viewer say is left out."""
    text = without_controls(text)
    found = _find_credit(text)
    if found is None:
        return (None, tidy_credit(text)) if _is_signed(text) else (_tidy_caption(text), None)
    start, words = found
    credit = tidy_credit(words)
    caption = _tidy_caption(text[:start])
    # “Max Roe at the bridge © Agency Photo: Jane Doe”
    holder = _COPYRIGHT_SIGN.search(caption) if caption else None
    if caption and holder:
        caption = _tidy_caption(caption[: holder.start()])
        held_by = tidy_credit(holder[1])
        credit = f"{credit} / {held_by}" if credit and held_by and held_by not in credit else credit or held_by
    return caption, credit


def credit_of(text: str) -> str | None:
    """The credit in a text that is marked as one: without its label, and without the caption if that stands there too."""
    text = without_controls(text)
    labelled = _labelled_credit().match(text)
    if labelled or _is_signed(text):
        return tidy_credit(text)
    return split_caption(text)[1] or tidy_credit(text.strip("()[] .|"))


def _find_credit(text: str) -> tuple[int, str] | None:
    """Where the credit begins, with what separates it from the caption, and its words."""
    for pattern in (_IN_BRACKETS_AT_END, _BEHIND_SENTENCE):
        match = pattern.search(text)
        if match and _is_signed(match[1]):
            return match.start(), match[1]
    # Whether there is a label at all is found quickly; most captions have none.
    has_label = phrase_lists.any_phrase("photo_labels").search(text) is not None
    for pattern in (*([_labelled_credit()] if has_label else []), _COPYRIGHT_SIGN, _SOURCE_IN_BRACKETS):
        match = pattern.search(text)
        if match and not _is_in_sentence(text, match):
            return match.start(), match[1]
    match = _SENTENCE_THEN_SOURCE.match(text)
    if match:
        return match.start("credit"), match["credit"]
    for pattern in (*([_label_and_name()] if has_label else []), _name_and_verb()):
        match = pattern.search(text)
        if match and match["credit"].strip():
            return match.start(), match["credit"]
    match = _BEHIND_STROKE.search(text)
    if match and _is_signed(match[1]):
        return match.start(), match[1]
    match = _NAME_BEHIND_STROKE.search(text)
    return (match.start(), match[1]) if match and _are_names(match[1]) else None


def _is_in_sentence(text: str, match: re.Match[str]) -> bool:
    """True for “A photo by Jane Doe hangs in the hall”: no mark around the label, and more than names behind it."""
    label = text[match.start() : match.start(1)].split()
    follows_word = match.start() > 0 and text[match.start() - 1].isalnum()
    return follows_word and all(word.isalpha() and word.islower() for word in label) and not _has_only_names(match[1])


def _tidy_caption(text: str) -> str | None:
    """The caption without what led over to the credit, and without an end that is there twice."""
    before, text = None, text.strip(" |–—-")
    while text != before:
        before = text
        text = text.rstrip(" |–—-(（©/")
        text = text[: -len("copyright")] if text.casefold().endswith("copyright") else text
    words = text.split()
    # One word twice is a name: “Baden Baden”.
    for count in range(len(words) // 2, 1, -1):
        is_all_or_long = 2 * count == len(words) or count >= _MIN_REPEATED_WORDS
        if is_all_or_long and words[-count:] == words[-2 * count : -count]:
            return " ".join(words[:-count])
    return text or None


def _is_signed(text: str) -> bool:
    """True for names of which some, between commas and strokes, is that of an agency: “Jane Doe/AP”, “AP file photo”."""
    parts = [part.strip(" .") for part in _BETWEEN_MAKERS.split(text)]
    if len(text) > _MAX_SIGNED_CHARS or not any(map(_is_maker, parts)):
        return False
    return all(_is_maker(part) or _has_only_names(part) for part in parts)


def _has_only_names(text: str) -> bool:
    """False when a word of a sentence is among the names."""
    allowed = _phrases("photo_labels") | _phrases("credit_by") | _phrases("name_particles")
    words = (word for word in text.split() if word not in allowed)
    return not any(word[:1].islower() and len(word) >= _MIN_PROSE_CHARS for word in words)


def _are_names(text: str) -> bool:
    """True for a few words that begin with capitals, or as words do in scripts without them."""
    words = [word for word in text.split() if word.casefold() not in _phrases("name_particles")]
    return 0 < len(words) <= _MAX_NAME_WORDS and all(map(begins_like_name, words))


def _is_maker(part: str) -> bool:
    return part.casefold() in _makers() or _without_label(part).casefold() in _makers()


def _without_label(text: str) -> str:
    """“AP” for “AP file photo” and “Photo by AP”."""
    words = text.split()
    labels = _phrases("photo_labels")
    for count in range(len(words) - 1, 0, -1):
        if " ".join(words[-count:]).casefold() in labels:
            return " ".join(words[:-count])
        if " ".join(words[:count]).casefold() in labels:
            return " ".join(words[count:])
    return text


def tidy_credit(text: str) -> str | None:
    """The credit without notices of rights, dates, years and buttons around it; None when nothing else is left."""
    if text.rstrip().endswith((":", "：", "?", "!")):
        return None  # a label whose value is elsewhere, or a question to the reader
    labelled = _labelled_credit().match(text.strip(" .,;:|/"))
    # Some pages write two labels: “Photo: Picture: …”
    text = tidy_credit(labelled["credit"]) or "" if labelled else text
    legal = phrase_lists.any_phrase("legal").search(text)
    text = text[: legal.start()] if legal else text
    text = _LEADING_YEAR.sub("", without_date_at_end(without_controls(text)).strip(" .,;:|/©–—-"))
    if text[:1] in "([" and text[-1:] in ")]":
        text = text[1:-1].strip()
    inside, bracket, last = text.rpartition("(")
    if bracket and ")" not in last:
        is_label = last.casefold().strip() in (*_phrases("photo_labels"), "copyright", "c", "")
        text = inside.rstrip() if is_label else f"{text})"
    return text if any(map(str.isalpha, text)) else None


def without_controls(text: str) -> str:
    """The text without what a picture viewer says before and behind it: “Enlarge image”, “3/12”."""
    before, text = None, normalize_space(text)
    while text != before:
        before = text
        text = _place_in_gallery().sub("", text)
        words = text.split()
        for count in range(min(len(words), _longest_control()), 0, -1):
            if _is_control(words[:count]):
                text = " ".join(words[count:]).lstrip(_MARKS)
                break
            if _is_control(words[-count:]):
                text = " ".join(words[:-count]).rstrip(_MARKS)
                break
    return text


def _is_control(words: Sequence[str]) -> bool:
    """True for a control of several words, or of one between marks: a caption may end in the word “zoom”."""
    text = " ".join(words)
    bare = text.strip(f"{_MARKS}.()[]")
    is_set_off = len(bare) < len(text) or " " in bare or is_east_asian(bare)
    return is_set_off and bare.casefold() in _phrases("picture_controls")


@cached_per_languages
def _place_in_gallery() -> re.Pattern[str]:
    """The place of a picture in its gallery, before its caption: “Bild 1 von 10”, “3/12”."""
    labels = alternatives("photo_labels")
    number = r"\d{1,3}"
    fractions = "|".join(map(re.escape, _NO_PLACES))
    return re.compile(
        rf"^(?!(?:{fractions})\b)(?:{labels}\s{number}\s?(?:/|[^\W\d]{{1,3}})\s?{number}|{number}\s?/\s?{number}(?=\W*(?-i:[{CAPITALS}{EAST_ASIAN}])))"
        r"(?![\d/.]|\w)[\s.:–—-]*",
        re.IGNORECASE,
    )


@cached_per_languages
def _phrases(key: str) -> frozenset[str]:
    return frozenset(phrase.casefold() for phrase in phrase_lists.phrases(key))


@cached_per_languages
def _longest_control() -> int:
    """How many words the longest control has."""
    return max((len(phrase.split()) for phrase in phrase_lists.phrases("picture_controls")), default=0)


def holds_credit(text: str, get_spaced_text: Callable[[], str]) -> bool:
    """True when the text contains a photo credit.

    `get_spaced_text` returns the same text with spaces between its elements. It is costly, so it is called only when needed.
    """
    if _CREDIT_CHARACTERS.isdisjoint(text):
        return False
    return bool(_COPYRIGHT_SIGN.search(normalize_space(text)) or _labelled_credit().search(get_spaced_text()))
