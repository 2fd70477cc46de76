"""Puts a name into the nominative where its endings leave no doubt: "Європейської Комісії" is Європейська Комісія.

Only endings are listed that no nominative has, alone or in this pair. A genitive in -a, which may as well be a woman's
name or a feminine noun, is left to `forms`.
"""

from __future__ import annotations

import re
from functools import cache

_SOUTHERN = """
- ije - ija, - iji - ija, - iju - ija, - ijom - ija, e ije a ija, oj iji a ija, u iju a ija, om ijom a ija,
og stva o stvo, om stvu o stvo, og šta o šte, om štu o šte, og tra i tar,
og a i -, oga a i -, om u i -, im om i -, oj i a a, om om a a, u u a a
"""
_OBLIQUE: dict[str, str] = {
    "bg": "ската - ска -, ната - на -, ския - ски -, ският - ски -, ските - ски -",
    "cs": """
- ii - ie, - ií - ie, é ii á ie, ou ií á ie, é ie á ie, é ise á ise, ou isi á ise, é ice á ika, ou kou á ka, ou ku á ka,
ou ou á a, ou u á a, ého tví é tví, ém tví é tví, ým tvím é tví, ého u ý -, ému u ý -, ém u ý -, ým em ý -
""",
    "hr": _SOUTHERN,
    "pl": """
- stwie - stwo, - stwem - stwo, ji iej ja a, ję ą ja a, ją ą ja a, ii iej ia a, ię ą ia a, ią ą ia a, dzie iej da a, y iej a a,
ę ą a a, ą ą a a, iej ji a ja, iej y a a, cie im t i, cie ym t y, u iego - i, owi iemu - i, em im - i, u ego - y, owi emu - y,
em ym - y, iego u i -, iemu owi i -, im iem i -, im em i -, ego u y -, emu owi y -, ym iem y -, ym em y -
""",
    "sl": """
- ije - ija, - iji - ija, - ijo - ija, e ije a ija, i iji a ija, o ijo a ija, ega stva o stvo, emu stvu o stvo, em stvu o stvo,
ega rja o rje, em rju o rje, im rjem o rje, ega išča o išče, em išču o išče, im iščem o išče, ega tra i ter, ega a i -,
emu u i -, em u i -, im om i -
""",
    "sr": _SOUTHERN,
    "uk": """
- ії - ія, - ією - ія, - ію - ія, ої ії а ія, ій ії а ія, ою ією а ія, у ію а ія, ого ства е ство, ому ству е ство, им ством е ство,
ого у ий -, ого а ий -, ому у ий -, им ом ий -, ої и а а, ій і а а, ою ою а а, у у а а
""",
}
"""Endings that only cases other than the nominative have, by language: those of an adjective and of the noun behind it, then
theirs in the nominative. A name may begin with the noun, and in Bulgarian they are articles. A hyphen stands for none."""
_OBLIQUE_PERSON: dict[str, str] = {
    "cs": """
em em - -, u ovi - -, ovi ovi - -, - ovi - -, a ého - ý, em ým - ý, y ové a ová, e ové a ová, ě ové a ová, u ové a ová,
ou ovou a ová, u ovou a ová, - ovou - ová
""",
    "hr": "a og - i, a oga - i, u om - i, u ome - i, om im - i",
    "pl": """
em iem - -, em em - -, owi owi - -, em im - i, em ym - y, a iego - i, owi iemu - i, em ą - a, ą ą a a, y iej a a, ie iej a a,
ę ą a a
""",
    "sl": "om om - -, om em - -, a ega - i, om im - i",
    "sr": "a og - i, a oga - i, u om - i, u ome - i, om im - i",
    "uk": """
ом енком - енко, ові енкові - енко, - енкові - енко,
ом ом - -, ом им - ий, єм им й ий, а ого - ий, ія ого ій ий, у ому - ий, ові ові - -, - ові - -, и ої а а, і ій а а, ою ою а а
""",
}
"""The same of a given name and the surname behind it, or a surname alone."""
_SHORTEST_OBLIQUE_STEM = 2  # letters
_ALWAYS_PLURAL = ("sjedinjen", "spojen", "ujedinjen", "združen")
_ACRONYM_WITH_ENDING = re.compile(r"([^\W\d_]{2,})-[^\W\d_]{1,3}")


def nominative(name: str, language: str, *, is_person: bool) -> str:
    """The name in the nominative where its endings tell (Європейської Комісії → Європейська Комісія), an acronym without any."""
    acronym = _ACRONYM_WITH_ENDING.fullmatch(name)
    if acronym and acronym.group(1).isupper() and name[-1].islower():
        return acronym.group(1)
    words = name.split()
    if not words or words[0].lower().startswith(_ALWAYS_PLURAL):
        return name
    for of_adjective, of_noun, adjective, noun in _rules(language, is_person):
        endings = ((of_adjective, adjective), (of_noun, noun)) if of_adjective else ((of_noun, noun),)
        if len(words) >= len(endings) and all(
            word.endswith(old) and len(word) - len(old) >= _SHORTEST_OBLIQUE_STEM
            for word, (old, _) in zip(words, endings, strict=False)
        ):
            changed = [word.removesuffix(old) + new for word, (old, new) in zip(words, endings, strict=False)]
            return " ".join([*changed, *words[len(endings) :]])
    return name


@cache
def _rules(language: str, is_person: bool) -> list[tuple[str, ...]]:
    table = _OBLIQUE_PERSON if is_person else _OBLIQUE
    rules = (rule.split() for rule in table.get(language, "").split(",") if rule.strip())
    return [tuple("" if part == "-" else part for part in rule) for rule in rules]
