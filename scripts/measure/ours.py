"""Our own way from a committed entry to the sockets, told over a port what to send.

    python -m measure.ours TOKENS_FILE

The gate with its people in a database, the live endpoint, the protocol class and the hub are the product's;
only the log is in memory, because what is measured begins after the commit. Each byte at the control port is
one entry of 600 bytes. Prints its port and its control port, and writes the listeners' tokens into the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from measure.figures import BODY_BYTES
from server.api.live import live_endpoint, watch_rights
from server.delivery.hub import Hub
from server.delivery.wire import uvicorn_options
from server.gate.auth import guard
from server.migrations import migrate
from server.people.people import People
from server.record.database import Database

UNIT = "130300"
TOKENS = 20


class MemoryLog:
    """What the store promises the hub, kept in a list."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []

    def epoch(self) -> str:
        return "bench"

    def head(self, stream: str) -> int:
        return len(self.entries)

    def heads(self, streams: Sequence[str]) -> tuple[str, dict[str, int]]:
        return self.epoch(), {stream: self.head(stream) for stream in streams}

    def after(self, stream: str, offset: int, limit: int) -> list[tuple[int, bytes]]:
        return list(enumerate(self.entries[offset : offset + limit], start=offset + 1))

    def write(self, count: int) -> list[tuple[str, int, bytes]]:
        body = b'{"by":"Wu","text":"' + b"x" * (BODY_BYTES - 21) + b'"}'
        first = len(self.entries) + 1
        self.entries += [body] * count
        return [(UNIT, offset, body) for offset in range(first, first + count)]


class Control(asyncio.Protocol):
    def __init__(self, hub: Hub, log: MemoryLog) -> None:
        self.hub, self.log = hub, log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        sock = cast(socket.socket, transport.get_extra_info("socket"))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self.hub.publish(self.log.write(len(data)))


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def people_in(database: Database, tokens: Path) -> People:
    """Somebody with as many tokens as ten thousand listeners need; each listener has one of them."""
    people = People(database, lambda unit: unit == UNIT, lambda: datetime.now(UTC))
    names = [f"Listener {number}" for number in range(TOKENS)]
    for name in names:
        people.add(name, "duty_officer", UNIT)
    tokens.write_text("\n".join(people.add_token(name) for name in names))
    return people


async def serve(folder: Path, tokens: Path) -> None:
    database = Database.in_folder(folder)
    migrate(database)
    people = people_in(database, tokens)
    log = MemoryLog()
    hub = Hub(log, clock=WallClock(), clock_age_ms=lambda: 0)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        works = [loop.create_task(work) for work in (hub.run(), watch_rights(hub, people.standing_of))]
        control = await loop.create_server(lambda: Control(hub, log), "127.0.0.1", 0)
        print(door.getsockname()[1], control.sockets[0].getsockname()[1], flush=True)
        yield
        for work in works:
            work.cancel()

    app = Starlette(routes=[WebSocketRoute("/api/v1/live", live_endpoint(hub))], lifespan=lifespan)
    door = socket.create_server(("127.0.0.1", 0), backlog=4096)
    config = uvicorn.Config(
        guard(app, people, ["http://127.0.0.1"]), log_config=None, proxy_headers=False, **uvicorn_options()
    )
    await uvicorn.Server(config).serve(sockets=[door])


def main() -> None:
    import uvloop  # what uvicorn takes in the product as well

    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
        uvloop.run(serve(Path(folder), Path(sys.argv[1])))


if __name__ == "__main__":
    main()
