"""Decodes a page's bytes.

Proof in the bytes comes first (a byte order mark, valid UTF-8), then the charset that the server or the page states, if the
result looks like written language. Only then is the charset guessed from the letters.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import charset_normalizer

# Browsers decode these labels as the larger charsets that replaced them, and pages rely on it (WHATWG Encoding Standard).
_SUCCESSORS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    # A page whose label can be read as ASCII is not UTF-16.
    "utf-16": "utf-8",
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}
# Labels of the WHATWG Encoding Standard that Python does not know.
_ALIASES = {
    "windows-874": "cp874", "dos-874": "cp874", "windows-949": "cp949", "x-sjis": "cp932", "x-euc-jp": "euc_jp", "x-gbk": "gbk",
    "x-x-big5": "big5", "x-mac-cyrillic": "mac_cyrillic", "x-mac-ukrainian": "mac_cyrillic", "x-mac-roman": "mac_roman",
    "iso-8859-8-i": "iso8859-8", "iso-8859-8-e": "iso8859-8", "koi": "koi8-r", "koi8": "koi8-r", "koi8-ru": "koi8-u",
    "x-unicode20utf8": "utf-8", "unicode-1-1-utf-8": "utf-8", "unicode11utf8": "utf-8", "unicode20utf8": "utf-8",
    **{f"x-cp125{digit}": f"cp125{digit}" for digit in range(9)},
}  # fmt: skip
_NO_CHARSETS = frozenset({
    "idna", "punycode", "unicode_escape", "unicode-escape", "raw_unicode_escape", "raw-unicode-escape", "undefined", "utf-7",
    "charmap", "mbcs", "oem",
})  # fmt: skip
_WEB_LABELS = {
    "cp932": "shift_jis", "cp949": "euc-kr", "big5hkscs": "big5", "cp874": "windows-874", "cp866": "ibm866",
    "mac-cyrillic": "x-mac-cyrillic", "euc_jp": "euc-jp", "iso2022_jp": "iso-2022-jp",
    "iso2022_kr": "iso-2022-kr", **{f"iso8859-{number}": f"iso-8859-{number}" for number in range(1, 17)},
}  # fmt: skip
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ISO_2022 = {b"\x1b$B": "iso2022_jp", b"\x1b$@": "iso2022_jp", b"\x1b$)C": "iso2022_kr"}
_LABEL_IN_PAGE = re.compile(
    rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{2,40})|encoding\s*=\s*["']([A-Za-z0-9_:.\-]{2,40})["']"""
)
# A declaration, or a comment, in which there may be some that count for nothing.
_DECLARATION = re.compile(rb"<!--.*?(?:-->|\Z)|<(?:meta[\s/]|\?xml\s)[^>]{0,2000}", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(rb"<(?:script|style)\b.{0,200000}?</(?:script|style)|<[^>]{0,2000}>", re.IGNORECASE | re.DOTALL)
# How much of the page is searched for a charset label, and how much the guess looks at.
_PRESCAN_BYTES = 16_384
_SAMPLE_BYTES = 20_000
_TEXT_SAMPLE_CHARS = 200_000
# With more than one invalid sequence in this many bytes, the page is not UTF-8 with a few broken characters.
_BYTES_PER_INVALID_SEQUENCE = 300
_GUESSED_CHARSETS = (
    "cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic", "cp1253", "cp1250", "iso8859_2", "cp1252", "cp1254",
    "cp1255", "cp1256", "cp1257", "cp874", "gb18030", "big5hkscs", "cp932", "euc_jp", "cp949",
)  # fmt: skip


@dataclass(frozen=True)
class DecodedPage:
    """The text of a page, and how it was decoded."""

    text: str
    charset: str
    evidence: str


def decode(page: bytes, stated: str | None = None) -> DecodedPage:
    """The text of the page. `stated` is the charset that the server named. Never raises: broken bytes become U+FFFD."""
    for byte_order_mark, name in _BYTE_ORDER_MARKS:
        if page.startswith(byte_order_mark):
            return DecodedPage(page.decode(name, "replace").removeprefix("\ufeff"), name, "byte-order-mark")
    # ISO 2022 is ASCII with escape sequences, and so valid UTF-8 as well.
    for sequence, name in _ISO_2022.items():
        if sequence in page:
            return DecodedPage(page.decode(name, "replace"), name, "escape-sequence")
    utf_16 = _find_utf_16(page)
    if utf_16:
        return DecodedPage(page.decode(utf_16, "replace"), utf_16, "zero-bytes")
    try:
        return DecodedPage(page.decode("utf-8"), "utf-8", "valid-utf-8")
    except UnicodeDecodeError:
        pass
    lenient = page.decode("utf-8", "replace")
    sequences = sum(1 for _ in re.finditer(rb"[\xc2-\xf4][\x80-\xbf]", page))
    invalid = lenient.count("\ufffd")
    if sequences > 10 * invalid and invalid * _BYTES_PER_INVALID_SEQUENCE < max(len(page), 3000):
        return DecodedPage(lenient, "utf-8", "mostly-utf-8")
    for label, evidence in ((stated, "header"), *((label, "meta") for label in _labels_in_page(page))):
        codec = _codec(label)
        if codec and codec != "utf-8":
            text = page.decode(codec, "replace")
            if _looks_like_language(text):
                return DecodedPage(text, codec, evidence)
    guessed = _guess(page)
    return DecodedPage(page.decode(guessed, "replace"), guessed, "letters")


def _labels_in_page(page: bytes) -> list[str]:
    """The charsets that the page names: in its declarations first, and then anywhere, as of a script; each once."""
    beginning = page[:_PRESCAN_BYTES]
    declarations = (match[0] for match in _DECLARATION.finditer(beginning) if not match[0].startswith(b"<!--"))
    labels = [found for text in (*declarations, beginning) if (found := _LABEL_IN_PAGE.search(text)) is not None]
    return list(dict.fromkeys((found[1] or found[2]).decode("ascii") for found in labels))


def _codec(label: str | None) -> str | None:
    """Python's name for the charset that a browser uses for this label."""
    if not label:
        return None
    label = label.strip().strip("\"'").lower()
    try:
        codec = codecs.lookup(_ALIASES.get(label, label))
    except (LookupError, ValueError):
        return None
    name = codec.name
    # Python has codecs that make no text, or that no page on the web is written in.
    if not getattr(codec, "_is_text_encoding", True) or name in _NO_CHARSETS:
        return None
    return _SUCCESSORS.get(name, name)


def _find_utf_16(page: bytes) -> str | None:
    """UTF-16 without a byte order mark: at the beginning, which is markup, half of all second bytes are zero."""
    head = page[:200]
    if len(head) < 8:
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) * 0.25 and even == 0:
        return "utf-16-le"
    if even > len(head) * 0.25 and odd == 0:
        return "utf-16-be"
    return None


