"""For tests of stages and of programs downstream: streams in memory, a clock that stands still, sample records."""

from coranto.testing.clock import FakeClock
from coranto.testing.reader import MemoryReader
from coranto.testing.samples import classified, discovered, extracted, fetched, finished, submission
from coranto.testing.streams import MemoryPipeline, MemoryStreams

__all__ = [
    "FakeClock",
    "MemoryPipeline",
    "MemoryReader",
    "MemoryStreams",
    "classified",
    "discovered",
    "extracted",
    "fetched",
    "finished",
    "submission",
]  # fmt: skip
