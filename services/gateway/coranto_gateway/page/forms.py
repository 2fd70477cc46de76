"""What the page's forms send."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request

from coranto_gateway.http.problems import Problem


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; of several values of one name, the last."""
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True, max_num_fields=100).items()}


def check_sure(form: dict[str, str], name: str, what: str) -> None:
    """Raise Problem unless the name of what is to be removed was typed."""
    typed = form.get("sure", "").strip()
    if typed != name:
        raise Problem(422, "not-sure", f"to remove {what}, type its name; got {typed[:100]!r}")
