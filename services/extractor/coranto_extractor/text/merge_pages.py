"""Merges the pages of an article that is split over several pages."""

from __future__ import annotations

from collections.abc import Sequence

from coranto.records.sections import Content
from coranto_extractor.language.text_comparison import count_words


def merge_pages(first: Content, further: Sequence[Content], *, next_page_url: str | None) -> Content:
    """The article of the first page with the text, links and images of the further ones.

    What the pages repeat (the standfirst, a box) is included once. All other fields are those of the first page.
    """
    paragraphs = list(first.paragraphs)
    texts = {block.text for block in paragraphs}
    links = {link.url: link for link in first.links}
    lead = [first.image] if first.image else []
    images_by_url = {image.url: image for image in (*lead, *first.images)}
    images = list(first.images)
    for page in further:
        paragraphs += [block for block in page.paragraphs if block.text not in texts]
        texts.update(block.text for block in page.paragraphs)
        for link in page.links:
            links.setdefault(link.url, link)
        for image in (*([page.image] if page.image else []), *page.images):
            if image.url not in images_by_url:
                images_by_url[image.url] = image
                images.append(image)
    return first.model_copy(
        update={
            "paragraphs": tuple(paragraphs),
            "text": "\n".join(block.text for block in paragraphs),
            "links": tuple(links.values()),
            "images": tuple(images),
            "has_video": first.has_video or any(page.has_video for page in further),
            "word_count": count_words(block.text for block in paragraphs),
            "next_page_url": next_page_url,
        }
    )
