"""Atom (RFC 4287): finished articles as a feed that any reader can follow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from coranto.formats.markup import WITHDRAWN, to_html
from coranto.records import FinishedArticle, time_text
from coranto.urls import is_saved_page, site_name

# What XML 1.0 cannot hold in any form, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_atom_entry(article: FinishedArticle) -> str:
    """The article as an `entry` element, for use inside a feed that declares the Atom namespace.

    Of a retracted one it says so instead of the text: readers replace the entry that they have.
    """
    content = article.content
    url = article.url
    lines = [
        "<entry>",
        f"<id>urn:coranto:article:{article.id}</id>",
        f"<title>{_text(content.title or url)}</title>",
        # A saved page without an address has a name that leads nowhere.
        *([] if is_saved_page(url) else [f'<link rel="alternate" href={_attribute(url)}/>']),
        f"<updated>{time_text(article.storage.changed_at)}</updated>",
    ]
    # RFC 4287 wants a zone and an hour; where the page gives none, there is no date that would be true.
    published = content.published
    if published is not None and published.precision != "day" and published.at is not None:
        lines.append(
            f"<published>{published.text if published.offset is not None else time_text(published.at)}</published>"
        )
    # An entry without author is only valid in a feed that has one; the publisher stands in.
    names = [*(author.name for author in content.authors), *content.signed_by] or [
        site_name(content.publisher, url, article.discovery.source) or article.discovery.source
    ]
    lines += [f"<author><name>{_text(name)}</name></author>" for name in names]
    lines += [
        f'<category term={_attribute(topic.code)} scheme="http://cv.iptc.org/newscodes/mediatopic/"'
        f" label={_attribute(topic.name)}/>"
        for topic in article.classification.topics
    ]
    lines += [f"<category term={_attribute(tag)}/>" for tag in content.tags]
    if article.storage.change == "retracted":
        return "\n".join([*lines, f'<content type="text" xml:lang="en">{WITHDRAWN}</content>', "</entry>"])
    if content.lead is not None:
        lines.append(f"<summary>{_text(content.lead)}</summary>")
    language = article.classification.language.code
    marked = f" xml:lang={_attribute(language)}" if language != "und" else ""
    lines.append(f'<content type="html"{marked}>{_text(to_html(content))}</content>')
    lines.append("</entry>")
    return "\n".join(lines)


def to_atom_feed(
    articles: Iterable[FinishedArticle],
    *,
    feed_id: str,
    title: str,
    updated: datetime,
    links: Mapping[str, str] | None = None,
) -> str:
    """A whole feed. `feed_id` is a URI that never changes; `updated` is the time of the latest change; `links` by relation."""
    head = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<id>{_text(feed_id)}</id>",
        f"<title>{_text(title)}</title>",
        f"<updated>{time_text(updated)}</updated>",
        "<generator>Coranto</generator>",
        *(f"<link rel={_attribute(name)} href={_attribute(url)}/>" for name, url in (links or {}).items()),
    ]
    return "\n".join([*head, *(to_atom_entry(article) for article in articles), "</feed>"]) + "\n"


def _text(value: str) -> str:
    return escape(_NOT_XML.sub("", value))


def _attribute(value: str) -> str:
    return quoteattr(_NOT_XML.sub("", value))
