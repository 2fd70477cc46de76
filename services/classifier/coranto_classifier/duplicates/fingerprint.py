"""A text's fingerprint: sampled hashes of its three-word runs, by which copies find one another.

Which runs are kept depends on the run alone, so two texts that share a passage keep the same part of it. A copy is
known by containment (the share of the smaller fingerprint that the larger has): cuts and lead-only copies lower any
symmetric measure.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.agencies import known_as, named_in, published_by

RUN = 3
SAMPLED = 2  # one run in so many is kept
LONGEST_TEXT = 12_000
OWN_TEXT = 0.6  # share of the larger text below which its beginning is asked as well
LEAD_SHARED = 0.25  # share of its beginning that the smaller text must have then
FEWEST = 6  # runs; a shorter text tells nothing

_NOT_WORD = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_STIR = np.uint64(0xBF58476D1CE4E5B9)
_STIR_AGAIN = np.uint64(0x94D049BB133111EB)
_LEAD_RUNS = 50
_NUMBERS_KEPT = 40
_AGENCY_SOUGHT_IN = 1500  # characters of the text


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a text to compare it by."""

    runs: tuple[int, ...]
    """Sampled 32-bit hashes of three-word runs, in ascending order."""
    lead: tuple[int, ...]
    """Those of its runs that stand in its first words: what the text begins with tells what story it is of."""
    numbers: tuple[int, ...]
    """16-bit hashes of the numbers in the text, in ascending order."""
    digest: str
    """Of the whole text: the same text gives the same digest."""
    agency: str | None
    """News agency the text names first, as it writes it."""
    own_agency: str = ""
    """News agency that published the text itself; empty for anybody else's text."""

    @property
    def source(self) -> str:
        """The one name of the agency whose text it says it is; empty for an agency's own text."""
        return "" if self.own_agency else known_as(self.agency)

    @property
    def can_be_compared(self) -> bool:
        """False for a text too short to tell a copy by."""
        return len(self.runs) >= FEWEST

    def packed_runs(self) -> bytes:
        """The runs as they are kept in Redis."""
        return np.array(self.runs, dtype="<u4").tobytes()

    def packed_lead(self) -> bytes:
        """The lead's runs as they are kept in Redis."""
        return np.array(self.lead, dtype="<u4").tobytes()

    def packed_numbers(self) -> bytes:
        """The numbers as they are kept in Redis."""
        return np.array(self.numbers, dtype="<u2").tobytes()


def fingerprint(
    title: str, text: str, *, agency: str | None = None, url: str | None = None, publisher: str | None = None
) -> Fingerprint:
    """The text's fingerprint. The title counts only where there is little text: copies are retitled."""
    body = text[:LONGEST_TEXT]
    words = _words(body)
    if len(words) < 3 * FEWEST:
        words = _words(f"{title} {body}")
    hashes = _run_hashes(words)
    kept = np.unique(hashes[hashes % np.uint64(SAMPLED) == 0] >> np.uint64(32)).astype(np.int64)
    if len(kept) < FEWEST:
        # Short texts are kept whole; the sampled runs are among these, so longer ones can still be compared.
        kept = np.unique(hashes >> np.uint64(32)).astype(np.int64)
    return Fingerprint(
        runs=tuple(kept.tolist()),
        lead=tuple(np.intersect1d(kept, (hashes[:_LEAD_RUNS] >> np.uint64(32)).astype(np.int64)).tolist()),
        numbers=_number_hashes(f"{title} {body}"),
        digest=hashlib.sha256(f"{title}\x1f{text}".encode("utf-8", "replace")).hexdigest()[:16],
        agency=agency or named_in(f"{title}\n{body[:_AGENCY_SOUGHT_IN]}"),
        own_agency=published_by(url, publisher),
    )


def containment(one: Fingerprint, other: Fingerprint) -> float:
    """Share of the smaller text's runs that the larger has.

    Nothing when the larger has much text of its own and begins with it: then the smaller is background at its end.
    """
    smaller, larger = (one, other) if len(one.runs) <= len(other.runs) else (other, one)
    shared = len(set(smaller.runs).intersection(larger.runs))
    if not shared:
        return 0.0
    if shared < OWN_TEXT * len(larger.runs) and larger.lead:
        leading = len(set(larger.lead).intersection(smaller.runs))
        if leading < LEAD_SHARED * len(larger.lead):
            return 0.0
    return shared / len(smaller.runs)


def _words(text: str) -> list[str]:
    return _NOT_WORD.sub(" ", text.lower().replace("ё", "е")).split()


def _run_hashes(words: list[str]) -> NDArray[np.uint64]:
    """64-bit hash of every three-word run, the same on every machine."""
    if len(words) < RUN:
        return np.empty(0, dtype=np.uint64)
    seen: dict[str, int] = {}
    for word in words:
        if word not in seen:
            seen[word] = int.from_bytes(
                hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little"
            )
    codes = np.array([seen[word] for word in words], dtype=np.uint64)
    with np.errstate(over="ignore"):
        mixed = codes[:-2] * _BASE * _BASE + codes[1:-1] * _BASE + codes[2:]
        mixed ^= mixed >> np.uint64(30)
        mixed *= _STIR
        mixed ^= mixed >> np.uint64(27)
        mixed *= _STIR_AGAIN
        mixed ^= mixed >> np.uint64(31)
    return mixed


def _number_hashes(text: str) -> tuple[int, ...]:
    """Hashes of the first numbers of a text."""
    found = dict.fromkeys(match.group() for match in _NUMBER.finditer(text))
    hashes = {
        int.from_bytes(hashlib.blake2b(number.encode(), digest_size=2).digest(), "little")
        for number in list(found)[:_NUMBERS_KEPT]
    }
    return tuple(sorted(hashes))
