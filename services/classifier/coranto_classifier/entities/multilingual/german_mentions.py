"""Corrects German mentions by what is known of their words: no common nouns, no titles, no words that only stand beside a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.multilingual.german_words import COMPOUND, NOUN, SUFFIX, GermanWords
from coranto_classifier.entities.multilingual.known_phrases import TYPES_OF_KINDS, KnownPhrases
from coranto_classifier.entities.multilingual.tokens import tokens_of

_TAILS_OF_SURNAMES = (
    "bach", "bauer", "baum", "beck", "berg", "berger", "burg", "dorf", "feld", "hof", "mann", "meister", "stein", "thal", "wald",
)  # fmt: skip
_WORD = re.compile(r"\S+")
_SMALL_WORD = re.compile(r"[a-zäöüß]+")
_TITLE = re.compile(r"(?:(?:Herrn?|Frau|Familie|Doktor|Dr\.|Professor|Prof\.)\s+)+(?=\w)")


def corrected(
    text: str, mentions: Sequence[Mention], known: GermanWords, phrases: KnownPhrases, *, is_article: bool
) -> list[Mention]:
    """The mentions, without what is no name, and with the types that names of several words are known with."""
    bare = with_known_types(without_words_beside(without_titles(mentions)), phrases)
    return without_common_words(text, bare, known, phrases, is_article=is_article)


def without_titles(mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions, people without the address before their names: "Herr Voigt"."""

    def bare(mention: Mention) -> Mention:
        title = _TITLE.match(mention.text) if mention.type == "person" else None
        if title is None:
            return mention
        name = mention.text[title.end() :]
        return replace(mention, start=mention.start + title.end(), text=name, normal=" ".join(name.split()))

    return [bare(mention) for mention in mentions]


def without_words_beside(mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions without what only stands beside the name: a small word behind it, and another name before or behind it.

    "Stoltenberg sprach" is Stoltenberg; of "Trumps Betreiben" and "Trumps Golf von Amerika", in a text with Donald Trump, the
    person and the place are left.
    """
    genitives = {
        f"{mention.normal.split()[-1]}s" for mention in mentions if mention.type == "person" and " " in mention.normal
    }

    def bare(mention: Mention) -> Mention:
        words = [(match.start(), match.end()) for match in _WORD.finditer(mention.text)]
        while len(words) > 1 and _SMALL_WORD.fullmatch(mention.text, *words[-1]):
            words.pop()
        if len(words) > 1 and mention.text[slice(*words[0])] in genitives:
            words = words[:1] if mention.type == "person" else words[1:] if mention.type == "place" else words
        start, end = words[0][0], words[-1][1]
        name = mention.text[start:end]
        return replace(
            mention, start=mention.start + start, end=mention.start + end, text=name, normal=" ".join(name.split())
        )

    return [bare(mention) for mention in mentions]


def with_known_types(mentions: Sequence[Mention], phrases: KnownPhrases) -> list[Mention]:
    """The mentions, those of several words that are known as a whole with the type they are known with: "Bad Harzburg"."""

    def known_type(mention: Mention) -> EntityType:
        words = [mention.normal[start:end] for start, end in tokens_of(mention.normal)]
        found = phrases.find(words) if len(words) > 1 else {}
        length, kind = found.get(0, (0, ""))
        return TYPES_OF_KINDS[kind] if length == len(words) else mention.type

    return [replace(mention, type=known_type(mention)) for mention in mentions]


def without_common_words(
    text: str, mentions: Sequence[Mention], known: GermanWords, phrases: KnownPhrases, *, is_article: bool
) -> list[Mention]:
    """The mentions without people and organisations that are one common word.

    Such a word is no name that is known as a whole, and, in an article, no surname of somebody who has a given name there:
    "Jäger". Words that open a sentence may be of any kind: "Allein".
    """
    full_names = {
        mention.normal.split()[-1] for mention in mentions if mention.type == "person" and " " in mention.normal
    }

    def is_common(mention: Mention) -> bool:
        name = mention.normal
        if mention.type == "place" or name in full_names or not name.isalpha() or phrases.find([name]):
            return False
        codes = known.codes(name)
        if not is_article or mention.type != "person":
            return codes == NOUN
        is_first = not text[: mention.start].rstrip(' "„“»«(–-')[-1:].isalnum()
        is_noun = NOUN in codes or (codes in (COMPOUND, SUFFIX) and not name.endswith(_TAILS_OF_SURNAMES))
        return is_noun or (is_first and known.is_written_small(name))

    return [mention for mention in mentions if not is_common(mention)]
