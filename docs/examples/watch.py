"""A stage of your own: it publishes an alert for each finished article whose headline contains a watched word."""

from __future__ import annotations

import argparse
from typing import ClassVar

from pydantic import Field

from coranto.records import FinishedArticle, Record, content_id
from coranto.topology import FINISHED, StageSpec, Stream
from coranto.worker.app import Worker
from coranto.worker.settings import WorkerSettings
from coranto.worker.stage import Stage


class Alert(Record):
    """What travels in `alerts`: the article, and the words that were found."""

    event_type: ClassVar[str] = "org.example.alert.v2"

    article: str = Field(description="Article id.")
    revision: int = Field(description="Revision of the article that was read.")
    title: str = Field(description="Headline.")
    url: str = Field(description="Canonical address.")
    words: tuple[str, ...] = Field(description="Watched words in the headline.")

    @property
    def subject(self) -> str:
        """Id of the article the alert is about."""
        return self.article

    @property
    def message_id(self) -> str:
        """Id of the message, from content only: handling an article twice gives the same alert."""
        return content_id(self.event_type, self.article, str(self.revision), *self.words)


ALERTS = Stream("alerts", Alert)
WATCH = StageSpec("watch", reads=FINISHED, writes=ALERTS)


def make_stage(words: frozenset[str]) -> Stage[FinishedArticle, Alert]:
    """The stage for these words, in lower case."""

    async def watch(article: FinishedArticle) -> Alert | None:
        title = article.content.title or ""
        found = sorted(words & set(title.lower().split()))
        if not found:
            return None  # nothing is published
        url, revision = article.url, article.storage.revision
        return Alert(article=article.id, revision=revision, title=title, url=url, words=tuple(found))

    return Stage(WATCH, handle=watch, reasons={})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="+", help="words to watch for")
    words = frozenset(word.lower() for word in parser.parse_args().words)
    Worker(WorkerSettings(), stages=[make_stage(words)]).run()
