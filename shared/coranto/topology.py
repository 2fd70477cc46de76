"""Streams, stages and who reads and writes what: plain data from which everything else is derived.

Group creation, keys, the AsyncAPI document, the drawing in the docs, compose checks and metrics all come from the
tables below. All keys of one partition share a Redis Cluster hash tag, so that one script may touch them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from coranto.records import (
    ClassifiedArticle,
    DiscoveredArticle,
    DroppedArticle,
    ExtractedArticle,
    FetchedArticle,
    FinishedArticle,
    Record,
    ReindexedArticle,
    Submission,
)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream and what it carries."""

    name: str
    carries: type[Record]
    is_replayable: bool = False
    """True when entries are kept for a configured span after every group has acknowledged them."""
    deduplicates: bool = False
    """True when an event id that was published within the kept span is not published again."""


@dataclass(frozen=True, slots=True)
class StageSpec:
    """A stage's place in the pipeline; its name is also its consumer group."""

    name: str
    reads: Stream
    writes: Stream | None
    queues_by_host: bool = False
    """True when messages wait in a queue for each host, and are handed out when their host may be asked."""
    takes_turns: bool = False
    """True when what is handed in beyond a little waits in a queue for each host, and hosts take turns to be read."""

    @property
    def has_host_queues(self) -> bool:
        """Whether messages wait in queues by host."""
        return self.queues_by_host or self.takes_turns

    @property
    def ends_articles(self) -> bool:
        """True when a message that ends here early ends its article; a stage that writes nothing only takes note."""
        return self.writes is not None


SUBMITTED = Stream("submitted", Submission)
DISCOVERED = Stream("discovered", DiscoveredArticle)
FETCHED = Stream("fetched", FetchedArticle)
EXTRACTED = Stream("extracted", ExtractedArticle)
CLASSIFIED = Stream("classified", ClassifiedArticle)
FINISHED = Stream("finished", FinishedArticle, is_replayable=True, deduplicates=True)
DROPPED = Stream("dropped", DroppedArticle, is_replayable=True)
REINDEXED = Stream("reindexed", ReindexedArticle)

DEAD_LETTERS = "dead_letters"
"""Name of every stage's dead letters, where what is kept is spoken of."""

STREAMS = (SUBMITTED, DISCOVERED, FETCHED, EXTRACTED, CLASSIFIED, FINISHED, DROPPED, REINDEXED)

FEEDER = StageSpec("feeder", SUBMITTED, DISCOVERED, takes_turns=True)
FETCHER = StageSpec("fetcher", DISCOVERED, FETCHED, queues_by_host=True)
EXTRACTOR = StageSpec("extractor", FETCHED, EXTRACTED)
CLASSIFIER = StageSpec("classifier", EXTRACTED, CLASSIFIED)
SINK = StageSpec("sink", CLASSIFIED, FINISHED)
# The sink's second stage: it writes the ledger of articles that ended early, and publishes nothing.
LEDGER = StageSpec("ledger", DROPPED, None)

# The classifier's second stage: it enters stored articles into an index of stories that came back empty.
REINDEX = StageSpec("reindex", REINDEXED, None)

STAGES = (FEEDER, FETCHER, EXTRACTOR, CLASSIFIER, SINK, LEDGER, REINDEX)

SERVICES: dict[str, tuple[StageSpec, ...]] = {
    "feeder": (FEEDER,),
    "fetcher": (FETCHER,),
    "extractor": (EXTRACTOR,),
    "classifier": (CLASSIFIER, REINDEX),
    "sink": (SINK, LEDGER),
    # It reads what the others write, and takes no messages.
    "gateway": (),
}
"""Which service runs which stages; each name is also a container in compose.yaml."""

WORKERS = tuple(name for name, stages in SERVICES.items() if stages)
"""The services that take messages."""


LAYOUT = 1
"""Version of the keys below: a program of another layout must not touch them."""


def readers_of(stream: Stream) -> Iterator[StageSpec]:
    """The stages that read this stream."""
    return (stage for stage in STAGES if stage.reads is stream)


