"""A line as in the mountains: far, thin, lossy, cut. It lies between a browser and a desk.

What is lost on a real line TCP sends again, later: so here a lost segment comes later, and all behind it. A
cut lets nothing through and says nothing; when it heals, every connection of before is dead. The line also
reads the heads of what goes up, for the bytes that files really cost.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.servers import free_port

SEGMENT = 1_400
RESENT_S = 0.6  # until TCP takes a segment for lost and its second try is there
IN_FLIGHT = 48  # segments that the line holds: 64 KiB


@dataclass(slots=True)
class Quality:
    """One way's delay, how much it varies, the share of segments that are lost, and bytes a second."""

    one_way_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    bytes_s: float = float("inf")


MOUNTAIN = Quality(
    one_way_s=0.15, jitter_s=0.05, loss=0.05, bytes_s=32_000
)  # 300 ms there and back, 256 kbit/s


class BadLine:
    """`with BadLine(desk.port) as line:` listens on `line.port`. Its doings are its own thread's."""

    def __init__(self, target_port: int, seed: int = 1) -> None:
        self.target_port, self.port = target_port, free_port()
        self.quality = Quality()
        self.cuts = self.answers_lost = self.connections = self.came_down = 0
        self.loses_answers = 0  # so many answers to batches of commands never arrive
        self.unknown_coding = b""  # what the browser at this end does not say that it can unpack
        self.sent_up: Counter[str] = Counter()  # bytes of bodies, by method and first part of the path
        self.brought: Counter[str] = Counter()  # bytes that came down, by the path that was asked for last
        self._chance = random.Random(seed)
        self._open: set[asyncio.Transport] = set()
        self._free_at = {"up": 0.0, "down": 0.0}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> BadLine:
        self._thread.start()
        self._do(self._listen()).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        self.cuts += 1
        self._loop.call_soon_threadsafe(self._up.clear)

    def heal(self) -> None:
        def again() -> None:
            for transport in list(self._open):
                transport.abort()
            self._up.set()

        self._loop.call_soon_threadsafe(again)

    # ------------------------------------------------------------ inside its thread

    def _do(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self) -> None:
        self._up = asyncio.Event()
        self._up.set()
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port, limit=2 * SEGMENT)

    async def _end(self) -> None:
        self._server.close()
        for transport in list(self._open):
            transport.abort()
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        transports = [back.transport]
        self._open.add(back.transport)  # type: ignore[arg-type]
        pumps: list[asyncio.Task[None]] = []
        try:
            await self._up.wait()
            self.connections += 1
            far, away = await asyncio.open_connection("127.0.0.1", self.target_port, limit=2 * SEGMENT)
            transports.append(away.transport)
            self._open.add(away.transport)  # type: ignore[arg-type]
            asked = Asked(self.sent_up)
            pumps = [
                asyncio.create_task(self._pump("up", near, away, asked.heard)),
                asyncio.create_task(self._pump("down", far, back, lambda some: self._answers(asked, some))),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            for transport in transports:
                self._open.discard(transport)  # type: ignore[arg-type]
                transport.close() if pumps else transport.abort()  # type: ignore[attr-defined]

    def _answers(self, asked: Asked, some: bytes) -> None:
        self.came_down += len(some)
        self.brought[asked.path] += len(some)
        if self.loses_answers and asked.last == "POST /api/v1/commands":
            self.loses_answers -= 1
            self.answers_lost += 1
            raise ConnectionResetError

    async def _pump(
        self,
        way: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        heard: Callable[[bytes], None],
    ) -> None:
        """Whatever is read is on the other side a delay later, in its order."""
        flying: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)

        async def land() -> None:
            while True:
                due, some = await flying.get()
                await self._until(due)
                await self._up.wait()
                if not some or writer.transport.is_closing():
                    return
                writer.write(some)
                with suppress(OSError):
                    await writer.drain()

        landing = asyncio.create_task(land())
        try:
            last = 0.0
            while not landing.done():
                some = await reader.read(SEGMENT)
                if way == "up" and self.unknown_coding:
                    some = some.replace(b", " + self.unknown_coding, b"")
                heard(some)
                last = max(last, self._due(way, len(some)))
                await flying.put((last, some))
                if not some:
                    await landing
                    return
        except OSError:
            return
        finally:
            landing.cancel()

    def _due(self, way: str, size: int) -> float:
        """When a segment that sets out now is on the other side."""
        quality, now = self.quality, self._loop.time()
        self._free_at[way] = max(now, self._free_at[way]) + size / quality.bytes_s
        delay = quality.one_way_s + self._chance.uniform(-quality.jitter_s, quality.jitter_s)
        if self._chance.random() < quality.loss:
            delay += RESENT_S
        return self._free_at[way] + delay

    async def _until(self, moment: float) -> None:
        if moment <= self._loop.time():
            return
        come = self._loop.create_future()
        handle = self._loop.call_at(moment, come.set_result, None)
        try:
            await come
        finally:
            handle.cancel()


class Asked:
    """Follows the requests of one connection, as far as to know which body a byte belongs to."""

    def __init__(self, sent: Counter[str]) -> None:
        self.sent, self.last, self.path = sent, "", ""
        self._head, self._body, self._is_socket = b"", 0, False

    def heard(self, some: bytes) -> None:
        while some and not self._is_socket:
            if self._body:
                taken = some[: self._body]
                self._body -= len(taken)
                self.sent[self.last] += len(taken)
                some = some[len(taken) :]
                continue
            head, end, rest = (self._head + some).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            self._head, some = b"", rest
            self._read(head.decode("latin-1"))

    def _read(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, path, *_ = first.split(" ")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.path = path.split("?")[0]
        self.last = f"{method} {'/'.join(self.path.split('/')[:4])}"
        self._is_socket = fields.get("upgrade", "").lower() == "websocket"
        self._body = int(fields.get("content-length", "0"))
