"""The skeleton of a person's name, which is the same in most languages with Latin or Cyrillic letters: Путін and Putin.

Consonants are brought to classes that transliterations mix up (s and z, v and w, ch and ts), and each run of vowels counts as
one vowel of no colour. Only full names have a key: surnames alone are shared by too many people.
"""

from __future__ import annotations

import re
import unicodedata

_CYRILLIC = """
а=a б=b в=v г=g ґ=g д=d е=e ё=e ж=zh з=z и=i й=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=h ц=ts ч=tch ш=sh щ=sh ъ=a ы=i
ь= э=e ю=iu я=ia є=ie і=i ї=i ў=v ј=i љ=l њ=n ћ=tch ђ=dzh џ=dzh
"""
_LATIN = "š=sh č=tch ž=zh ć=tch ś=sh ż=zh ź=zh ń=n ł=l đ=dzh ø=o æ=e ß=s ş=sh ș=sh ç=tch ř=r ţ=ts ț=ts ı=i"
_LETTERS = str.maketrans(dict(pair.split("=") for pair in f"{_CYRILLIC} {_LATIN}".split()))
_SPELLINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("shch|tsch|sch|sh|sz|tch|cz|ch|dzh|zh|ts|tz|c(?=[eiy])", "z"),
        ("rz", "r"),
        ("kh", "h"),
        ("ph", "f"),
        ("th", "t"),
        ("ck|qu|q|c", "k"),
        ("x", "kz"),
        ("w", "v"),
        ("s|j(?=[aou])", "z"),
        (r"(?<=[a-z])h", ""),
    )
)
_VOWELS = re.compile("[aeiouyj]+")
_DOUBLE = re.compile(r"(.)\1+")
_UKRAINIAN = """
володимир=владимир олександр=александр олексій=алексей дмитро=дмитрий микола=николай михайло=михаил петро=петр катерина=екатерина
олена=елена євген=евгений
"""
_GIVEN_NAMES = dict(pair.split("=") for pair in _UKRAINIAN.split())
"""Given names that Ukrainian gives people in another form."""
_PATRONYMIC = re.compile(r"(?:ович|евич|ьич|овна|евна|ична|инична)$")
_NOT_LETTERS = re.compile("[^a-z]+")
_CYRILLIC_WORD = re.compile("[а-яёґђєіїјљњћўџ'’-]+")
# Of Cyrillic alphabets: what is no consonant goes, and foreign names have г or х.
_CONSONANTS = str.maketrans(
    dict.fromkeys("аеёийоуъыьэюяєіїј'’-", "")
    | {"х": "г", "ґ": "г", "ў": "в", "љ": "л", "њ": "н", "ћ": "ч", "ђ": "дж", "џ": "дж", "щ": "ш"}
)
_LEAST_CONSONANTS = 6  # "Bob Dolan" has the skeleton of Bob Dylan
_LONGEST_NAME = 100  # characters; to bring thousands of combining marks into order takes the square of their number
_VOWEL = "-"


def name_key(name: str) -> str | None:
    """The key of a given name and a surname, with or without a patronymic between them. None for any other name."""
    words = name.split() if len(name) <= _LONGEST_NAME else []
    words = [word for position, word in enumerate(words) if position in (0, len(words) - 1) or not _is_patronymic(word)]
    if len(words) != 2 or any("." in word for word in words):
        return None
    parts = [word_key(_GIVEN_NAMES.get(words[0].lower(), words[0])), word_key(words[1])]
    consonants = sum(letter.isalpha() for part in parts for letter in part)
    return " ".join(parts) if all(parts) and consonants >= _LEAST_CONSONANTS else None


def cyrillic_consonants(name: str) -> str | None:
    """The consonants of a given name and a surname in Cyrillic, which its languages spell alike; None for other letters.

    Finer than the key: Зуев and Чехов have one key.
    """
    words = name.lower().split()
    ends = [_GIVEN_NAMES.get(words[0], words[0]), words[-1]] if words else []
    if not ends or not all(_CYRILLIC_WORD.fullmatch(word) for word in ends):
        return None
    return " ".join(_DOUBLE.sub(r"\1", word.translate(_CONSONANTS).replace("шч", "ш")) for word in ends)


def word_key(word: str) -> str:
    """The key of one word of a name; empty where it has no letters of these alphabets."""
    plain = unicodedata.normalize("NFC", word.lower()).translate(_LETTERS)
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter))
    plain = _NOT_LETTERS.sub("", plain)
    for pattern, replacement in _SPELLINGS:
        plain = pattern.sub(replacement, plain)
    return _DOUBLE.sub(r"\1", _VOWELS.sub(_VOWEL, plain))


def _is_patronymic(word: str) -> bool:
    return _PATRONYMIC.search(word) is not None
