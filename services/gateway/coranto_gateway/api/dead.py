"""Dead letters: listed, grouped by cause, shown, sent back to their stages, discarded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, model_validator

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Filter, Group, Reference
from coranto.records.envelope import MalformedEventError, peek
from coranto.streams.interface import DeadLetter
from coranto.topology import STAGES
from coranto_gateway.http.access import needs
from coranto_gateway.http.problems import Problem, not_found
from coranto_gateway.parts import Parts, PartsOf
from coranto_gateway.tokens.token import Scope

router = APIRouter(prefix="/v1/dead", tags=["operating"])

_MOST_AT_ONCE = 10_000


class Chosen(BaseModel):
    """Which letters are meant; what is left out takes any."""

    stage: str | None = Field(None, description="Name of the stage.")
    reason: str | None = Field(None, description="A reason of that stage.")
    host: str | None = Field(None, max_length=300, description="Host of the article's address, or a domain above it.")
    cause: str | None = Field(None, description="Id of a cause, see `/v1/dead/causes`.")

    @model_validator(mode="after")
    def _stage_is_known(self) -> Chosen:
        names = [spec.name for spec in STAGES]
        if self.stage is not None and self.stage not in names:
            raise ValueError(f"there is no stage {self.stage[:100]!r}; the stages are {', '.join(names)}")
        return self

    def to_filter(self) -> Filter:
        """The filter."""
        return Filter(self.stage, self.reason, self.host, self.cause)


class LetterQuestion(Chosen):
    """A page of letters."""

    after: str | None = Field(None, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Letters on a page.")


class LetterView(BaseModel):
    """A dead letter."""

    reference: str = Field(description="Its name: stage, partition and entry.")
    stage: str
    reason: str
    cause: str = Field(description="Id of the cause that it shares with others.")
    error: str = Field(description="What was seen.")
    attempts: int
    died_at: datetime
    article: str | None = Field(description="Id of the article, as far as the message can be read.")
    url: str | None = Field(description="Its address, likewise.")

    @classmethod
    def of(cls, letter: DeadLetter) -> LetterView:
        """The letter as it is listed."""
        return cls(
            reference=str(Reference.of(letter)),
            stage=letter.stage,
            reason=letter.reason,
            cause=dead_letters.cause_of(letter).id,
            error=letter.error,
            attempts=letter.attempts,
            died_at=_moment(letter.died_at_ms),
            article=dead_letters.article_of_letter(letter),
            url=dead_letters.url_of_letter(letter),
        )


class WholeLetter(LetterView):
    """A dead letter with all that is known of it."""

    traceback: str
    event: dict[str, Any] | None = Field(description="The message, where it is JSON.")
    raw: str | None = Field(description="The message's bytes as text, where it is not JSON.")


class LetterPage(BaseModel):
    """A page of letters, stage by stage, oldest first."""

    items: list[LetterView]
    next: str | None = Field(description="Where the next page begins; null on the last one.")


class CauseView(BaseModel):
    """Letters of one cause."""

    id: str
    stage: str
    reason: str
    error: str = Field(description="First line of the error, with addresses, ids and numbers folded away.")
    count: int
    first_at: datetime
    last_at: datetime
    example: str = Field(description="Name of one of the letters.")

    @classmethod
    def of(cls, group: Group) -> CauseView:
        """The group."""
        return cls(
            id=group.cause.id,
            stage=group.cause.stage,
            reason=group.cause.reason,
            error=group.cause.error,
            count=group.count,
            first_at=_moment(group.first_ms),
            last_at=_moment(group.last_ms),
            example=str(group.example),
        )


class CauseList(BaseModel):
    """Causes, the most frequent first."""

    items: list[CauseView]


class Action(BaseModel):
    """What to do with which letters: those named, or those chosen by a filter."""

    references: list[str] | None = Field(None, max_length=_MOST_AT_ONCE, description="Names of letters.")
    chosen: Chosen | None = Field(None, description="A filter, instead of names. `{}` takes all.")
    dry_run: bool = Field(False, description="Only say how many it would be.")

    @model_validator(mode="after")
    def _is_told_which(self) -> Action:
        if (self.references is None) == (self.chosen is None):
            raise ValueError("name the letters in `references`, or choose them with `chosen`: one of the two")
        return self


class ActionResult(BaseModel):
    """What happened to the letters."""

    matched: int
    done: int = Field(description="Letters that were acted on; none in a dry run.")
    gone: list[str] = Field(description="Letters that somebody else had taken before.")


@router.get("", summary="Dead letters")
@needs(Scope.READ)
async def list_letters(asked: Annotated[LetterQuestion, Query()], parts: PartsOf) -> LetterPage:
    """Stage by stage in the order of the pipeline, oldest first within a partition."""
    pipeline = await parts.pipelines.get()
    start = None if asked.after is None else _reference(asked.after)
    items: list[LetterView] = []
    is_reached = start is None
    async for letter in dead_letters.find_letters(pipeline.streams, asked.to_filter()):
        if not is_reached and start is not None:
            is_reached = _order(Reference.of(letter)) > _order(start)
        if not is_reached:
            continue
        if len(items) == asked.limit:
            return LetterPage(items=items, next=items[-1].reference)
        items.append(LetterView.of(letter))
    return LetterPage(items=items, next=None)


@router.get("/causes", summary="Dead letters by cause")
@needs(Scope.READ)
async def list_causes(asked: Annotated[Chosen, Query()], parts: PartsOf) -> CauseList:
    """The most frequent first."""
    pipeline = await parts.pipelines.get()
    groups = await dead_letters.group_by_cause(pipeline.streams, asked.to_filter())
    return CauseList(items=[CauseView.of(group) for group in groups])


@router.get("/{stage}/{partition}/{entry}", summary="One dead letter")
@needs(Scope.READ)
async def show_letter(stage: str, partition: int, entry: str, parts: PartsOf) -> WholeLetter:
    """With its traceback and its message."""
    return whole(await get_letter(parts, f"{stage}/{partition}/{entry}"))


async def get_letter(parts: Parts, name: str) -> DeadLetter:
    """The letter of this name. Raises Problem when there is none."""
    pipeline = await parts.pipelines.get()
    letter = await dead_letters.find_letter(pipeline.streams, _reference(name))
    if letter is None:
        raise not_found(
            "dead letter", name, "it may have been redelivered or discarded; `/v1/dead` lists those there are"
        )
    return letter


def whole(letter: DeadLetter) -> WholeLetter:
    """The letter with all that is known of it."""
    event = peek(letter.event)
    return WholeLetter(
        **LetterView.of(letter).model_dump(),
        traceback=letter.traceback,
        event=event or None,
        raw=None if event else letter.event.decode("utf-8", "backslashreplace"),
    )


@router.post("/redeliver", summary="Send letters back to their stages")
@needs(Scope.OPERATE)
async def redeliver(action: Action, parts: PartsOf) -> ActionResult:
    """With fresh attempts. Safe to repeat: a letter goes back once."""
    return await act(parts, action, "redeliver")


@router.post("/discard", summary="Discard letters")
@needs(Scope.OPERATE)
async def discard(action: Action, parts: PartsOf) -> ActionResult:
    """For good."""
    return await act(parts, action, "discard")


class EditedEvent(BaseModel):
    """A message that takes the place of a letter's."""

    event: dict[str, Any]


