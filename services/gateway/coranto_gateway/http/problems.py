"""Errors as RFC 9457 problem details: what was seen, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from coranto.client import PipelineMismatchError
from coranto.store.interface import SearchError, StoreError
from coranto.worker.log import get_logger
from coranto_gateway.definitions import NotAddedError, UnknownNameError, UnusableError, WrongFieldsError

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:coranto:problem:"
_log = get_logger(service="gateway")

REQUEST_FAILED = "request.failed"


class Problem(HTTPException):
    """A request that cannot be answered. `name` is a word of a closed list, which programs may go by."""

    def __init__(
        self, status: int, name: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.name = name
        self.members = members

    def to_json(self) -> dict[str, Any]:
        """The problem details object."""
        return {
            "type": _TYPE + self.name,
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
            **self.members,
        }

    def to_response(self) -> JSONResponse:
        """The answer for a program."""
        return JSONResponse(self.to_json(), self.status_code, self.headers, media_type=MEDIA_TYPE)


def not_found(what: str, name: str, where: str) -> Problem:
    """There is no such thing; `where` says where to look for what there is."""
    return Problem(404, "not-found", f"there is no {what} {name[:200]!r}; {where}")


def to_problem(error: Exception) -> Problem:
    """The error as the client should see it. One that nobody foresaw is logged, and not shown."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _of_validation(error)
        case HTTPException():
            return Problem(error.status_code, _name_of(error.status_code), str(error.detail), headers=error.headers)
        case UnknownNameError():
            return not_found(error.what, error.name, f"`/v1/{error.what}s` lists those there are")
        case NotAddedError():
            return Problem(409, f"{error.what}-refused", str(error))
        case UnusableError():
            return Problem(409, f"{error.what}-unusable", str(error))
        case WrongFieldsError():
            return Problem(422, "bad-request", str(error))
        case SearchError():
            return Problem(400, "bad-search", str(error))
        case StoreError():
            return Problem(503, "store-unavailable", str(error), headers={"Retry-After": "5"})
        case PipelineMismatchError():
            return Problem(500, "pipeline-mismatch", str(error))
        case RedisError() | TimeoutError() | ConnectionError():
            _log.warning(REQUEST_FAILED, error=f"{type(error).__name__}: {error}")
            detail = "Redis does not answer, or is full; what was accepted before is safe. Try again in a moment"
            return Problem(503, "redis-unavailable", detail, headers={"Retry-After": "5"})
        case _:
            _log.error(REQUEST_FAILED, error=type(error).__name__, exc_info=error)
            return Problem(500, "internal-error", "something went wrong here; the gateway's log has the details")


def _of_validation(error: RequestValidationError) -> Problem:
    problems = []
    for each in error.errors():
        kind, *path = each["loc"]
        where = ".".join(str(part) for part in path) or str(kind)
        problems.append({"in": str(kind), "name": where, "detail": each["msg"].removeprefix("Value error, ")})
    first = problems[0]
    detail = f"{first['in']} {first['name']}: {first['detail']}"
    status = 422 if any(each["in"] == "body" for each in problems) else 400
    return Problem(status, "bad-request", detail, errors=problems)


def _name_of(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "-")


Answer = Callable[[Request, Exception], Response]


def install(app: FastAPI, answer: Answer) -> None:
    """Answer every error of the application so."""

    async def handle(request: Request, error: Exception) -> Response:
        return answer(request, error)

    for kind in (
        RequestValidationError,
        HTTPException,
        UnknownNameError,
        NotAddedError,
        UnusableError,
        WrongFieldsError,
        StoreError,
        RedisError,
        PipelineMismatchError,
        TimeoutError,
        ConnectionError,
        Exception,
    ):
        app.add_exception_handler(kind, handle)


_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457); some have further members.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": f"`{_TYPE}` and a word that programs may go by."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was seen, what was expected, what to do."},
    },
}


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """The description of the API with our errors in place of those that FastAPI assumes."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _SCHEMA
    answer = {
        "description": "A problem.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = answer
    return document
