"""The sample site's pages as HTML: an article's text in a layout, with that layout's noise and metadata around it."""

from __future__ import annotations

import json
import tomllib
from datetime import datetime
from functools import cache
from html import escape
from importlib import resources
from itertools import groupby
from string import Template

from coranto.records import Block
from coranto_samplesite.pages import ArticleText, Page, PagePart, Picture

INSET_AFTER = 2
"""Number of paragraphs before the inset that interrupts the text, as newsrooms place it."""


class Comment(PagePart):
    """A reader's comment."""

    name: str
    text: str


class Noise(PagePart):
    """What stands around an article in one language, and how that language writes a date."""

    publication: str
    agency: str
    """Name of the news agency, which is the publication on the wire's own host."""
    sections: dict[str, str]
    """The sections and their paths, in the order of the menu."""
    ticker: tuple[str, ...]
    rates: tuple[str, ...]
    read_also_label: str
    read_also: tuple[str, ...]
    most_read_label: str
    most_read: tuple[str, ...]
    newsletter: str
    share: tuple[str, ...]
    cookies: str
    comments_label: str
    comments: tuple[Comment, ...]
    video_error: str
    tags_label: str
    photo_label: str
    author_label: str
    footer: str
    months: tuple[str, ...]
    date: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every piece of noise that must not reach an article's text."""
        return (
            *self.ticker,
            *self.rates,
            *self.read_also,
            *self.most_read,
            self.newsletter,
            self.cookies,
            *(comment.text for comment in self.comments),
            self.video_error,
            self.footer,
        )


def publication_of(page: Page, language: str) -> str:
    """Name of the publication that the page appears in."""
    noise = noise_in(language)
    return noise.agency if page.host == "wire" else noise.publication


@cache
def noise_in(language: str) -> Noise:
    """The noise of pages in this language."""
    return Noise.model_validate(tomllib.loads(_read(f"noise/{language}.toml")))


def render(page: Page, article: ArticleText, *, base_url: str, part: int = 1) -> str:
    """The page as a browser gets it; `part` is one of several that the article is spread over."""
    following = f"{page.path}/{part + 1}" if part < len(article.parts) else None
    article = article.parts[part - 1]
    noise = noise_in(article.language)
    if page.layout == "text":
        return _render_text(article, noise)
    pieces = {
        "language": article.language,
        "head": "\n".join(_head(page, article, base_url, following)),
        "article_attributes": ' itemscope itemtype="https://schema.org/NewsArticle"'
        if page.marks == "microdata"
        else "",
        "publication": escape(publication_of(page, article.language)),
        "menu": "".join(f'<li><a href="{path}">{escape(name)}</a></li>' for name, path in noise.sections.items()),
        "ticker": "".join(
            f'<li><span>1{n}:0{n}</span> <a href="/t/{n}">{escape(line)}</a></li>'
            for n, line in enumerate(noise.ticker)
        ),
        "rates": "".join(f"<span>{escape(rate)}</span> " for rate in noise.rates),
        "section": f'<a class="section" href="{noise.sections[article.section]}">{escape(article.section)}</a>',
        "title": _headline(page, article),
        "lead": f'<p class="lead">{escape(article.lead)}</p>' if article.lead else "",
        "byline": _byline(page, article, noise),
        "date": _date(page, article, noise),
        "image": _figure(page, article.image, noise, base_url) if article.image else "",
        "text": _text(page, article, noise),
        "correction": f'<p class="correction">{escape(article.correction)}</p>' if article.correction else "",
        "tags": _tags(article, noise),
        "share": "".join(f'<a href="/share/{n}">{escape(word)}</a> ' for n, word in enumerate(noise.share)),
        "newsletter": escape(noise.newsletter),
        "cookies": escape(noise.cookies),
        "video_error": escape(noise.video_error),
        "comments_label": escape(noise.comments_label),
        "comments": "".join(
            f'<div class="comment"><b>{escape(comment.name)}</b> <i>{12 + n}:3{n}</i><div>{escape(comment.text)}</div></div>'
            for n, comment in enumerate(noise.comments)
        ),
        "most_read_label": escape(noise.most_read_label),
        "most_read": "".join(f'<li><a href="/m/{n}">{escape(line)}</a></li>' for n, line in enumerate(noise.most_read)),
        "footer": escape(noise.footer),
    }
    return Template(_read(f"templates/{page.layout}.html")).substitute(pieces)


