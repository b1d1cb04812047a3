"""How long until the last of many listeners has an entry, and what that costs.

    python -m measure.fanout --listeners 1000 --rate 50 --seconds 10 --frozen 1 --crawling 1 --compare

A server process publishes at a steady rate from a log in memory, a second process listens; times are of the
one monotonic clock that both read. `--compare` runs a plain `for socket: await socket.send_text` loop in turn
with the hub, since only ratios of one interleaved run mean anything on a shared machine.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from schemas.terms import Post
from server.api.live import live_endpoint
from server.delivery.hub import Hub, Limits
from server.delivery.wire import uvicorn_options
from server.people.accounts import Principal

UNIT = "130300"
BODY_BYTES = 600


@dataclass(frozen=True)
class Figures:
    """Times in milliseconds, from when an entry was due until the last healthy listener had it."""

    server: str
    listeners: int
    entries: int
    complete: int
    p50: float
    p99: float
    worst: float
    cpu_of_one_core: float
    cpu_s_per_million: float
    cpu_of_listeners: float
    waited_for_a_core: float  # share of the time in which the server, and next the listeners, could have run
    listeners_waited: float  # but others had the processor: over a few percent the times say little
    rss_mb: float
    cut_off: dict[int, int]


def waiting_s() -> float:
    """Seconds this process was ready to run and did not."""
    with open("/proc/self/schedstat") as file:
        return int(file.read().split()[1]) / 1e9


def say(what: object) -> None:
    """A line for whoever started this process."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


# --- the server process -----------------------------------------------------------------------------------
class MemoryLog:
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

    def write(self, due: float) -> tuple[str, int, bytes]:
        head = b'{"at":%d,"by":"Wu","text":"' % (due * 1e9)
        self.entries.append(head + b"x" * (BODY_BYTES - len(head) - 2) + b'"}')
        return UNIT, len(self.entries), self.entries[-1]


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


SOMEBODY = Principal("bench", "bench", Post.DUTY_OFFICER, UNIT, "token", "bench@1", 1)


def serve(kind: str, rate: float, loop: str) -> None:
    """Wait for a line with how many entries to publish, publish them, print the figures of this process."""
    log = MemoryLog()
    hub = Hub(log, clock=WallClock(), clock_age_ms=lambda: 0, limits=Limits(sockets_per_token=100_000))
    sockets: set[WebSocket] = set()

    async def plain(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        sockets.add(websocket)
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.receive_text()
        sockets.discard(websocket)

    async def publish(due: float) -> None:
        row = log.write(due)
        if kind == "hub":
            hub.publish([row])
            return
        text = f'{{"type":"entry","offset":{row[1]},' + row[2][1:].decode()
        for each in list(sockets):
            with contextlib.suppress(Exception):
                await each.send_text(text)

    async def work() -> None:
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        count = int(await lines.readline())
        start, cpu, waiting = time.monotonic(), time.process_time(), waiting_s()
        for number in range(count):
            due = start + number / rate  # and not when its turn came: who publishes late is late
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await publish(due)
        await asyncio.sleep(max(0.5, start + count / rate - time.monotonic()))
        used = {"cpu": time.process_time() - cpu, "took": time.monotonic() - start}
        used |= {"waited": waiting_s() - waiting}
        await lines.readline()
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        say(json.dumps(used | {"rss": rss, "closes": hub.tally.closes}))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(hub.run()), asyncio.create_task(work())]
        yield
        for task in tasks:
            task.cancel()

    endpoint = live_endpoint(hub) if kind == "hub" else plain
    inner = Starlette(routes=[WebSocketRoute("/api/v1/live", endpoint)], lifespan=lifespan)

    async def gated(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            scope["state"] = {"principal": SOMEBODY}
        await inner(scope, receive, send)

    options: dict[str, Any] = uvicorn_options() if kind == "hub" else {"ws_per_message_deflate": False}
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    say(listening.getsockname()[1])
    config = uvicorn.Config(gated, log_config=None, loop=loop, backlog=4096, **options)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


# --- the listening process --------------------------------------------------------------------------------
HELLO = b'{"type":"hello"}'
REQUEST = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n\r\n"
)
HELLO_FRAME = struct.pack("!BBI", 0x81, 0x80 | len(HELLO), 0) + HELLO  # masked with zeros
START = b'{"type":"entry","offset":'


class Arrivals:
    """When each entry was published, and when how many had it."""

    def __init__(self, listeners: int) -> None:
        self.listeners = listeners
        self.counts: dict[int, int] = {}
        self.published: dict[int, int] = {}
        self.delays_ms: list[float] = []
        self.welcome = 0

    def note(self, payload: bytes, now: int) -> None:
        comma = payload.index(b",", len(START))
        offset = int(payload[len(START) : comma])
        count = self.counts[offset] = self.counts.get(offset, 0) + 1
        if count == 1:
            self.published[offset] = int(payload[comma + 6 : payload.index(b",", comma + 6)])
        if count == self.listeners:
            self.delays_ms.append((now - self.published[offset]) / 1e6)