def _looks_like_language(text: str) -> bool:
    """False when the letters show that the label is wrong: nothing readable, or accents where words should be."""
    sample = re.sub(r"<[^>]{0,2000}>", " ", text[:_TEXT_SAMPLE_CHARS])
    if sample.count("\ufffd") * 50 > len(sample):
        return False
    latin_high = len(re.findall(r"[\u00c0-\u00ff]", sample))
    latin = len(re.findall(r"[A-Za-z]", sample))
    # No European language has four accented letters in a row: this is another alphabet decoded as Latin.
    runs = len(re.findall(r"[\u00c0-\u00ff]{4,}", sample))
    if latin_high > 60 and runs > 10 and latin_high * 3 > latin:
        return False
    upper = len(re.findall(r"[\u0410-\u042f]", sample))
    lower = len(re.findall(r"[\u0430-\u044f]", sample))
    # Decoding KOI8-R as windows-1251, or the other way round, swaps the case of every letter.
    return not (upper > 60 and upper > 3 * lower)


def _guess(page: bytes) -> str:
    sample = _MARKUP.sub(b" ", page)
    sample = b" ".join(word for word in sample.split() if any(byte > 127 for byte in word))[:_SAMPLE_BYTES]
    if not sample:
        return "cp1252"
    readable = []
    for name in ("cp1251", "koi8_r", "cp866"):
        text = sample.decode(name, "replace")
        lower = len(re.findall(r"[\u0430-\u044f\u0451]", text))
        upper = len(re.findall(r"[\u0410-\u042f\u0401]", text))
        common = len(re.findall("[\u043e\u0435\u0430\u0438\u043d\u0442\u0441\u0440\u0432\u043b]", text))
        if lower > 4 * upper and common > 0.5 * lower and lower + upper > 0.7 * sum(map(str.isalpha, text)):
            readable.append((common, name))
    if readable:
        return max(readable)[1]
    best = charset_normalizer.from_bytes(sample, cp_isolation=list(_GUESSED_CHARSETS), threshold=0.3).best()
    return best.encoding if best else "cp1252"


def web_label(codec: str) -> str:
    """The name by which the web knows one of Python's charsets (WHATWG Encoding Standard)."""
    name = codecs.lookup(codec).name
    return _WEB_LABELS.get(name, f"windows-{name[2:]}" if name.startswith("cp125") else name.replace("_", "-"))


def is_same_charset(label: str, other: str) -> bool:
    """Whether browsers take both labels for the same charset."""
    return _codec(label) == _codec(other)
