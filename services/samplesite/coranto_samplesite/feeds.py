"""The sample site's own lists of pages: RSS, Atom, sitemap and robots.txt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from coranto_samplesite.pages import ArticleText, Page

Version = Callable[[Page], ArticleText | None]
"""What a page says at present."""

CRAWL_DELAY_SECONDS = 0.2
_LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)


def _changed(article: ArticleText | None) -> datetime | None:
    return (article.modified or article.published) if article else None


def _title(page: Page, article: ArticleText | None) -> str:
    return article.title if article else page.name


def to_rss(pages: Iterable[Page], version: Version, *, base_url: str, title: str) -> str:
    """An RSS 2.0 feed of these pages."""
    items = []
    for page in pages:
        article = version(page)
        changed = _changed(article)
        items.append(
            f"<item><title>{escape(_title(page, article))}</title><link>{escape(base_url + page.path)}</link>"
            f'<guid isPermaLink="true">{escape(base_url + page.path)}</guid>'
            # A page without a date has none here either: what a feed invents, a reader believes.
            + (f"<pubDate>{format_datetime(changed.astimezone(UTC), usegmt=True)}</pubDate>" if changed else "")
            + (f"<description>{escape(article.lead)}</description>" if article and article.lead else "")
            + "</item>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>{escape(title)}</title><link>{escape(base_url)}/</link><description>{escape(title)}</description>\n"
        + "\n".join(items)
        + "\n</channel></rss>\n"
    )


def to_atom(pages: Iterable[Page], version: Version, *, base_url: str, title: str) -> str:
    """An Atom feed of these pages; a corrected page has a later `updated`."""
    entries = []
    latest = _LONG_AGO
    for page in pages:
        article = version(page)
        changed = _changed(article) or _LONG_AGO  # Atom demands a time of every entry (RFC 4287, 4.1.2)
        latest = max(latest, changed)
        published = article.published if article else None
        entries.append(
            f"<entry><id>{escape(base_url + page.path)}</id><title>{escape(_title(page, article))}</title>"
            f'<link rel="alternate" href="{escape(base_url + page.path)}"/><updated>{changed.isoformat()}</updated>'
            + (f"<published>{published.isoformat()}</published>" if published else "")
            + "</entry>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>{escape(base_url)}/</id><title>{escape(title)}</title><updated>{latest.isoformat()}</updated>"
        f"<author><name>{escape(title)}</name></author>\n" + "\n".join(entries) + "\n</feed>\n"
    )


def to_sitemap(pages: Iterable[Page], version: Version, *, base_url: str) -> str:
    """A sitemap of these pages."""
    rows = []
    for page in pages:
        changed = _changed(version(page))
        last = f"<lastmod>{changed.isoformat()}</lastmod>" if changed else ""
        rows.append(f"<url><loc>{escape(base_url + page.path)}</loc>{last}</url>")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "\n".join(rows)
        + "\n</urlset>\n"
    )


def to_home(pages: Iterable[Page], version: Version, *, base_url: str, feeds: Mapping[str, str], title: str) -> str:
    """The home page: the latest headlines, and links to the feeds for whoever looks for them. `feeds`: path to media type."""
    links = "\n".join(
        f'<link rel="alternate" type="{media_type}" href="{path}" title="{escape(title)}">'
        for path, media_type in feeds.items()
    )
    headlines = "\n".join(
        f'<li><a href="{escape(base_url + page.path)}">{escape(article.title)}</a></li>'
        for page in pages
        if (article := version(page)) is not None
    )
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{escape(title)}</title>\n{links}\n</head>\n'
        f"<body><h1>{escape(title)}</h1>\n<ul>\n{headlines}\n</ul></body></html>\n"
    )


def robots(*, base_url: str) -> str:
    """What visitors may read, and how fast."""
    return (
        f"User-agent: *\nCrawl-delay: {CRAWL_DELAY_SECONDS}\nDisallow: /internal/\nAllow: /\n\n"
        f"Sitemap: {base_url}/sitemap.xml\n"
    )
