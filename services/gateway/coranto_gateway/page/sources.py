"""Sources and how each does: those that need attention first; adding, pausing, polling now, removing."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from coranto_gateway.api import sources as api
from coranto_gateway.api.sources import FAULTY, NewSource, SourceName, SourceView, get_sources
from coranto_gateway.page.rendering import render, see
from coranto_gateway.page.sign_in import form_of
from coranto_gateway.parts import PartsOf
from coranto_gateway.problems import Problem

router = APIRouter(include_in_schema=False)

State = Literal["", "attention", "paused", "new", "healthy"]


@router.get("/sources")
async def show(
    request: Request,
    parts: PartsOf,
    q: Annotated[str, Query(max_length=200)] = "",
    state: State = "",
    added: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """The sources that are asked for."""
    everything = await get_sources(parts)
    found = [each for each in everything if _is_named(each, q) and _is_in(each, state)]
    groups = [
        ("Need attention", [each for each in found if each.state in FAULTY]),
        ("New", [each for each in found if each.state == "new"]),
        ("Paused", [each for each in found if each.state == "paused"]),
        ("Healthy", [each for each in found if each.state == "healthy"]),
    ]
    return render(
        request,
        "sources.html",
        groups=[(name, members) for name, members in groups if members],
        total=len(everything),
        counts={kind: sum(each.state == kind for each in everything) for kind in (*sorted(FAULTY), "paused", "new")},
        q=q,
        state=state,
        added=added,
    )


def _is_named(source: SourceView, q: str) -> bool:
    wanted = q.strip().casefold()
    return wanted in source.source.casefold() or wanted in source.url.casefold()


def _is_in(source: SourceView, state: State) -> bool:
    return state in ("", source.state) or (state == "attention" and source.state in FAULTY)


@router.post("/sources/add")
async def add(request: Request, parts: PartsOf) -> Response:
    """Poll another source from now on."""
    form = await form_of(request)
    url = form.get("url", "").strip()
    if not url:
        raise Problem(422, "bad-url", "expected the address of a feed, sitemap or site, got nothing")
    view, _ = await api.add(parts, NewSource(url=url[:4000], source=form.get("source", "").strip()[:200] or None))
    return see(f"/sources?added={view.id}#{view.id}")


@router.post("/sources/{action}")
async def act(action: Literal["pause", "resume", "remove"], request: Request, parts: PartsOf) -> Response:
    """Pause a source, poll it now, or remove it."""
    url = (await form_of(request)).get("url", "")
    match action:
        case "pause":
            await api.pause_source(SourceName(url=url), parts)
        case "resume":
            await api.resume_source(SourceName(url=url), parts)
        case "remove":
            await api.remove_source(parts, url)
    return see("/sources")
