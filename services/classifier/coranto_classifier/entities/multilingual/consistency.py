"""Makes the mentions of one text agree with each other, and with the list of places.

A tagger judges each sentence by itself, and the same name may be an organisation here, a place there and overlooked
elsewhere. In one text a name nearly always stands for the same thing, in whichever case of the language it stands.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.multilingual.forms import are_forms, beginning_of, grouped, listed_place

Tokens = Sequence[tuple[int, int]]
"""Start and end of each token of a sentence."""

_INITIALS_BEFORE = re.compile(r"(?<![\w.])(?:(?:[^\W\d_]|[CSTPKZ]h|Dž|Дж|Cs|Gy|Sz|Zs)\.[ \u00a0]?){1,2}$")
_INITIAL_BEHIND = re.compile(r"[ \u00a0]([^\W\d_]\.)(?![\w.])")
_LOOKED_BACK = 12  # characters
_LEAST_SHARE = 1 / 3  # of a name's occurrences that the tagger must have found
_SHORTEST_IN_CAPITALS = 4  # letters; shorter words in capitals are acronyms


def made_consistent(
    text: str, sentences: Iterable[Tokens], mentions: Sequence[Mention], language: str
) -> list[Mention]:
    """The mentions, each name with the type it has most often, and with the occurrences that were overlooked."""
    mentions = list(_with_listed_places(_with_prevailing_types(_with_initials(text, mentions), language), language))
    found = [*mentions, *_overlooked(text, sentences, mentions, language)]
    return sorted(found, key=lambda mention: mention.start)


def _with_initials(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions, people with the initials before the surname or behind the given name: "V. Putin", "Navid B."."""
    covered = {position for mention in mentions for position in range(mention.start, mention.end)}
    found = []
    for mention in mentions:
        start, end = mention.start, mention.end
        if mention.type == "person" and " " not in mention.normal:
            before = _INITIALS_BEFORE.search(text, max(0, start - _LOOKED_BACK), start)
            if before and before.group().istitle() and before.start() not in covered:
                start = before.start()
            behind = _INITIAL_BEHIND.match(text, end) if start == mention.start else None
            if behind and behind.group(1).isupper() and behind.start(1) not in covered:
                end = behind.end()
        name = text[start:end]
        is_same = (start, end) == (mention.start, mention.end)
        found.append(
            mention if is_same else replace(mention, start=start, end=end, text=name, normal=" ".join(name.split()))
        )
    return found


def _with_prevailing_types(mentions: Sequence[Mention], language: str) -> list[Mention]:
    """The mentions, each with the type of more than half of its name's occurrences where there is one."""
    types: dict[str, EntityType] = {}
    for group, counts in _types_by_name(mentions, language):
        (likeliest, count), *others = counts.most_common()
        if others and 2 * count > counts.total():
            types |= dict.fromkeys(group, likeliest)
    return [replace(mention, type=types.get(mention.normal, mention.type)) for mention in mentions]


def _types_by_name(mentions: Sequence[Mention], language: str) -> Iterator[tuple[list[str], Counter[EntityType]]]:
    """The forms of each name, and how often it has each type."""
    counts: dict[str, Counter[EntityType]] = defaultdict(Counter)
    for mention in mentions:
        counts[mention.normal][mention.type] += 1
    for group in grouped(list(counts), language):
        total: Counter[EntityType] = Counter()
        for name in group:
            total += counts[name]
        yield group, total


def _with_listed_places(mentions: Sequence[Mention], language: str) -> Iterator[Mention]:
    """The mentions; a country or well-known city is a place, unless a person of the text is called so, and another
    place that has a person's surname is that person."""
    of_people = {
        word
        for mention in mentions
        if mention.type == "person" and " " in mention.normal
        for word in mention.normal.split()
    }
    surnames = {
        mention.normal.split()[-1] for mention in mentions if mention.type == "person" and " " in mention.normal
    }
    for mention in mentions:
        name = mention.normal
        if mention.type == "place":
            is_person = name in surnames and not listed_place(name, language)
            yield replace(mention, type="person") if is_person else mention
        else:
            is_other = " " in name or name in of_people
            yield mention if is_other or not listed_place(name, language) else replace(mention, type="place")


def _overlooked(
    text: str, sentences: Iterable[Tokens], mentions: Sequence[Mention], language: str
) -> Iterator[Mention]:
    """Occurrences of the mentions' names that are no mentions yet, and listed places in capitals, as in a dateline."""
    names: dict[str, list[tuple[str, EntityType, int]]] = defaultdict(list)
    for group, counts in _types_by_name(mentions, language):
        kind = counts.most_common(1)[0][0]
        names[beginning_of(group[0])].append((group[0], kind, counts.total()))
    covered = {position for mention in mentions for position in range(mention.start, mention.end)}
    found: dict[tuple[str, EntityType, int], list[Mention]] = defaultdict(list)
    for tokens in sentences:
        index = 0
        while index < len(tokens):
            start, end = tokens[index]
            word, step = text[start:end], 1
            if start not in covered and word[:1].isupper():
                for known in names.get(beginning_of(word), ()):
                    last = index + known[0].count(" ")
                    candidate = text[start : tokens[last][1]] if last < len(tokens) else ""
                    if (
                        are_forms(known[0], " ".join(candidate.split()), language)
                        and tokens[last][0] not in covered
                        and last - index + 1 >= step
                    ):
                        found[known].append(
                            Mention(start, tokens[last][1], known[1], candidate, " ".join(candidate.split()))
                        )
                        step = last - index + 1
                        break
                else:
                    if len(word) >= _SHORTEST_IN_CAPITALS and word.isupper() and listed_place(word.title(), language):
                        yield Mention(start, end, "place", word, word)
            index += step
    for (_, _, count), others in found.items():
        if count >= _LEAST_SHARE * (count + len(others)):
            yield from others
