"""Recognizes entities in English text with a CRF and the network of all languages; `post_processing` corrects their answer.

The model and the name lists are made by `make models`. The normal form of an English name is the name without article
and possessive.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from coranto_classifier.entities.bio import entity_spans
from coranto_classifier.entities.english.features import features_of
from coranto_classifier.entities.english.gazetteer import GIVEN_NAME, SURNAME, Gazetteer
from coranto_classifier.entities.english.post_processing import PostProcessor
from coranto_classifier.entities.english.tokens import CaseCounts, count_cases, sentences_of, tokens_of
from coranto_classifier.entities.mention import Mention
from coranto_classifier.entities.multilingual.opinions import OpinionMaker
from coranto_classifier.entities.multilingual.sentence_network import SentenceNetwork
from coranto_classifier.entities.multilingual.tag_paths import read_together, tags_by_both

_LONGEST_TEXT = 20_000
_LONGEST_SENTENCE = 400  # tokens; longer text without a sentence end is tagged in pieces
_LONGEST_WORD = 60  # characters that are looked at: the features of words are kept
_LONGEST_ACRONYM = 6  # letters
_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
# Towns with small words between hyphens, at which the tokens end.
_TOWN = re.compile(
    r"(?<![\w-])[A-Z][a-z]{1,20}-(?:(?:by|in|le|next|on|over|super|under|upon)-)(?:(?:la|the)-)?[A-Z][a-z]{1,20}(?![\w-])"
)
_POSSESSIVE = re.compile(r"['’]s?$")


class EnglishRecognizer:
    """Finds people, organisations and places in English text."""

    def __init__(self, models: Path, opinions: OpinionMaker, network: SentenceNetwork) -> None:
        import pycrfsuite  # type: ignore[import-untyped]  # ships no types

        self._gazetteer = Gazetteer(models)
        self._opinions, self._network = opinions, network
        self._post_processor = PostProcessor(self._gazetteer)
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(models / "english_names.crfsuite"))
        self.version = "crf-en-7"

    def find(self, text: str) -> list[Mention]:
        """The mentions in the first 20,000 characters of the text."""
        text = text[:_LONGEST_TEXT]
        cases = count_cases(_words(text, tokens_of(text)))
        sentences = [
            tokens[first : first + _LONGEST_SENTENCE]
            for tokens in (
                [(start + a, start + b) for a, b in tokens_of(text[start:end])] for start, end in sentences_of(text)
            )
            for first in range(0, len(tokens), _LONGEST_SENTENCE)
        ]
        groups = read_together(sentences)
        mentions = [mention for group in groups for mention in self._tagged(text, group, cases)]
        return self._agreed(with_whole_towns(text, mentions))

    def _agreed(self, mentions: Sequence[Mention]) -> list[Mention]:
        """The mentions, with a single word that is an organisation somewhere in the text as one throughout it.

        One sense per discourse (Gale, Church and Yarowsky 1992). People are introduced by their full names, so a word of such
        a name stays a person's, and so does one that the lists have as a given name or a surname.
        """
        organisations = {mention.normal for mention in mentions if mention.type == "organisation"}
        of_people = {
            word
            for mention in mentions
            if mention.type == "person" and " " in mention.normal
            for word in mention.normal.split()
        }

        def is_organisation(mention: Mention) -> bool:
            name = mention.normal
            if mention.type != "person" or " " in name or name not in organisations or name in of_people:
                return False
            return not {GIVEN_NAME, SURNAME}.intersection(self._gazetteer.codes(name.lower()))

        return [replace(each, type="organisation") if is_organisation(each) else each for each in mentions]

    def _tagged(self, text: str, cut: Sequence[Sequence[tuple[int, int]]], cases: CaseCounts) -> Iterator[Mention]:
        """The mentions among the tokens of the sentences, each sentence by itself."""
        written = [(tokens, _words(text, tokens)) for tokens in cut]
        read = [(tokens, words) for tokens, words in written if any(word[:1].isupper() for word in words)]
        sentences = [words for _, words in read]
        rows = features_of(sentences, self._gazetteer, self._opinions, cases)
        judged = self._network.judge(sentences, "en")
        tagged = tags_by_both(judged, self._tagger, rows)
        for (tokens, words), tags in zip(read, tagged, strict=True):
            for first, last, kind in self._post_processor.corrected(words, list(entity_spans(tags)), cases):
                start, end = tokens[first][0], tokens[last][1]
                normal = normal_form(text[start:end])
                if normal:
                    yield Mention(start, end, kind, text[start:end], normal)


def with_whole_towns(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions, with “Stoke-on-Trent” as one place where only its beginning is one."""
    towns = [match.span() for match in _TOWN.finditer(text)]
    starts = [start for start, _ in towns]
    found: list[Mention] = []
    for mention in mentions:
        number = bisect_left(starts, mention.end) - 1
        town = towns[number] if number >= 0 else (0, 0)
        is_cut = mention.start < town[1] and not (mention.start <= town[0] and town[1] <= mention.end)
        goes_on = bool(found) and found[-1].end > town[0]
        if not is_cut or (mention.start > town[0] and not goes_on):
            found.append(mention)
            continue
        start = found.pop().start if goes_on else mention.start
        end = max(town[1], mention.end)
        kind = "place" if (start, end) == town else mention.type
        found.append(Mention(start, end, kind, text[start:end], normal_form(text[start:end])))
    return found


def _words(text: str, tokens: Sequence[tuple[int, int]]) -> list[str]:
    return [text[start : min(end, start + _LONGEST_WORD)] for start, end in tokens]


def normal_form(name: str) -> str:
    """The name without article and possessive, on one line."""
    name = _POSSESSIVE.sub("", " ".join(name.split()))
    name = _ARTICLE.sub("", name)
    if name.isupper() and len(name) > _LONGEST_ACRONYM:
        name = name.title()  # BUCHAREST at the start of a dateline
    return name if name.endswith(".") else name.strip(" .,;:")
