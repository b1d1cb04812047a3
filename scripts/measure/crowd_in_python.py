"""What `crowd.c` does, for a machine without a C compiler: the same arguments, the same lines.

It needs three times as long for each message, so with many listeners it measures itself as well.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, cast

import uvloop

from measure.figures import tell

ENTRY_BYTES = 500
ENTRY = b'{"type":"entry","offset":'
TOO_LONG_S = 120.0
Transport = asyncio.Transport


def masked(text: str) -> bytes:
    payload = text.encode()
    size, key = len(payload), b"wind"
    head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
    return head + key + bytes(byte ^ key[at & 3] for at, byte in enumerate(payload))


class Ear(asyncio.Protocol):
    """One listener, over all its connections."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd, self.number = crowd, number
        self.last, self.got, self.tries = -1, 0, 0
        self.is_open = self.is_live = False
        self.greetings = 0
        self.rest = b""
        self.transport: Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(Transport, transport)
        self.is_open, self.greetings, self.rest = False, 0, b""
        tokens = self.crowd.tokens
        token = tokens[self.number % len(tokens)] if tokens else ""
        self.transport.write(self.crowd.request.replace("%s", token).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.is_live:
            self.crowd.live -= 1
            self.crowd.lost += 1
        self.is_live = False
        self.crowd.later(self)

    def data_received(self, data: bytes) -> None:
        data, at = self.rest + data, 0
        if not self.is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self.rest = head
                return
            if head[9:12] != b"101":
                self.crowd.refused += 1
                return self._part()
            self.is_open = True
            self._greet()
        while len(data) >= at + 2:
            size, start = data[at + 1] & 127, at + 2
            if size > 125:
                wide = 2 if size == 126 else 8
                size, start = int.from_bytes(data[start : start + wide], "big"), start + wide
            if len(data) < start + size:
                break
            if data[at] & 15 == 8:
                return self._part()
            if data[at] & 15 < 3:
                self._hear(data[start : start + size])
            at = start + size
        self.rest = data[at:]

    def _part(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _greet(self) -> None:
        crowd = self.crowd
        hello = crowd.hello
        if crowd.does_resume and crowd.epoch and self.last >= 0:
            hello = json.dumps({"type": "hello", "epoch": crowd.epoch, "after": self.last})
        if hello and self.transport is not None:
            self.transport.write(masked(hello))
        if not crowd.greetings:
            self._arrive()

    def _arrive(self) -> None:
        self.is_live, self.tries = True, 0
        self.crowd.live += 1

    def _hear(self, message: bytes) -> None:
        crowd = self.crowd
        if len(message) < ENTRY_BYTES:
            if self.is_live:
                return
            if crowd.does_resume and b'"welcome"' in message:
                told = json.loads(message)
                crowd.epoch = told["epoch"]
                is_far = self.last >= 0 and told["resume"] == "refresh"
                crowd.refreshed += is_far
                if self.last < 0 or is_far:
                    self.last = told["head"]
            self.greetings += 1
            if self.greetings >= crowd.greetings:
                self._arrive()
            return
        crowd.entries += 1
        if crowd.does_resume and message.startswith(ENTRY):
            offset = int(message[len(ENTRY) : message.index(b",", len(ENTRY))])
            crowd.repeats += offset <= self.last
            crowd.gaps += 0 <= self.last < offset - 1
            self.last = max(self.last, offset)
        self.got += 1
        crowd.has(self.got - 1)


class Crowd:
    def __init__(self, arguments: list[str]) -> None:
        ports, control, listeners, at_once, greetings, self.request, self.hello, trigger, tokens = arguments
        self.ports = [int(port) for port in ports.split(",")]
        self.control_port, self.listeners = int(control), int(listeners)
        self.at_once, self.greetings = int(at_once), int(greetings)
        self.trigger = trigger.encode()
        self.tokens = Path(tokens).read_text().split() if tokens else []
        self.does_resume = self.hello.startswith('{"type":"hello"')
        self.epoch: str | None = None
        self.live = self.lost = self.refused = self.refreshed = self.repeats = self.gaps = self.entries = 0
        self.total = self.started = self.in_flight = 0
        self.rate = self.ends_at = self.began = 0.0
        self.due: list[float] = []
        self.took: list[float] = []
        self.have: list[int] = []
        self.done = 0
        self.is_done = asyncio.Event()
        self.dialling: set[asyncio.Task[None]] = set()

    def later(self, ear: Ear) -> None:
        ear.tries += 1
        wait = random.uniform(0, min(30.0, 0.5 * 2 ** min(6, ear.tries - 1)))  # noqa: S311
        asyncio.get_running_loop().call_later(wait, self.dial, ear)

    def dial(self, ear: Ear) -> None:
        task = asyncio.get_running_loop().create_task(self._dial(ear))
        self.dialling.add(task)
        task.add_done_callback(self.dialling.discard)

    async def _dial(self, ear: Ear) -> None:
        port = self.ports[min(ear.tries, len(self.ports) - 1)]
        try:
            await asyncio.get_running_loop().create_connection(lambda: ear, "127.0.0.1", port)
        except OSError:
            self.later(ear)

    def start_one(self, at: float) -> None:
        self.due.append(at)
        self.started += 1
        self.control.write(self.trigger)

    def has(self, number: int) -> None:
        if number >= len(self.have):
            return
        self.have[number] += 1
        if self.have[number] < self.listeners:
            return
        now = time.monotonic()
        self.took[number] = now - self.due[number]
        self.done += 1
        if not self.rate:
            if now > self.ends_at:
                self.total = self.started
            if self.started < self.total and self.started - self.done < self.in_flight:
                self.start_one(now)
        if self.done >= self.total:
            self.is_done.set()

    async def measured(self, count: int, in_flight: int, seconds: float, rate: float) -> dict[str, Any]:
        self.total, self.in_flight, self.rate, self.started, self.done = count, in_flight, rate, 0, 0
        self.due, self.took, self.have = [], [-1.0] * count, [0] * count
        self.is_done.clear()
        for ear in self.ears:
            ear.got = 0
        self.began = time.monotonic()
        self.ends_at = self.began + seconds
        if rate:
            for number in range(count):
                due = self.began + number / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                self.start_one(due)
        else:
            for _ in range(min(in_flight, count)):
                self.start_one(self.began)
        try:
            await asyncio.wait_for(self.is_done.wait(), TOO_LONG_S)
        except TimeoutError:
            pass  # what is missing is seen in the answer
        milliseconds = [took * 1e3 for took in self.took[: self.total]]
        self.have = []
        return {"took": time.monotonic() - self.began, "ms": milliseconds}

    def state(self) -> dict[str, Any]:
        names = ("live", "lost", "refused", "refreshed", "repeats", "gaps", "entries")
        lasts = [ear.last for ear in self.ears]
        return {name: getattr(self, name) for name in names} | {
            "least": min(lasts),
            "most": max(lasts),
            "at": time.monotonic(),
        }

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        if self.control_port:
            _, writer = await asyncio.open_connection("127.0.0.1", self.control_port)
            self.control = writer
        lines = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        started_at = time.monotonic()
        self.ears = [Ear(self, number) for number in range(self.listeners)]
        left = deque(self.ears)
        while self.live < self.listeners:
            while left and self.listeners - len(left) - self.live < self.at_once:
                self.dial(left.popleft())
            await asyncio.sleep(0.002)
        tell({"ready_s": time.monotonic() - started_at})
        while words := (await lines.readline()).decode().split():
            tell(await self.obey(words))

    async def obey(self, words: list[str]) -> dict[str, Any]:
        match words:
            case ["run", count, in_flight, seconds]:
                return await self.measured(int(count), int(in_flight), float(seconds), 0.0)
            case ["pace", rate, count]:
                return await self.measured(int(count), 0, 0.0, float(rate))
            case ["state"]:
                return self.state()
            case ["stall" | "read" as what]:
                for ear in self.ears:
                    if ear.transport is not None:
                        (ear.transport.pause_reading if what == "stall" else ear.transport.resume_reading)()
                return {}
        raise SystemExit(0)


async def main() -> None:
    await Crowd(sys.argv[1:]).run()


if __name__ == "__main__":
    uvloop.run(main())
