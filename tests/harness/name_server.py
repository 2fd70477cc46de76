"""A name server on loopback, which knows the names that a test gives it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

_A, _AAAA = 1, 28


class NameServer(asyncio.DatagramProtocol):
    """A name server on loopback: addresses by name, each list used once and the last one for ever; None is silence."""

    def __init__(self, names: dict[str, list[list[str] | None]]) -> None:
        self.names = names
        self.address = ""
        self.asked: list[tuple[str, int]] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # as asyncio calls it
        self.transport = transport
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, at = [], 12
        while data[at]:
            name.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        host, kind = ".".join(name), struct.unpack(">H", data[at + 1 : at + 3])[0]
        self.asked.append((host, kind))
        answers = self.names.get(host, [[]])
        found = answers[0]
        if kind == _A and len(answers) > 1:
            answers.pop(0)
        if found is None:
            return
        version = 6 if kind == _AAAA else 4
        packed = [ip.packed for ip in map(ip_address, found) if ip.version == version]
        code = 0 if host in self.names else 3
        reply = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(packed), 0, 0) + data[12 : at + 5]
        for address in packed:
            reply += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(address)) + address
        self.transport.sendto(reply, addr)


@asynccontextmanager
async def name_server(**names: list[list[str] | None]) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer({f"{name}.example": answers for name, answers in names.items()}), ("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
