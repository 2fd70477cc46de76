"""Sources and how each does: those that need attention first; adding, pausing, polling now, removing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from coranto.sources.previews import Preview
from coranto_gateway.api import sources as api
from coranto_gateway.api.sources import (
    FAULTY,
    ImportedSources,
    NewSource,
    SourceName,
    SourceState,
    SourceView,
    get_sources,
)
from coranto_gateway.http.access import needs
from coranto_gateway.http.problems import Problem
from coranto_gateway.page.forms import form_of
from coranto_gateway.page.rendering import render, see
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(include_in_schema=False)

_ON_A_PAGE: Final = 100
_LONGEST_URL: Final = 4000
_GROUPS: Final[tuple[tuple[str, frozenset[SourceState]], ...]] = (
    ("Need attention", FAULTY),
    ("New", frozenset({"new"})),
    ("Paused", frozenset({"paused"})),
    ("Healthy", frozenset({"healthy"})),
)

State = Literal["", "attention", "paused", "new", "healthy"]


@router.get("/sources")
@needs(Scope.READ)
async def show(
    request: Request,
    parts: PartsOf,
    q: Annotated[str, Query(max_length=200)] = "",
    state: State = "",
    tag: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[int, Query(alias="from", ge=0)] = 0,
) -> Response:
    """The sources that are asked for."""
    return await _show(request, parts, q=q, state=state, tag=tag, start=cursor)


async def _show(
    request: Request,
    parts: Parts,
    *,
    q: str = "",
    state: State = "",
    tag: str = "",
    start: int = 0,
    imported: ImportedSources | None = None,
    preview: Preview | None = None,
    form: Mapping[str, str] | None = None,
) -> Response:
    everything = await get_sources(parts)
    found = [
        each for each in everything if _is_named(each, q) and _is_in(each, state) and (not tag or tag in each.tags)
    ]
    shown = found[start : start + _ON_A_PAGE]
    groups = [
        (name, [each for each in shown if each.state in states], sum(each.state in states for each in found))
        for name, states in _GROUPS
    ]
    return render(
        request,
        "sources.html",
        groups=[group for group in groups if group[1]],
        total=len(everything),
        found=len(found),
        start=start,
        following=start + _ON_A_PAGE if start + _ON_A_PAGE < len(found) else None,
        tags=sorted({each for source in everything for each in source.tags}, key=str.casefold),
        tag=tag,
        imported=imported,
        preview=preview,
        form=form or {},
        counts={kind: sum(each.state == kind for each in everything) for kind in (*sorted(FAULTY), "paused", "new")},
        q=q,
        state=state,
    )


def _is_named(source: SourceView, q: str) -> bool:
    wanted = q.strip().casefold()
    return wanted in source.source.casefold() or wanted in source.url.casefold()


def _is_in(source: SourceView, state: State) -> bool:
    return state in ("", source.state) or (state == "attention" and source.state in FAULTY)


@router.get("/sources/{id}")
@needs(Scope.READ)
async def show_one(request: Request, id: str, parts: PartsOf) -> Response:  # noqa: A002 - the name in the address
    """One source: how it is polled, and what came of what it named."""
    health = await api.get_health(id, parts)
    source = next(each for each in await get_sources(parts) if each.id == id)
    return render(request, "source.html", source=source, health=health)


@router.post("/sources/add")
@needs(Scope.OPERATE)
async def add(request: Request, parts: PartsOf) -> Response:
    """Poll another source from now on."""
    form = await form_of(request)
    url = form.get("url", "").strip()
    if not url:
        raise Problem(422, "bad-url", "expected the address of a feed, sitemap or site, got nothing")
    tags = [tag for each in form.get("tags", "").split(",") if (tag := each.strip())]
    try:
        new = NewSource(url=url, source=form.get("source", "").strip() or None, tags=tags)
    except ValidationError as error:
        raise Problem(422, "bad-request", f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from error
    view, _ = await api.add(parts, new)
    return see(f"/sources?{urlencode({'q': view.url})}#{view.id}")


@router.post("/sources/preview")
@needs(Scope.OPERATE)
async def preview(request: Request, parts: PartsOf) -> Response:
    """Show what the source would bring, with the form to add it."""
    form = await form_of(request)
    url = form.get("url", "").strip()
    if not 0 < len(url) <= _LONGEST_URL:
        raise Problem(422, "bad-url", f"expected the address of a feed, sitemap or site, got {len(url)} characters")
    found = await api.preview_source(SourceName(url=url), parts)
    return await _show(request, parts, preview=found, form=form)


@router.post("/sources/import")
@needs(Scope.OPERATE)
async def import_sources(request: Request, parts: PartsOf) -> Response:
    """Add the sources of a list, and say what came of each line."""
    document = (await form_of(request)).get("list", "").encode()
    return await _show(request, parts, imported=await api.import_list(parts, document))


@router.post("/sources/{action}")
@needs(Scope.OPERATE)
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
