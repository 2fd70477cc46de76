"""What the page's forms send."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from pydantic import BaseModel
from starlette.requests import Request

from coranto_gateway.http.problems import Problem


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; of several values of one name, the last."""
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True, max_num_fields=100).items()}


def said_in(form: Mapping[str, str], options: type[BaseModel]) -> dict[str, object]:
    """The fields of the form that these options have; what is left empty is as if it had not been said."""
    said = {name: form.get(name, "").strip() for name in options.model_fields}
    return {name: said[name] or field.default for name, field in options.model_fields.items()}


def form_of_kept(kept: Mapping[str, object], options: type[BaseModel]) -> dict[str, str]:
    """The form as it shows what is kept."""
    return {name: _shown(kept.get(name)) for name in options.model_fields}


def _shown(value: object) -> str:
    match value:
        case None | False:
            return ""
        case True:
            return "on"
    return str(value)


def check_sure(form: dict[str, str], name: str, what: str) -> None:
    """Raise Problem unless the name of what is to be removed was typed."""
    typed = form.get("sure", "").strip()
    if typed != name:
        raise Problem(422, "not-sure", f"to remove {what}, type its name; got {typed[:100]!r}")