def _head(page: Page, article: ArticleText, base_url: str, following: str | None) -> list[str]:
    publication = publication_of(page, article.language)
    url = base_url + (page.canonical or page.path)
    lines = [f"<title>{escape(article.title)} — {escape(publication)}</title>"]
    if page.answer.charset_stated_in != "header":
        lines.insert(0, f'<meta charset="{page.answer.charset}">')
    if page.marks != "none":
        lines.append(f'<link rel="canonical" href="{escape(url)}">')
    if page.alternate_amp:
        lines.append(f'<link rel="amphtml" href="{escape(base_url + page.alternate_amp)}">')
    if following:
        lines.append(f'<link rel="next" href="{escape(base_url + following)}">')
    if page.marks in ("opengraph", "json-ld", "json-ld-graph"):
        lines += _open_graph(article, publication, url, base_url, with_times=page.marks == "opengraph")
    if page.marks in ("json-ld", "json-ld-graph"):
        node = _json_ld(article, publication, url, base_url)
        whole = (
            {
                "@context": "https://schema.org",
                "@graph": [{"@type": "WebSite", "name": publication, "url": base_url}, node],
            }
            if page.marks == "json-ld-graph"
            else {"@context": "https://schema.org"} | node
        )
        lines.append(f'<script type="application/ld+json">{json.dumps(whole, ensure_ascii=False)}</script>')
    return lines


def _open_graph(article: ArticleText, publication: str, url: str, base_url: str, *, with_times: bool) -> list[str]:
    properties: list[tuple[str, str | None]] = [
        ("og:type", "article"),
        ("og:site_name", publication),
        ("og:title", article.title),
        ("og:url", url),
        ("og:description", article.lead),
        ("og:image", base_url + article.image.path if article.image else None),
    ]
    if with_times:
        properties += [
            ("article:published_time", article.published.isoformat() if article.published else None),
            ("article:modified_time", article.modified.isoformat() if article.modified else None),
            ("article:section", article.section),
            *(("article:tag", tag) for tag in article.tags),
        ]
    return [f'<meta property="{name}" content="{escape(value)}">' for name, value in properties if value is not None]


def _json_ld(article: ArticleText, publication: str, url: str, base_url: str) -> dict[str, object]:
    node: dict[str, object] = {
        "@type": "NewsArticle",
        "mainEntityOfPage": url,
        "headline": article.title,
        "inLanguage": article.language,
        "articleSection": article.section,
        "publisher": {"@type": "Organization", "name": publication},
    }
    if article.lead:
        node["description"] = article.lead
    if article.published:
        node["datePublished"] = article.published.isoformat()
    if article.modified:
        node["dateModified"] = article.modified.isoformat()
    if article.authors:
        node["author"] = [{"@type": "Person", "name": name} for name in article.authors]
    elif article.agency:
        node["author"] = {"@type": "Organization", "name": article.agency}
    if article.tags:
        node["keywords"] = ", ".join(article.tags)
    if article.image:
        node["image"] = {
            "@type": "ImageObject",
            "url": base_url + article.image.path,
            "caption": article.image.caption,
            "creditText": article.image.credit,
        }
    return node


def _property(page: Page, name: str) -> str:
    return f' itemprop="{name}"' if page.marks == "microdata" else ""


def _headline(page: Page, article: ArticleText) -> str:
    return f"<h1{_property(page, 'headline')}>{escape(article.title)}</h1>"


def _byline(page: Page, article: ArticleText, noise: Noise) -> str:
    if not article.authors:
        return f'<div class="source">{escape(article.agency)}</div>' if article.agency else ""
    names = [escape(name) for name in article.authors]
    if page.marks == "microdata":
        names = [
            f'<span itemprop="author" itemscope itemtype="https://schema.org/Person"><span itemprop="name">{name}</span></span>'
            for name in names
        ]
    return f'<div class="byline">{escape(noise.author_label)} {", ".join(names)}</div>'