class Healthy(asyncio.Protocol):
    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        self.unread = b""
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        now, unread, at = time.monotonic_ns(), self.unread + data, 0
        if not self.is_open:
            _, end, unread = unread.partition(b"\r\n\r\n")
            if not end:
                self.unread = _
                return
            self.is_open = True
            self.arrivals.welcome += 1
            self.transport.write(HELLO_FRAME)
        while len(unread) >= at + 4:
            size, start = unread[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(unread[at + 2 : at + 4], "big"), at + 4
            if len(unread) < start + size:
                break
            if unread.startswith(START, start):
                self.arrivals.note(unread[start : start + size], now)
            at = start + size
        self.unread = unread[at:]


async def misbehave(port: int, bytes_a_second: int) -> None:
    """A client that reads nothing, or a byte now and then."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", port))
    await loop.sock_sendall(sock, REQUEST)
    await loop.sock_recv(sock, 4096)
    await loop.sock_sendall(sock, HELLO_FRAME)
    with contextlib.suppress(ConnectionError):
        while True:
            await asyncio.sleep(1)
            if bytes_a_second and not await loop.sock_recv(sock, bytes_a_second):
                return


async def listen(port: int, listeners: int, entries: int, within: float, frozen: int, crawling: int) -> None:
    """Say `ready` when all listen; then collect until everybody has everything, and print the delays."""
    arrivals = Arrivals(listeners)
    loop = asyncio.get_running_loop()
    for _ in range(listeners):
        await loop.create_connection(lambda: Healthy(arrivals), "127.0.0.1", port)
    bad = [asyncio.create_task(misbehave(port, 0)) for _ in range(frozen)]
    bad += [asyncio.create_task(misbehave(port, 1)) for _ in range(crawling)]
    while arrivals.welcome < listeners:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    say("ready")
    start, cpu, waiting = time.monotonic(), time.process_time(), waiting_s()
    until = start + within
    while len(arrivals.delays_ms) < entries and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    used = {"cpu": time.process_time() - cpu, "took": time.monotonic() - start}
    say(json.dumps(used | {"waited": waiting_s() - waiting, "delays": arrivals.delays_ms}))


# --- one measurement --------------------------------------------------------------------------------------
def measure(
    kind: str = "hub",
    *,
    listeners: int = 1000,
    rate: float = 50.0,
    seconds: float = 10.0,
    frozen: int = 0,
    crawling: int = 0,
    loop: str = "auto",
) -> Figures:
    """Start both processes, run, stop. `kind` is "hub" or "plain"."""
    entries = int(rate * seconds)

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "measure.fanout", *map(str, arguments)]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
        )

    server = start("serve", kind, rate, loop)
    assert server.stdin is not None
    assert server.stdout is not None
    port = int(server.stdout.readline())
    clients = start("listen", port, listeners, entries, seconds * 3 + 20, frozen, crawling)
    assert clients.stdout is not None
    try:
        if clients.stdout.readline().strip() != "ready":
            raise RuntimeError("the listeners did not get in")
        server.stdin.write(f"{entries}\n")
        server.stdin.flush()
        heard = json.loads(clients.stdout.readline())
        delays: list[float] = sorted(heard["delays"])
        server.stdin.write("\n")
        server.stdin.flush()
        used = json.loads(server.stdout.readline())
    finally:
        for process in (clients, server):
            process.kill()
            process.wait()
    nothing = [float("nan")]
    return Figures(
        server=kind,
        listeners=listeners,
        entries=entries,
        complete=len(delays),
        p50=round(statistics.median(delays or nothing), 1),
        p99=round((delays or nothing)[int(len(delays) * 0.99) if delays else 0], 1),
        worst=round((delays or nothing)[-1], 1),
        cpu_of_one_core=round(used["cpu"] / used["took"], 2),
        cpu_s_per_million=round(used["cpu"] / (entries * listeners) * 1e6, 1),
        cpu_of_listeners=round(heard["cpu"] / heard["took"], 2),
        waited_for_a_core=round(used["waited"] / used["took"], 2),
        listeners_waited=round(heard["waited"] / heard["took"], 2),
        rss_mb=round(used["rss"]),
        cut_off=used["closes"],
    )


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], float(sys.argv[3]), sys.argv[4])
        return
    if sys.argv[1:2] == ["listen"]:
        port, listeners, entries, within, frozen, crawling = sys.argv[2:]
        import uvloop

        uvloop.run(listen(int(port), int(listeners), int(entries), float(within), int(frozen), int(crawling)))
        return
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--listeners", type=int, default=1000)
    options.add_argument("--rate", type=float, default=50.0, help="entries a second")
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--frozen", type=int, default=0, help="clients that read nothing")
    options.add_argument("--crawling", type=int, default=0, help="clients that read a byte a second")
    options.add_argument("--runs", type=int, default=1)
    options.add_argument("--loop", choices=("auto", "asyncio", "uvloop"), default="auto")
    options.add_argument("--compare", action="store_true", help="with a plain starlette loop, in turns")
    asked = vars(options.parse_args())
    runs, compare = asked.pop("runs"), asked.pop("compare")
    for _ in range(runs):
        for kind in ("hub", "plain") if compare else ("hub",):
            say(json.dumps(asdict(measure(kind, **asked))))


if __name__ == "__main__":
    main()
