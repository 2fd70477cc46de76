"""Signing in with a token, which the browser keeps where no script can read it; the reader's language; static files."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from coranto_gateway.http.access import COOKIE, open_to_all
from coranto_gateway.http.problems import not_found
from coranto_gateway.page.forms import form_of
from coranto_gateway.page.rendering import LANGUAGE_COOKIE, render, see
from coranto_gateway.page.words import LANGUAGES
from coranto_gateway.parts import PartsOf

router = APIRouter(include_in_schema=False)

_STATIC: Final = {"coranto.css": "text/css; charset=utf-8", "htmx.min.js": "text/javascript; charset=utf-8"}
_YEAR_SECONDS: Final = 365 * 86_400


@router.get("/static/{name}")
@open_to_all
async def send_file(name: str) -> Response:
    """A file of the page's."""
    if name not in _STATIC:
        raise not_found("file", name, "the page names those there are")
    body = files("coranto_gateway.page").joinpath("static", name).read_bytes()
    return Response(body, media_type=_STATIC[name], headers={"Cache-Control": "public, max-age=3600"})


@router.get("/sign-in")
@open_to_all
async def show_form(request: Request, next: Annotated[str, Query(max_length=2000)] = "/") -> Response:  # noqa: A002
    """The form."""
    return render(request, "sign_in.html", next=_own_path(next), is_wrong=False)


@router.post("/sign-in")
@open_to_all
async def sign_in(request: Request, parts: PartsOf) -> Response:
    """Keep the token, if it is one."""
    form = await form_of(request)
    text, following = form.get("token", "").strip(), _own_path(form.get("next", "/"))
    if await parts.tokens.find(text) is None:
        return render(request, "sign_in.html", status=401, next=following, is_wrong=True)
    answer = see(following)
    is_secure = (parts.settings.gateway.public_url or "").startswith("https://")
    answer.set_cookie(COOKIE, text, httponly=True, samesite="strict", secure=is_secure)
    return answer


@router.post("/sign-out")
@open_to_all
async def sign_out() -> Response:
    """Forget the token."""
    answer = see("/sign-in")
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/language/{language}")
@open_to_all
async def choose_language(language: str, back: Annotated[str, Query(max_length=2000)] = "/") -> Response:
    """Show the pages in this language from now on."""
    if language not in LANGUAGES:
        raise not_found("language", language, f"there are {', '.join(LANGUAGES)}")
    answer = see(_own_path(back))
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS, httponly=True, samesite="lax")
    return answer


def _own_path(path: str) -> str:
    """The path, if it is one of ours: nobody is sent elsewhere from here."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours else "/"
