"""A network between the services and Redis that can be slow, cut, silent, or lead to another server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path


class Proxy:
    """Passes bytes between a port of its own on loopback and a Redis, as well or badly as it is told."""

    def __init__(self, target: Path | int) -> None:
        self.target = target
        """A unix socket, or a port on loopback."""
        self.delay_seconds = 0.0
        """How long each piece of a conversation is under way."""
        self.is_cut = False
        """True while connections are refused."""
        self.passed_bytes = 0
        self._open = asyncio.Event()
        self._open.set()
        self._conversations: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where the services find Redis."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End all conversations."""
        if self._server is not None:
            self._server.close()
        self.hang_up()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def hang_up(self) -> None:
        """Cut every conversation in the middle of whatever is being said."""
        self._open.set()
        for task in self._conversations:
            task.cancel()

    def fall_silent(self) -> None:
        """Keep connections open and pass nothing on: what a lost route looks like."""
        self._open.clear()

    def speak_again(self) -> None:
        """Pass on what was held back, and what comes."""
        self._open.set()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        try:
            if self.is_cut:
                return
            if isinstance(self.target, Path):
                theirs, there = await asyncio.open_unix_connection(str(self.target))
            else:
                theirs, there = await asyncio.open_connection("127.0.0.1", self.target)
            try:
                ways = [asyncio.ensure_future(self._pass(*way)) for way in ((reader, there), (theirs, writer))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
            finally:
                there.close()
        except OSError:
            pass  # the server is away: so is the connection
        except asyncio.CancelledError:
            # Hung up on. It ends here, because asyncio's server would report it as a failure of ours.
            pass
        finally:
            self._conversations.discard(task)
            with suppress(OSError):
                writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                await self._open.wait()
                writer.write(piece)
                await writer.drain()
                self.passed_bytes += len(piece)
