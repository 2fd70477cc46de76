"""For tests of stages and of programs downstream: streams in memory, a clock that stands still, sample records."""

from coranto.testing.clock import FakeClock
from coranto.testing.samples import classified, discovered, extracted, fetched, finished, submission
from coranto.testing.streams import MemoryStreams

__all__ = ["FakeClock", "MemoryStreams", "classified", "discovered", "extracted", "fetched", "finished", "submission"]
