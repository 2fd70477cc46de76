"""A receiver of webhooks: it prints the headline of each article once. Needs `pip install standardwebhooks`.

SECRET=whsec_… python webhook_receiver.py 8000
"""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

WEBHOOK = Webhook(os.environ["SECRET"])
SEEN: set[str] = set()  # a real receiver keeps these where they survive a restart, for a few days


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is signed with our secret, and 401 to everything else."""

    def do_POST(self) -> None:
        """Take one message."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            # It throws ValueError, too, when a header is not what it should be.
            message = WEBHOOK.verify(body.decode(), {name.lower(): value for name, value in self.headers.items()})
        except (WebhookVerificationError, ValueError):
            self.send_response(401)
            self.end_headers()
            return
        if message["type"] == "article.finished" and self.headers["webhook-id"] not in SEEN:
            print(message["revision"], message["data"]["content"]["title"], flush=True)
        SEEN.add(self.headers["webhook-id"])  # after the work is done: until then it may come again
        self.send_response(204)
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
