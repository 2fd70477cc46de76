"""What is wrong with a form, beside its fields; and what is kept and cannot be used, with the form that mends it."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response

from coranto_gateway.definitions import NotAddedError, UnusableError, WrongFieldsError
from coranto_gateway.page.rendering import render


def faults_in(error: WrongFieldsError | NotAddedError | None) -> dict[str, str]:
    """What is wrong with each field, by its name; none without an error."""
    if error is None:
        return {}
    if isinstance(error, NotAddedError):
        return {"name": str(error)}
    found: dict[str, str] = {}
    for field, told in error.faults:
        found[field] = f"{found[field]}; {told}" if field in found else told
    return found


def render_unusable(
    request: Request, error: UnusableError, address: str, form: Mapping[str, str], wrong: WrongFieldsError | None
) -> Response:
    """The page of what cannot be used as it is kept."""
    return render(
        request,
        "unusable.html",
        status=422 if wrong else 200,
        unusable=error.unusable,
        address=address,
        is_alert=error.what == "alert",
        form=form,
        faults=faults_in(wrong),
    )
