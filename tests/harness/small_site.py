"""A small site on loopback, whose documents a test chooses."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

_SENTENCES: Final = (
    "The city council voted on Friday to reopen the old river bridge, which had been closed to traffic for two years.",
    "Mayor Anna Keller said that repairs had cost less than planned, and that buses would cross it from Monday morning.",
    "Residents of the northern district, who had to take a detour of nine kilometres, welcomed the decision warmly.",
    "A second vote on the toll is expected in June, when the council returns from its recess and the audit is complete.",
)


def article(name: str) -> str:
    """The page of an article of this name, whose title is "About NAME"."""
    text = "".join(f"<p>{name} {sentence}</p>" for sentence in _SENTENCES)
    return f"<html><head><title>About {name}</title></head><body><h1>About {name}</h1>{text}</body></html>"


class Site:
    """A site on loopback: feeds by path, each with the names of its articles; other documents by path, each with its media
    type. Any /articles/NAME is an article; those that are `gone` answer 410.
    """

    def __init__(self) -> None:
        self.feeds: dict[str, list[str]] = {}
        self.documents: dict[str, tuple[str, str]] = {}
        self.gone: set[str] = set()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, content_type = site.answer(self.path.strip("/"))
                is_gone = self.path.removeprefix("/articles/") in site.gone
                self.send_response(410 if is_gone else 200 if body else 404)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> tuple[bytes, str]:
        if path.startswith("articles/"):
            name = path.removeprefix("articles/")
            return article(name).encode(), "text/html"
        if path in self.documents:
            text, content_type = self.documents[path]
            return text.encode(), content_type
        if path not in self.feeds:
            return b"", "text/html"
        items = "".join(
            f"<item><title>About {name}</title><link>{self.url}/articles/{name}</link><guid>{name}</guid></item>"
            for name in self.feeds[path]
        )
        return (
            f"<rss version='2.0'><channel><title>{path}</title>{items}</channel></rss>".encode(),
            "application/rss+xml",
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
