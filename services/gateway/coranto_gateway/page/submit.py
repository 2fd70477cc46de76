"""Submitting a page and watching it go through the stages."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from coranto.records import FinishedArticle
from coranto.store.interface import ArticleReader
from coranto.topology import STAGES
from coranto_gateway.api.submit import SubmitRequest, hand_in
from coranto_gateway.api.why import Why, why
from coranto_gateway.http.access import needs
from coranto_gateway.http.problems import Problem
from coranto_gateway.page.forms import form_of
from coranto_gateway.page.rendering import render, see
from coranto_gateway.parts import PartsOf, PrincipalOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(include_in_schema=False)

_MOST_WATCHED: Final = 10
LINE: Final = tuple(spec.name for spec in STAGES if spec.ends_articles)
"""The stages that an article goes through."""


@router.get("/submit")
@needs(Scope.READ)
async def show(
    request: Request, parts: PartsOf, url: Annotated[list[str] | None, Query(max_length=_MOST_WATCHED)] = None
) -> Response:
    """The form, and where the addresses are that are watched."""
    watched = [await why(parts, each) for each in url or []]
    wanted = [each.article for each in watched]

    def look(reader: ArticleReader) -> list[FinishedArticle | None]:
        return [None if each is None else reader.find(each) for each in wanted]

    articles = await parts.stores.ask_if_any(look) or [None for _ in wanted]
    journeys = [(each, _steps(each), _shares(each), article) for each, article in zip(watched, articles, strict=True)]
    return render(
        request,
        "submit.html",
        journeys=journeys,
        is_moving=any(any(step == "now" for _, step in steps) or not _has_ended(each) for each, steps, *_ in journeys),
    )


@router.post("/submit")
@needs(Scope.SUBMIT)
async def submit(request: Request, parts: PartsOf, principal: PrincipalOf) -> Response:
    """Hand the addresses in, and watch them."""
    form = await form_of(request)
    urls = list(dict.fromkeys(line.strip() for line in form.get("urls", "").splitlines() if line.strip()))
    html = form.get("html", "")
    try:
        if html.strip() and len(urls) == 1:
            asked = SubmitRequest.model_validate({"pages": [{"url": urls[0], "html": html}]})
        elif html.strip():
            raise Problem(422, "bad-request", f"a page has one address, got {len(urls)}")
        else:
            asked = SubmitRequest(urls=urls, is_recrawl=form.get("again") == "on")
    except ValidationError as error:
        raise Problem(422, "bad-request", error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    await hand_in(parts, principal, asked)
    return see(f"/submit?{urlencode([('url', each) for each in urls[:_MOST_WATCHED]])}")


def _has_ended(found: Why) -> bool:
    return not found.now and bool(found.endings)


def _steps(found: Why) -> list[tuple[str, str]]:
    """Each stage, and whether the page is through, there now, stopped there, or still to come."""
    if found.now:
        here = found.now[-1].stage
        mark = "bad" if found.now[-1].state == "dead" else "now"
    elif found.article:
        # Submitted again, it ends early as known: the article came through all the same.
        return [(name, "done") for name in LINE]
    elif found.endings:
        here = found.endings[0].stage
        mark = "done" if found.endings[0].outcome in ("stored", "accepted") else "bad"
    else:
        return [(name, "next") for name in LINE]
    if here not in LINE:
        return [(name, "done") for name in LINE]
    at = LINE.index(here)
    return [(name, "done" if number < at else mark if number == at else "next") for number, name in enumerate(LINE)]


def _shares(found: Why) -> dict[str, tuple[float, float]]:
    """Where in the whole time each stage, as far as it is known, worked: its beginning and its width in hundredths."""
    known = [(name, found.times[name]) for name in LINE if name in found.times]
    if len(known) < 2:
        return {}
    begin, whole = known[0][1], (known[-1][1] - known[0][1]).total_seconds()
    if whole <= 0:
        return {}
    ends = [100 * max(0.0, (at - begin).total_seconds()) / whole for _, at in known]
    return {
        name: (min(start, 99.0), max(1.0, end - start))
        for (name, _), start, end in zip(known, [0.0, *ends], ends, strict=False)
    }
