"""Joins the parts of an article that is spread over several pages."""

from __future__ import annotations

from collections.abc import Sequence

from coranto.records.sections import Content
from coranto_extractor.language.text_comparison import count_words


def merge_pages(first: Content, parts: Sequence[Content], *, next_page_url: str | None) -> Content:
    """The first page's article with the text, links and pictures of its further parts.

    What a part repeats (the standfirst, a box) stands once. Every other field is the first page's.
    """
    paragraphs = list(first.paragraphs)
    texts = {block.text for block in paragraphs}
    links = {link.url: link for link in first.links}
    lead = [first.image] if first.image else []
    pictures = {image.url: image for image in (*lead, *first.images)}
    images = list(first.images)
    for part in parts:
        paragraphs += [block for block in part.paragraphs if block.text not in texts]
        texts.update(block.text for block in part.paragraphs)
        for link in part.links:
            links.setdefault(link.url, link)
        for image in (*([part.image] if part.image else []), *part.images):
            if image.url not in pictures:
                pictures[image.url] = image
                images.append(image)
    return first.model_copy(
        update={
            "paragraphs": tuple(paragraphs),
            "links": tuple(links.values()),
            "images": tuple(images),
            "has_video": first.has_video or any(part.has_video for part in parts),
            "word_count": count_words(block.text for block in paragraphs),
            "next_page_url": next_page_url,
        }
    )