def date_in_words(moment: datetime, noise: Noise) -> str:
    """The moment as the language writes it: `14 марта 2026, 15:05`."""
    return noise.date.format(
        day=moment.day,
        month=noise.months[moment.month - 1],
        year=moment.year,
        time=f"{moment:%H:%M}",
        clock=f"{moment.hour % 12 or 12}:{moment:%M} {'am' if moment.hour < 12 else 'pm'}",
    )


def _date(page: Page, article: ArticleText, noise: Noise) -> str:
    if article.published is None:
        return ""
    words = escape(date_in_words(article.published, noise))
    if page.marks in ("none", "opengraph"):
        return f'<div class="date">{words}</div>'
    return f'<time datetime="{article.published.isoformat()}"{_property(page, "datePublished")}>{words}</time>'


def _figure(page: Page, image: Picture, noise: Noise, base_url: str) -> str:
    source = escape(base_url + image.path)
    caption = f"{escape(image.caption)} ({escape(noise.photo_label)} {escape(image.credit)})"
    if page.layout == "amp":
        return (
            f'<figure><amp-img src="{source}" width="1200" height="675" layout="responsive"></amp-img>'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return (
        f'<figure{_property(page, "image")}><img src="{source}" alt="{escape(image.caption)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _tags(article: ArticleText, noise: Noise) -> str:
    if not article.tags:
        return ""
    links = " ".join(f'<a rel="tag" href="/tag/{n}">{escape(tag)}</a>' for n, tag in enumerate(article.tags))
    return f'<div class="tags"><span>{escape(noise.tags_label)}</span> {links}</div>'


def _text(page: Page, article: ArticleText, noise: Noise) -> str:
    lines: list[str] = []
    paragraphs = 0
    for kind, blocks in groupby(article.blocks, key=lambda block: block.kind):
        elements = [_element(block) for block in blocks]
        if kind == "list_item":
            lines += ["<ul>", *elements, "</ul>"]
            continue
        for element in elements:
            lines.append(element)
            paragraphs += kind == "paragraph"
            if kind == "paragraph" and paragraphs == INSET_AFTER:
                lines.append(_inset(page, noise))
    return "\n".join(lines)


def _element(block: Block) -> str:
    text = escape(block.text, quote=False)
    return {
        "heading": f"<h2>{text}</h2>",
        "quote": f"<blockquote><p>{text}</p></blockquote>",
        "list_item": f"<li>{text}</li>",
    }.get(block.kind, f"<p>{text}</p>")


def _inset(page: Page, noise: Noise) -> str:
    if page.layout == "portal":
        links = "".join(
            f'<a class="inset__link" href="/i/{n}">{escape(line)}</a>' for n, line in enumerate(noise.read_also)
        )
        return f'<div class="inset"><div class="inset__title">{escape(noise.read_also_label)}</div>{links}</div>'
    if page.layout == "herald":
        return (
            f'<aside class="related"><h3>{escape(noise.read_also_label)}</h3><ul>'
            + "".join(f'<li><a href="/i/{n}">{escape(line)}</a></li>' for n, line in enumerate(noise.read_also))
            + f'</ul></aside><form class="signup"><p>{escape(noise.newsletter)}</p><input type="email"></form>'
        )
    return ""


def _render_text(article: ArticleText, noise: Noise) -> str:
    """The page as somebody saved it from a browser as text: menus first, tags and footer last."""
    parts = [
        "\n".join(noise.sections),
        f"{article.section},",
        *([date_in_words(article.published, noise)] if article.published else []),
        article.title,
        *([f"{article.image.caption} ({noise.photo_label} {article.image.credit})"] if article.image else []),
        *([article.lead] if article.lead else []),
        *(block.text for block in article.blocks),
        *([f"{noise.author_label} {', '.join(article.authors)}"] if article.authors else []),
        f"{noise.tags_label} {', '.join(article.tags)}",
        noise.read_also_label,
        "\n".join(noise.read_also),
        noise.footer,
    ]
    return "\n\n".join(parts) + "\n"


@cache
def _read(path: str) -> str:
    return resources.files("coranto_samplesite").joinpath(path).read_text(encoding="utf-8")
