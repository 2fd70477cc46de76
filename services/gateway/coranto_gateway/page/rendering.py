"""Templates rendered in the reader's language, with what every page shows; and problems as pages."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

import coranto
from coranto.store.interface import ArticleSummary
from coranto.urls import site_name
from coranto_gateway.http.problems import Problem, to_problem
from coranto_gateway.page.words import LANGUAGES, Language, Words
from coranto_gateway.parts import Parts
from coranto_gateway.tokens.token import Principal, Scope

LANGUAGE_COOKIE: Final = "coranto_language"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("coranto_gateway.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["site_of"] = _site_of
    return environment


def language_of(request: Request) -> Language:
    """The reader's language: as chosen on the page, else as the browser prefers, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "")[:200].split(","):
        tag = part.partition(";")[0].strip().lower()[:2]
        if tag in LANGUAGES:
            return tag
    return "en"


def words_for(request: Request) -> Words:
    """The words of the reader's language."""
    return Words(language_of(request), datetime.now(UTC))


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page."""
    words = words_for(request)
    parts: Parts = request.app.state.parts
    principal: Principal | None = getattr(request.state, "principal", None)
    scopes = principal.scopes if principal is not None else frozenset()
    latest = parts.activity.latest
    text = _templates().get_template(template).render(
        words=words,
        _=words.text,
        lang=words.language,
        other_languages=LANGUAGES,
        path=request.url.path,
        query=request.url.query,
        version=coranto.__version__,
        principal=principal,
        # What a token may not do is not offered: a button that answers 403 helps nobody.
        may_operate=Scope.OPERATE in scopes,
        may_submit=Scope.SUBMIT in scopes,
        dead_count=0 if latest is None else sum(state.depth.dead for state in latest.stages.values()),
        faulty_sources=parts.activity.faulty_sources,
        late_subscribers=parts.activity.late_subscribers,
        with_query=_with_query,
        is_web_address=_is_web_address,
        **values,
    )  # fmt: skip
    return HTMLResponse(text, status, headers={"Vary": "Cookie, Accept-Language, HX-Request"})


def _with_query(path: str, **values: object) -> str:
    given = {name: value for name, value in values.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def _site_of(article: ArticleSummary) -> str:
    """What readers know the article's site by."""
    return site_name(article.publisher, article.url, article.source)


def _is_web_address(url: str) -> bool:
    """Whether a stranger's address may become a link: `javascript:` and the like may not."""
    return url.lower().startswith(("http://", "https://"))


def see(address: str) -> RedirectResponse:
    """After a change: the page to look at, so that loading it again changes nothing."""
    return RedirectResponse(address, 303)


def is_for_people(request: Request) -> bool:
    """Whether the answer is looked at in a browser."""
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def answer_problem(request: Request, error: Exception) -> Response:
    """A problem as a page."""
    problem: Problem = to_problem(error)
    page = render(request, "problem.html", status=problem.status_code, problem=problem)
    page.headers.update(problem.headers or {})
    return page