@router.post("/{stage}/{partition}/{entry}/redeliver", summary="Send one letter back with another message")
@needs(Scope.OPERATE)
async def redeliver_edited(stage: str, partition: int, entry: str, edited: EditedEvent, parts: PartsOf) -> ActionResult:
    """Nothing changes when the message is none that the stage reads."""
    reference = _reference(f"{stage}/{partition}/{entry}")
    return await send_edited(parts, reference, _packed(edited.event))


async def send_edited(parts: Parts, reference: Reference, event: bytes) -> ActionResult:
    """Send the letter back with this message. Raises Problem when its stage does not read such a one."""
    pipeline = await parts.pipelines.get()
    try:
        is_done = await dead_letters.redeliver_edited(pipeline.streams, reference, event)
    except MalformedEventError as error:
        raise Problem(422, "malformed-event", str(error)) from error
    return ActionResult(matched=1, done=int(is_done), gone=[] if is_done else [str(reference)])


async def act(parts: Parts, action: Action, what: Literal["redeliver", "discard"]) -> ActionResult:
    """Act on the letters; in a dry run only count them."""
    streams = (await parts.pipelines.get()).streams
    if action.references is not None:
        references = [_reference(each) for each in action.references]
    else:
        chosen = (action.chosen or Chosen()).to_filter()
        references = [reference for reference, _ in await dead_letters.choose(streams, chosen)]
    if action.dry_run:
        return ActionResult(matched=len(references), done=0, gone=[])
    result = await getattr(dead_letters, what)(streams, references)
    return ActionResult(matched=len(references), done=len(result.done), gone=[str(each) for each in result.gone])


def _order(reference: Reference) -> tuple[int, int, int, int]:
    stage = next((number for number, spec in enumerate(STAGES) if spec.name == reference.stage), len(STAGES))
    milliseconds, sequence = reference.id.split("-")
    return stage, reference.partition, int(milliseconds), int(sequence)


def _reference(text: str) -> Reference:
    try:
        return Reference.parse(text)
    except ValueError as error:
        raise Problem(400, "bad-reference", str(error)) from error


def _packed(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
