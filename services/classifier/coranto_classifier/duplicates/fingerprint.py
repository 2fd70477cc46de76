"""A text's fingerprint: sampled hashes of its three-word shingles, by which copies are found.

Whether a shingle is kept depends on its hash alone (the "0 mod p" sketch of Manber 1994 and Broder 1997), so two texts
that share a passage keep the same part of it. `scripts/assign.lua` compares them by containment, the share of the
smaller fingerprint that the larger has: a symmetric measure such as Jaccard's is low for a copy that was cut short.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.agencies import canonical_name, find_agency, publishing_agency

SHINGLE_WORDS = 3
SAMPLED_ONE_IN = 2
LONGEST_TEXT = 12_000
OWN_TEXT = 0.6  # when the smaller text covers less of the larger than this, the larger one's lead is compared as well
LEAD_SHARED = 0.25  # share of the larger one's lead that the smaller must then have
FEWEST_SHINGLES = 6  # a shorter text cannot be compared

_NOT_WORD = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# The multipliers of splitmix64: they spread the words' hashes evenly over 64 bits.
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LEAD_SHINGLES = 50
_NUMBERS_KEPT = 40
_AGENCY_SOUGHT_IN = 1500  # characters of the text


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a text to compare it by."""

    shingles: tuple[int, ...]
    """Sampled 32-bit hashes of three-word shingles, ascending."""
    lead: tuple[int, ...]
    """Those of them that stand in the first words: a text's beginning shows which story it is about."""
    numbers: tuple[int, ...]
    """16-bit hashes of the numbers in the text, ascending."""
    digest: str
    """Digest of the whole text."""
    agency: str | None
    """News agency the text names first, as the text writes it."""
    own_agency: str = ""
    """News agency that published the text itself; empty for any other publisher."""

    @property
    def source(self) -> str:
        """Canonical name of the agency the text was taken from; empty for an agency's own text."""
        return "" if self.own_agency else canonical_name(self.agency)

    @property
    def can_be_compared(self) -> bool:
        """False for a text too short to recognise a copy by."""
        return len(self.shingles) >= FEWEST_SHINGLES

    def packed_shingles(self) -> bytes:
        """The shingles as Redis keeps them: 32-bit little-endian."""
        return np.array(self.shingles, dtype="<u4").tobytes()

    def packed_lead(self) -> bytes:
        """The lead's shingles as Redis keeps them: 32-bit little-endian."""
        return np.array(self.lead, dtype="<u4").tobytes()

    def packed_numbers(self) -> bytes:
        """The numbers as Redis keeps them: 16-bit little-endian."""
        return np.array(self.numbers, dtype="<u2").tobytes()


def make_fingerprint(
    title: str, text: str, *, agency: str | None = None, url: str | None = None, publisher: str | None = None
) -> Fingerprint:
    """The text's fingerprint. The title counts only where there is little text, since copies get new titles."""
    body = text[:LONGEST_TEXT]
    words = _words(body)
    if len(words) < 3 * FEWEST_SHINGLES:
        words = _words(f"{title} {body}")
    hashes = _shingle_hashes(words)
    kept = np.unique(hashes[hashes % np.uint64(SAMPLED_ONE_IN) == 0] >> np.uint64(32)).astype(np.int64)
    if len(kept) < FEWEST_SHINGLES:
        # Short texts keep all shingles. The sampled ones are among them, so longer texts can still be compared.
        kept = np.unique(hashes >> np.uint64(32)).astype(np.int64)
    return Fingerprint(
        shingles=tuple(kept.tolist()),
        lead=tuple(np.intersect1d(kept, (hashes[:_LEAD_SHINGLES] >> np.uint64(32)).astype(np.int64)).tolist()),
        numbers=_number_hashes(f"{title} {body}"),
        digest=hashlib.sha256(f"{title}\x1f{text}".encode("utf-8", "replace")).hexdigest()[:16],
        agency=agency or find_agency(f"{title}\n{body[:_AGENCY_SOUGHT_IN]}"),
        own_agency=publishing_agency(url, publisher),
    )


def _words(text: str) -> list[str]:
    return _NOT_WORD.sub(" ", text.lower().replace("ё", "е")).split()


def _shingle_hashes(words: list[str]) -> NDArray[np.uint64]:
    """64-bit hash of every three-word shingle, the same on every machine."""
    if len(words) < SHINGLE_WORDS:
        return np.empty(0, dtype=np.uint64)
    word_hashes: dict[str, int] = {}
    for word in words:
        if word not in word_hashes:
            word_hashes[word] = int.from_bytes(
                hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little"
            )
    codes = np.array([word_hashes[word] for word in words], dtype=np.uint64)
    with np.errstate(over="ignore"):
        mixed = codes[:-2] * _BASE * _BASE + codes[1:-1] * _BASE + codes[2:]
        mixed ^= mixed >> np.uint64(30)
        mixed *= _MIX_1
        mixed ^= mixed >> np.uint64(27)
        mixed *= _MIX_2
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
