"""A hub on a real port with a log in memory, and clients that listen to it well or badly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from schemas.terms import Post
from server.api.live import live_endpoint
from server.delivery.hub import Hub, Limits
from server.delivery.wire import uvicorn_options
from server.people.accounts import Principal

CITY = "130300"
EPOCH = "e1"


def body(offset: int, size: int = 300) -> bytes:
    """A stored entry, as small or large as wanted."""
    entry = {"by": "Wu", "event": {"type": "entry_added", "n": offset}, "incident_id": f"i{offset % 7}"}
    return json.dumps(entry | {"text": "x" * size}, separators=(",", ":"), sort_keys=True).encode()


class MemoryLog:
    """What the store promises the hub, kept in a list. `gate` holds up who reads the tail."""

    def __init__(self, entries: int = 0, stream: str = CITY, size: int = 300) -> None:
        self.entries: dict[str, list[bytes]] = {stream: [body(n, size) for n in range(1, entries + 1)]}
        self.name = EPOCH
        self.size = size
        self.reads = 0
        self.is_broken = False
        self.gate = threading.Event()
        self.gate.set()

    def write(self, count: int = 1, stream: str = CITY) -> list[tuple[str, int, bytes]]:
        """Commit so many entries; what is given back is what `publish` gets."""
        kept = self.entries.setdefault(stream, [])
        first = len(kept) + 1
        kept += [body(n, self.size) for n in range(first, first + count)]
        return [(stream, n, kept[n - 1]) for n in range(first, first + count)]

    def epoch(self) -> str:
        return self.name

    def head(self, stream: str) -> int:
        if self.is_broken:
            raise OSError("the disk is gone")
        return len(self.entries.get(stream, []))

    def heads(self, streams: Sequence[str]) -> tuple[str, dict[str, int]]:
        return self.epoch(), {stream: self.head(stream) for stream in streams}

    def after(self, stream: str, offset: int, limit: int) -> list[tuple[int, bytes]]:
        if self.is_broken:
            raise OSError("the disk is gone")
        self.reads += 1
        found = self.entries.get(stream, [])[offset : offset + limit]
        self.gate.wait(5)
        return list(enumerate(found, start=offset + 1))


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Room:
    """One server, its hub and its log."""

    hub: Hub
    log: MemoryLog
    port: int
    server: uvicorn.Server
    raw_clients: list[RawClient] = field(default_factory=list)

    def publish(self, count: int = 1, stream: str = CITY) -> None:
        self.hub.publish(self.log.write(count, stream))

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/v1/live"

    async def raw(self, receive_buffer: int | None = None) -> RawClient:
        client = RawClient()
        self.raw_clients.append(client)
        await client.open(self.port, receive_buffer)
        return client

    async def client(self, who: str = "Wu", **said: Any) -> Client:
        """A client that has said hello; the rest of what it hears is in `heard`."""
        client = await self.silent_client(who)
        await client.hello(**said)
        return client

    async def silent_client(self, who: str = "Wu", query: str = "") -> Client:
        return Client(await connect(f"{self.url}?who={who}{query}", compression=None, max_queue=None))


@dataclass
class Client:
    """Reads on its own, keeps all it hears, checks that offsets are dense."""

    socket: ClientConnection
    heard: list[dict[str, Any]] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    is_keeping: bool = True

    def __post_init__(self) -> None:
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                told = json.loads(text)
                if told["type"] == "entry":
                    self.offsets.append(told["offset"])
                if self.is_keeping:
                    self.heard.append(told)

    async def say(self, said: Any) -> None:
        await self.socket.send(said if isinstance(said, str | bytes) else json.dumps(said))

    async def hello(self, **said: Any) -> None:
        await self.say({"type": "hello", **said})

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [told for told in self.heard if told["type"] == kind]

    @property
    def welcome(self) -> dict[str, Any]:
        return self.of("welcome")[0]

    @property
    def last(self) -> int:
        return self.offsets[-1] if self.offsets else 0

    @property
    def close_code(self) -> int | None:
        """What the server closed with; None while it has not."""
        return self.socket.close_code

    @property
    def is_dense(self) -> bool:
        return self.offsets == list(range(self.offsets[0], self.offsets[0] + len(self.offsets)))

    async def leave(self) -> None:
        await self.socket.close()
        await self._reading

    async def vanish(self) -> None:
        """As when the cable is pulled: no goodbye."""
        self.socket.transport.abort()
        await self._reading


class Counter(asyncio.Protocol):
    """A listener that notes offsets and nothing else: cheap enough to have hundreds beside the server."""

    START = b'{"type":"entry","offset":'

    def __init__(self, who: str, said: dict[str, Any]) -> None:
        self.offsets: list[int] = []
        self.is_gone = False
        self._hello = masked(json.dumps({"type": "hello", **said}).encode())
        self._request = upgrade_request(who)
        self._unread = b""
        self._is_open = False

    @classmethod
    async def connect(cls, port: int, who: str, **said: Any) -> Counter:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(who, said), "127.0.0.1", port)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_gone = True

    def data_received(self, data: bytes) -> None:
        unread, at = self._unread + data, 0
        if not self._is_open:
            head, end, unread = unread.partition(b"\r\n\r\n")
            if not end:
                self._unread = head
                return
            assert b" 101 " in head
            self._is_open = True
            self.transport.write(self._hello)
        while len(unread) >= at + 10:
            size, start = unread[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(unread[at + 2 : at + 4], "big"), at + 4
            if len(unread) < start + size:
                break
            if unread.startswith(self.START, start):
                first = start + len(self.START)
                self.offsets.append(int(unread[first : unread.index(b",", first)]))
            at = start + size
        self._unread = unread[at:]

    @property
    def last(self) -> int:
        return self.offsets[-1] if self.offsets else 0


class RawClient:
    """Bytes, for what a library would never do."""

    async def open(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setblocking(False)
        self.loop = asyncio.get_running_loop()
        await self.loop.sock_connect(self.socket, ("127.0.0.1", port))

    async def send(self, raw: bytes) -> None:
        await self.loop.sock_sendall(self.socket, raw)

    async def receive(self, most: int = 65536, within: float = 10.0) -> bytes:
        """b"" when the other side has closed or reset."""
        try:
            return await asyncio.wait_for(self.loop.sock_recv(self.socket, most), within)
        except ConnectionError:
            return b""

    async def receive_all(self, within: float = 10.0) -> bytes:
        got = b""
        while more := await self.receive(within=within):
            got += more
        return got

    async def upgrade(self, who: str = "Raw", query: str = "", extra: str = "") -> bytes:
        """The handshake; gives back the server's answer."""
        await self.send(upgrade_request(who, query, extra))
        return await self.receive()

    async def listen(self, who: str = "Raw", **said: Any) -> None:
        await self.upgrade(who)
        await self.send(masked(json.dumps({"type": "hello", **said}).encode()))

    def close(self) -> None:
        self.socket.close()


