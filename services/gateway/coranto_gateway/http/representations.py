"""In which form an article is sent: as the client asks with `Accept`, or with `format` in the address."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import Response

from coranto.formats.jsonld import to_json_ld
from coranto.formats.markup import WITHDRAWN
from coranto.formats.ninjs import to_ninjs
from coranto.records import FinishedArticle
from coranto_gateway.http.problems import Problem

FormatName = Literal["json", "ninjs", "jsonld", "text"]


@dataclass(frozen=True, slots=True)
class Representation:
    """One form of an article."""

    name: FormatName
    media_type: str
    accepted_as: tuple[str, ...]
    write: Callable[[FinishedArticle], Any]


def _plain(article: FinishedArticle) -> dict[str, Any]:
    return article.model_dump(mode="json", exclude_none=True)


def to_text(article: FinishedArticle) -> str:
    """Headline, standfirst, byline and text, to be read by people."""
    content = article.content
    by = ", ".join(author.name for author in content.authors)
    at = content.published.text if content.published else None
    head = [content.title, content.lead, " · ".join(each for each in (by, content.publisher, at) if each)]
    if article.storage.change == "retracted":
        head.insert(0, WITHDRAWN)
    blocks = [*filter(None, head), *(block.text for block in content.paragraphs)]
    return "\n\n".join([*blocks, article.url]) + "\n"


REPRESENTATIONS: tuple[Representation, ...] = (
    Representation("json", "application/json", ("application/json", "application/*", "*/*"), _plain),
    Representation("ninjs", "application/vnd.iptc.ninjs+json", ("application/vnd.iptc.ninjs+json",), to_ninjs),
    Representation("jsonld", "application/ld+json", ("application/ld+json",), to_json_ld),
    Representation("text", "text/plain; charset=utf-8", ("text/plain", "text/*"), to_text),
)
"""The first is what a client gets that asks for nothing in particular."""


def choose(request: Request, name: FormatName | None) -> Representation:
    """The form that the client prefers. Raises Problem when it wants none that there is."""
    if name is not None:
        return next(each for each in REPRESENTATIONS if each.name == name)
    accepted = _accepted(request.headers.get("accept", "*/*"))
    for wanted in accepted:
        for each in REPRESENTATIONS:
            if wanted in each.accepted_as:
                return each
    offered = ", ".join(each.media_type for each in REPRESENTATIONS)
    raise Problem(406, "not-acceptable", f"an article is sent as {offered}; the request accepts none of them")


def _accepted(header: str) -> list[str]:
    """The media types of an `Accept` header, the preferred ones first."""
    found: list[tuple[float, str]] = []
    for part in header[:1000].split(","):
        kind, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if kind and quality > 0:
            found.append((quality, kind))
    return [kind for _, kind in sorted(found, key=lambda each: -each[0])] or ["*/*"]


def answer(article: FinishedArticle, form: Representation) -> Response:
    """The article in this form."""
    return _respond(form, form.write(article), [article])


def answer_all(articles: Sequence[FinishedArticle], form: Representation) -> Response:
    """The articles in this form, in one document."""
    written = [form.write(article) for article in articles]
    return _respond(form, "\n".join(written) if form.name == "text" else written, articles)


def _respond(form: Representation, body: Any, articles: Sequence[FinishedArticle]) -> Response:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    headers = {"Vary": "Accept"}
    if len(articles) == 1:
        headers["ETag"] = f'"{articles[0].id}-{articles[0].storage.revision}-{form.name}"'
    return Response(text, media_type=form.media_type, headers=headers)
