"""The writing process: connections that write lines of the log, at a steady rate or as fast as it goes.

    python -m measure.clerks '{"port": …, "targets": [{"token": …, "incident_id": …}], "connections": 8,
                             "rate": 50, "seconds": 10}'

With a rate, an answer's time counts from when its command was due, so that a server which stalls cannot hide
it. Without one (`"rate": 0`) each connection sends its next command when the last was answered; with
`"batch": 100` so many at once, to the door for ordered batches. Prints for each request its number, when it
was due, when it was answered, and with which status: 200 for a batch only if all of it was done.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import uvloop

from measure.figures import tell

TEXT = "前方指挥部报告:现场风力四级,火线已控制三分之二,新增挖掘机两台,正在开设隔离带。" * 3


class Clerk(asyncio.Protocol):
    """One connection; one command at a time."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._unread = b""
        self._number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        self._office.lost += self._number >= 0

    def send(self, number: int, request: bytes) -> None:
        self._number = number
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        answered_at = time.monotonic()
        self._unread += data
        head, end, body = self._unread.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        number, self._number, self._unread = self._number, -1, b""
        status = int(head[9:12])
        if body.count(b'"status":') != body.count(b'"status":200'):
            status = 422  # of a batch, something was refused
        self._office.answered(self, number, status, answered_at)


class Office:
    """Gives each command to a connection that is free."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        self._targets = itertools.cycle(asked["targets"])
        self._numbers = itertools.count()
        self._free: deque[Clerk] = deque()
        self._late: deque[tuple[int, float]] = deque()
        self.due_at: dict[int, float] = {}
        self.results: list[tuple[int, float, float, int]] = []
        self.lost = 0
        self._until = 0.0

    async def work(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(self._asked["connections"]):
            _, clerk = await loop.create_connection(lambda: Clerk(self), "127.0.0.1", self._asked["port"])
            self._free.append(clerk)
        start = time.monotonic()
        self._until = start + self._asked["seconds"]
        rate = self._asked["rate"]
        if rate:
            for number in range(int(rate * self._asked["seconds"])):
                due_at = start + number / rate
                await asyncio.sleep(max(0.0, due_at - time.monotonic()))
                self._late.append((next(self._numbers), due_at))
                self._hand_out()
        else:
            for clerk in list(self._free):
                self._again(clerk)
            await asyncio.sleep(self._asked["seconds"])
        for _ in range(200):
            if len(self.results) + self.lost >= len(self.due_at):
                break
            await asyncio.sleep(0.05)

    def _hand_out(self) -> None:
        while self._late and self._free:
            number, due_at = self._late.popleft()
            self.due_at[number] = due_at
            self._free.popleft().send(number, self._request(number))

    def _again(self, clerk: Clerk) -> None:
        number = next(self._numbers)
        self.due_at[number] = time.monotonic()
        clerk.send(number, self._request(number))

    def answered(self, clerk: Clerk, number: int, status: int, answered_at: float) -> None:
        self.results.append((number, self.due_at[number], answered_at, status))
        if self._asked["rate"]:
            self._free.append(clerk)
            self._hand_out()
        elif answered_at < self._until:
            self._again(clerk)

    def _request(self, number: int) -> bytes:
        target = next(self._targets)
        said: dict[str, Any]
        if batch := self._asked.get("batch"):
            lines = [{"name": "add-entry", "body": _line(target, number)} for _ in range(batch)]
            door, said = "", {"commands": lines}
        else:
            door, said = "/add-entry", _line(target, number)
        body = json.dumps(said, ensure_ascii=False).encode()
        head = (
            f"POST /api/v1/commands{door} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {target['token']}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _line(target: dict[str, str], number: int) -> dict[str, Any]:
    return {
        "command_id": str(uuid4()),
        "incident_id": target["incident_id"],
        "entry_id": str(uuid4()),
        "kind": "note",
        "text": TEXT,
        "happened_at": datetime.now(UTC).isoformat(),
        "words": str(number),
    }


def main() -> None:
    office = Office(json.loads(sys.argv[1]))
    uvloop.run(office.work())
    tell({"results": office.results, "lost": office.lost})


if __name__ == "__main__":
    main()
