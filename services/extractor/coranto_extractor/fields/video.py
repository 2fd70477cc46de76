"""Finds out whether the article contains a video."""

from __future__ import annotations

import re

from coranto_extractor.fields.page_reading import PageReading

_PLAYER_URL = re.compile(
    r"youtube(?:-nocookie)?\.com/embed|player\.vimeo|dailymotion\.com/embed|rutube\.ru/play|ok\.ru/videoembed|vk\.com/video_ext|brightcove|jwplayer|/embed/video|vidible|video-player",
    re.IGNORECASE,
)


def has_video(reading: PageReading) -> bool:
    """True when the page states a video, or the article contains a player."""
    page = reading.metadata
    if page.first("og:video", "og:video:url", "og:video:secure_url", "twitter:player"):
        return True
    if isinstance(page.article.get("video"), dict | list):
        return True
    scope = reading.container if reading.container is not None else reading.root
    for element in scope.iter("video", "iframe", "amp-youtube", "amp-video", "embed"):
        if element.tag in ("video", "amp-youtube", "amp-video") or _PLAYER_URL.search(
            element.get("src") or element.get("data-src") or ""
        ):
            return True
    return False