def upgrade_request(who: str, query: str = "", extra: str = "") -> bytes:
    return (
        f"GET /api/v1/live?who={who}{query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{extra}"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def masked(payload: bytes, opcode: int = 1, *, is_last: bool = True) -> bytes:
    """A client's frame."""
    first, size = (0x80 if is_last else 0) | opcode, len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0xFE, size)
    else:
        head = struct.pack("!BBQ", first, 0xFF, size)
    key = os.urandom(4)
    # As one number: fifty megabytes byte by byte take long.
    pad = int.from_bytes((key * (size // 4 + 1))[:size])
    return head + key + (int.from_bytes(payload) ^ pad).to_bytes(size)


def messages(raw: bytes) -> tuple[list[dict[str, Any]], int | None]:
    """The text messages a server sent, and the code of its close frame if there is one."""
    told: list[dict[str, Any]] = []
    while len(raw) >= 2:
        opcode, size, start = raw[0] & 15, raw[1], 2
        if size == 126:
            size, start = int.from_bytes(raw[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(raw[2:10], "big"), 10
        payload, raw = raw[start : start + size], raw[start + size :]
        if len(payload) < size:
            break
        if opcode == 8:
            return told, int.from_bytes(payload[:2], "big")
        if opcode == 1:
            told.append(json.loads(payload))
    return told, None


def known(scope: Mapping[str, Any]) -> Principal:
    """Stands in for the gate: who asks is in the query."""
    asked = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
    who = asked.get("who", "Wu")
    return Principal(
        person_id=who,
        name=who,
        post=Post(asked.get("post", "duty_officer")),
        unit=asked.get("unit", CITY),
        kind=asked.get("kind", "token"),
        credential_id=f"{who}@1",
        rights_version=1,
        lang=asked.get("lang", "zh"),
    )


Fragments = Callable[[str, str, str, Sequence[Mapping[str, Any]]], Iterable[tuple[str, str]]]


@contextlib.asynccontextmanager
async def serving(
    log: MemoryLog | None = None,
    *,
    limits: Limits | None = None,
    fragments: Fragments | None = None,
    hello_s: float = 5.0,
    loop_turns: bool = True,
) -> AsyncIterator[Room]:
    """A server in this very loop, on a port of its own, with everything but a store and a gate."""
    log = log or MemoryLog()
    hub = Hub(log, clock=WallClock(), clock_age_ms=lambda: 7, fragments=fragments, limits=limits)

    async def read_body(request: Any) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    routes = [
        WebSocketRoute("/api/v1/live", live_endpoint(hub, hello_s=hello_s)),
        Route("/echo", read_body, methods=["GET", "POST"]),
        Route("/big", lambda request: PlainTextResponse("x" * 30_000_000)),
    ]
    inner = Starlette(routes=routes)

    async def gated(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            scope["state"] = {"principal": known(scope)}
        await inner(scope, receive, send)

    config = uvicorn.Config(
        gated, host="127.0.0.1", port=0, log_config=None, lifespan="off", **uvicorn_options()
    )
    server = uvicorn.Server(config)
    raw_clients: list[RawClient] = []
    # Not serve(): it would take over the signals of the test run.
    serving = asyncio.create_task(server._serve())
    running = asyncio.create_task(hub.run()) if loop_turns else None
    try:
        while not server.started:
            await turn()
        yield Room(hub, log, server.servers[0].sockets[0].getsockname()[1], server, raw_clients)
    finally:
        for client in raw_clients:
            client.close()
        log.gate.set()
        if running is not None:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        await hub.drain(0.2)
        server.should_exit = True
        await serving


async def turn(times: int = 1) -> None:
    """Let the event loop go round."""
    loop = asyncio.get_running_loop()
    for _ in range(times):
        next_round: asyncio.Future[None] = loop.create_future()
        loop.call_soon(_settle, next_round)
        await next_round


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():  # who waited may have been cancelled
        future.set_result(None)


async def pass_time(seconds: float) -> None:
    """The pace of a slow client or of a steady writer. Never for waiting until something has happened."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, _settle, over)
    await over
