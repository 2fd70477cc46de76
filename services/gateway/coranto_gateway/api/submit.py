"""Submitting addresses, and pages with their addresses: accepted once, however often an unsure client repeats itself."""

from __future__ import annotations

import codecs
import secrets
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, cast

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field, model_validator

from coranto.client import Receipt, TooMuchWaitingError
from coranto.records import Hints, SavedPage, Submission, content_id
from coranto.urls import UnsupportedUrlError, canonicalize
from coranto_gateway.http.access import needs
from coranto_gateway.http.problems import Problem
from coranto_gateway.parts import Parts, PartsOf, PrincipalOf
from coranto_gateway.tokens.token import Principal, Scope

router = APIRouter(prefix="/v1", tags=["submitting"])

_MOST_AT_ONCE: Final = 1000
_KEY_KEPT: Final = timedelta(hours=24)
_RETRY_AFTER_SECONDS: Final = 10

Url = Annotated[str, Field(min_length=1, max_length=4000)]


class SubmittedPage(BaseModel):
    """A page that is handed over, so that nothing has to be fetched."""

    url: Url = Field(description="Its http(s) address.")
    html: str = Field(min_length=1, description="The page, as text.")


class SubmitRequest(BaseModel):
    """What to look at."""

    urls: list[Url] = Field(
        default_factory=list, max_length=_MOST_AT_ONCE, description="Addresses of articles, feeds or sitemaps."
    )
    pages: list[SubmittedPage] = Field(default_factory=list, max_length=100, description="Pages with their addresses.")
    kind: Literal["auto", "page", "feed"] = Field("auto", description="What the addresses lead to.")
    source: str = Field(
        "submit", min_length=1, max_length=200, description="Name that the articles carry as their source."
    )
    is_recrawl: bool = Field(False, description="Fetch pages that are known already once more.")
    title: str | None = Field(None, max_length=1000, description="A hint, which the page overrules.")

    @model_validator(mode="after")
    def _names_something(self) -> SubmitRequest:
        if not self.urls and not self.pages:
            raise ValueError("nothing to submit: name addresses in `urls`, or pages in `pages`")
        return self


class SubmissionView(BaseModel):
    """One submission that was accepted."""

    submission: str = Field(description="Its id.")
    article: str = Field(description="Id of the article that its address leads to, unless the page names another.")
    url: str
    is_new: bool = Field(description="False when the same submission had been accepted before.")

    @classmethod
    def of(cls, receipt: Receipt) -> SubmissionView:
        """The receipt."""
        return cls(submission=receipt.submission, article=receipt.article_id, url=receipt.url, is_new=receipt.is_new)


class Accepted(BaseModel):
    """What was accepted."""

    submissions: list[SubmissionView]


@router.post(
    "/submit",
    status_code=202,
    summary="Submit addresses or pages",
    responses={429: {"description": "Too much waits already; `accepted` in the problem says what was taken."}},
)
@needs(Scope.SUBMIT)
async def submit(
    asked: SubmitRequest,
    request: Request,
    response: Response,
    parts: PartsOf,
    principal: PrincipalOf,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=200, description="A repeated request with the same key has one effect."),
    ] = None,
) -> Accepted:
    """Accepted once Redis has it; `/v1/why?url=…` says what becomes of it."""
    body = await request.body()
    receipts = await hand_in(parts, principal, asked, key=idempotency_key, fingerprint=content_id(body.hex()))
    if len(receipts) == 1:
        response.headers["Location"] = f"/v1/articles/{receipts[0].article_id}"
    return Accepted(submissions=[SubmissionView.of(receipt) for receipt in receipts])


async def hand_in(
    parts: Parts, principal: Principal, asked: SubmitRequest, *, key: str | None = None, fingerprint: str = ""
) -> list[Receipt]:
    """Submit what was asked for. Raises Problem when it cannot be taken, or not now."""
    for url in (*asked.urls, *(page.url for page in asked.pages)):
        _check(url)
    if key is not None:
        await _claim_key(parts, principal, key, fingerprint)
    submissions = await _submissions(parts, principal, asked, key)
    pipeline = await parts.pipelines.get()
    try:
        return await pipeline.client.submit(submissions, max_backlog=parts.settings.gateway.max_backlog, keep=_KEY_KEPT)
    except TooMuchWaitingError as error:
        raise Problem(
            429,
            "too-much-waiting",
            f"{len(error.refused)} of {len(submissions)} submissions were not accepted: more than "
            f"{parts.settings.gateway.max_backlog} wait already. Repeat the request with the same Idempotency-Key in a while",
            headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
            accepted=[SubmissionView.of(each).model_dump() for each in error.accepted],
            refused=[each.url for each in error.refused],
        ) from error


def _check(url: str) -> None:
    try:
        canonicalize(url)
    except UnsupportedUrlError as error:
        raise Problem(422, "bad-url", str(error)) from error
    if not url.strip().lower().startswith(("http://", "https://")):
        raise Problem(422, "bad-url", f"expected an http(s) address, got {url[:200]!r}")


async def _submissions(
    parts: Parts, principal: Principal, asked: SubmitRequest, key: str | None
) -> Sequence[Submission]:
    now = datetime.now(UTC)
    hints = Hints(title=asked.title)

    def identity(url: str) -> str:
        # With a key the id is made from it alone, so that a repeated request names the same submissions.
        return content_id("submission", principal.token or "", key or secrets.token_hex(16), url)

    found = [
        Submission(
            id=identity(url),
            url=url,
            kind=asked.kind,
            source=asked.source,
            submitted_at=now,
            is_recrawl=asked.is_recrawl,
            hints=hints,
        )
        for url in dict.fromkeys(asked.urls)
    ]
    for page in asked.pages:
        # Kept as UTF-8, with the mark that outdoes whatever charset the page names: the text came as Unicode.
        ref = await parts.pages.put(codecs.BOM_UTF8 + page.html.encode("utf-8", "replace"))
        found.append(
            Submission(
                id=identity(page.url),
                url=page.url,
                kind="page",
                source=asked.source,
                submitted_at=now,
                is_recrawl=asked.is_recrawl,
                hints=hints,
                saved=SavedPage(page=ref, content_type="text/html"),
            )
        )
    return found


async def _claim_key(parts: Parts, principal: Principal, key: str, fingerprint: str) -> None:
    """Note what the key stands for. Raises Problem when it stood for something else before."""
    name = f"{parts.settings.pipeline.prefix}:gateway:idempotency:{content_id(principal.token or '', key)}"
    is_new = await parts.redis.set(name, fingerprint, nx=True, px=int(_KEY_KEPT.total_seconds() * 1000))
    if is_new:
        return
    known = await cast("Awaitable[bytes | None]", parts.redis.get(name))
    if known is not None and known.decode() != fingerprint:
        raise Problem(
            422,
            "idempotency-key-reused",
            "this Idempotency-Key was sent with another request within the last day; take a new key for a new request",
        )
