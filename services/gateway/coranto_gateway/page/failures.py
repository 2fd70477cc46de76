"""Dead letters by cause, one of them whole, and what to do with them."""

from __future__ import annotations

import json
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Filter, Reference
from coranto_gateway.api.dead import Action, CauseView, Chosen, act, get_letter, send_edited, whole
from coranto_gateway.http.access import needs
from coranto_gateway.http.problems import Problem
from coranto_gateway.page.forms import form_of
from coranto_gateway.page.rendering import render, see
from coranto_gateway.parts import PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(include_in_schema=False)

_LETTERS_SHOWN: Final = 50


@router.get("/failures")
@needs(Scope.READ)
async def show(
    request: Request,
    parts: PartsOf,
    cause: Annotated[str | None, Query(max_length=20)] = None,
    letter: Annotated[str | None, Query(max_length=200)] = None,
    done: Annotated[int | None, Query(ge=0)] = None,
    action: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The causes, and of the one that is open its letters and one of them whole."""
    streams = (await parts.pipelines.get()).streams
    causes = [CauseView.of(group) for group in await dead_letters.group_by_cause(streams)]
    opened = next((each for each in causes if each.id == cause), causes[0] if causes and cause is None else None)
    letters: list[Reference] = []
    shown = None
    if opened is not None:
        letters = [reference for reference, _ in await dead_letters.choose(streams, Filter(cause=opened.id))]
        shown = whole(await get_letter(parts, letter if letter is not None else str(letters[0]))) if letters else None
    return render(
        request,
        "failures.html",
        causes=causes,
        total=sum(each.count for each in causes),
        opened=opened,
        letters=[str(each) for each in letters[:_LETTERS_SHOWN]],
        letter=shown,
        message="" if shown is None else _message(shown.event, shown.raw),
        done=done,
        action=action,
    )


def _message(event: object, raw: str | None) -> str:
    return raw if raw is not None else json.dumps(event, ensure_ascii=False, indent=2)


@router.post("/failures/redeliver")
@needs(Scope.OPERATE)
async def redeliver(request: Request, parts: PartsOf) -> Response:
    """Send back one letter, or all of a cause."""
    result = await act(parts, _action(await form_of(request)), "redeliver")
    return see(f"/failures?action=redeliver&done={result.done}")


@router.post("/failures/discard")
@needs(Scope.OPERATE)
async def discard(request: Request, parts: PartsOf) -> Response:
    """Give up one letter, or all of a cause, if their number was typed."""
    form = await form_of(request)
    action = _action(form)
    number = (await act(parts, action.model_copy(update={"dry_run": True}), "discard")).matched
    if form.get("sure", "").strip() != str(number):
        raise Problem(
            422, "not-sure", f"to discard {number} letters for good, type {number}; got {form.get('sure', '')[:20]!r}"
        )
    result = await act(parts, action, "discard")
    return see(f"/failures?action=discard&done={result.done}")


@router.post("/failures/edit")
@needs(Scope.OPERATE)
async def edit(request: Request, parts: PartsOf) -> Response:
    """Send one letter back with another message; nothing changes when its stage does not read such a one."""
    form = await form_of(request)
    try:
        reference = Reference.parse(form.get("letter", ""))
    except ValueError as error:
        raise Problem(400, "bad-reference", str(error)) from error
    result = await send_edited(parts, reference, form.get("message", "").encode())
    return see(f"/failures?action=redeliver&done={result.done}")


def _action(form: dict[str, str]) -> Action:
    if form.get("scope") == "cause":
        return Action(chosen=Chosen(cause=form.get("cause", "")))
    return Action(references=[form.get("letter", "")])