@dataclass(frozen=True, slots=True)
class Keys:
    """The Redis keys of one partition of a pipeline, for example `coranto:{p0}:fetched`."""

    partition: int = 0
    prefix: str = "coranto"

    def _key(self, *parts: str) -> str:
        return ":".join((self.prefix, f"{{p{self.partition}}}", *parts))

    def stream(self, stream: Stream) -> str:
        """The stream itself."""
        return self._key(stream.name)

    def retry(self, stage: StageSpec) -> str:
        """Stream of the stage's messages that are due again: retried, handed back or redelivered."""
        return self._key(stage.name, "retry")

    def delayed(self, stage: StageSpec) -> str:
        """Sorted set of the stage's waiting messages by due time (Unix milliseconds)."""
        return self._key(stage.name, "delayed")

    def delayed_entries(self, stage: StageSpec) -> str:
        """Hash with the waiting messages themselves."""
        return self._key(stage.name, "delayed-entries")

    def host_queues(self, stage: StageSpec) -> str:
        """First part of the keys of the stage's queues by host, see `coranto.streams.host_queues`."""
        return self._key(stage.name, "hosts")

    def claimed(self, stage: StageSpec) -> str:
        """Stream of the messages that came out of their host's queue and are being handled."""
        return self._key(stage.name, "claimed")

    def dead(self, stage: StageSpec) -> str:
        """Stream of the stage's dead letters."""
        return self._key(stage.name, "dead")

    def outcomes(self, stage: StageSpec) -> str:
        """Hash that counts the stage's outcomes: field `outcome|reason`."""
        return self._key(stage.name, "outcomes")

    def announced(self, stream: Stream) -> str:
        """Sorted set of event ids announced on the stream, by time."""
        return self._key(stream.name, "announced")

    def receipt(self, stage: StageSpec, consumer: str) -> str:
        """Hash with what the consumer's last commit did, for a while: its answer may have been lost."""
        return self._key(stage.name, "receipt", consumer)

    def submissions(self) -> str:
        """Sorted set of recently accepted submission ids, by time, so that a repeated call has one effect."""
        return self._key("submissions")

    def submit_call(self, token: str) -> str:
        """The answer of one call of `submit`, for a while, in case it is lost on its way."""
        return self._key("submit-call", token)

    def replica_mark(self) -> str:
        """Written before Redis is asked whether a replica has all that was written."""
        return self._key("replica-mark")

    def joined(self) -> str:
        """Hash of subscribers' groups: how many partitions each has joined. In the first partition only."""
        return self._key("joined")

    def seen(self, article_id: str) -> str:
        """The submission that has the article: written where articles are taken in, forgotten where one had no page."""
        return self._key(FEEDER.name, "seen", article_id)

    def fetched_before(self, article_id: str) -> str:
        """Validators of the article's page, with which a repeated fetch asks whether it has changed; gone when the article
        ended without having been stored.
        """
        return self._key(FETCHER.name, "validators", article_id)

    def owned_by(self, stage: StageSpec, name: str) -> str:
        """A key of the stage's own, such as the feeder's set of seen articles."""
        return self._key(stage.name, name)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline: its key prefix and how many partitions its streams have."""

    partitions: int = 1
    prefix: str = "coranto"

    def all_keys(self) -> tuple[Keys, ...]:
        """The keys of every partition, in order."""
        return tuple(Keys(number, self.prefix) for number in range(self.partitions))

    def keys_for(self, article_id: str) -> Keys:
        """The keys of the partition that the article belongs to."""
        return Keys(int(article_id[:8], 16) % self.partitions, self.prefix)

    def shape(self) -> str:
        """Where the pipeline's shape is kept, see `coranto.streams.shape`."""
        return f"{self.prefix}:pipeline"

    def stories(self) -> str:
        """First part of the keys of the index of stories, which all partitions share."""
        return f"{self.prefix}:{{stories}}:"

    def reindex(self) -> str:
        """What the index of stories has of what is stored: the span it asks the sink for (seconds), or `done`."""
        return f"{self.stories()}reindex"
