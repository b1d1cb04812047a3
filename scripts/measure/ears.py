"""The listening process: healthy listeners on some streams, and perhaps one that is frozen or crawls.

    python -m measure.ears '{"port": …, "groups": [{"token": …, "count": …}], "frozen": 1, "crawling": 1}'

Prints `ready`, listens until a line comes in, and prints for each entry when how many had it.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from typing import Any

from measure.figures import Usage, tell
from tests.swarm import Ear, Swarm

MARK = b'"words":"'  # after it stands which entry of the measurement it is
READY_S = 60.0
AFTERWARDS_S = 5.0


class Arrivals:
    """Of each marked entry: how many have it, and when the last of them got it."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.last_at: dict[int, float] = {}
        self._marks: dict[tuple[str, int], int | None] = {}

    def note(self, ear: Ear, offset: int, buffer: bytes, start: int, at: float) -> None:
        place = (ear.group, offset)
        mark = self._marks.get(place, -1)
        if mark == -1:
            found = buffer.find(MARK, start)
            end = buffer.find(b'"', found + len(MARK))
            text = buffer[found + len(MARK) : end] if found >= 0 else b""
            mark = self._marks[place] = int(text) if text.isdigit() else None
        if mark is not None:
            self.counts[mark] = self.counts.get(mark, 0) + 1
            self.last_at[mark] = at


class Bad:
    """One that reads nothing, or a byte a second. It was let in, and said hello."""

    def __init__(self, port: int, token: str, *, crawls: bool) -> None:
        self.swarm = Swarm(port, keeps=False)
        self.ear = self.swarm.add("bad", token, follows=True)
        while not self.ear.welcomes:
            self.swarm.poll(0.1)
        self.swarm.freeze(self.ear)
        self._crawls, self._next_at = crawls, time.monotonic() + 1

    def crawl(self) -> None:
        if self._crawls and time.monotonic() >= self._next_at and self.ear.socket is not None:
            self._next_at += 1
            try:
                self.ear.socket.recv(1)
            except OSError:
                self._crawls = False


def main() -> None:
    asked: dict[str, Any] = json.loads(sys.argv[1])
    arrivals = Arrivals()
    swarm = Swarm(asked["port"], keeps=False)
    swarm.on_frame = arrivals.note
    for group in asked["groups"]:
        for _ in range(group["count"]):
            swarm.add(group["token"], group["token"], follows=True)
    until = time.monotonic() + READY_S
    while not all(ear.welcomes for ear in swarm.ears):
        swarm.poll(0.05)
        if time.monotonic() > until or swarm.faults:
            raise SystemExit(f"the listeners were not let in: {swarm.faults[:3]}")
    token = asked["groups"][0]["token"]
    bad = [Bad(asked["port"], token, crawls=False) for _ in range(asked["frozen"])]
    bad += [Bad(asked["port"], token, crawls=True) for _ in range(asked["crawling"])]
    print("ready", flush=True)
    before, began = Usage.of(os.getpid()), time.monotonic()
    while not select.select([sys.stdin], [], [], 0)[0]:
        swarm.poll(0.02)
        for one in bad:
            one.crawl()
    until = time.monotonic() + AFTERWARDS_S
    while swarm.poll(0.2) and time.monotonic() < until:
        pass  # what was on its way when the last answer came
    used = Usage.of(os.getpid()).since(before)
    tell(
        {
            "counts": arrivals.counts,
            "last_at": arrivals.last_at,
            "faults": swarm.faults,
            "repeats": swarm.repeats,
            "frames": swarm.frames,
            "lost": swarm.closed_by_server,
            "cpu": used.cpu_s / (time.monotonic() - began),
            "waited": used.waited_s / (time.monotonic() - began),
        }
    )


if __name__ == "__main__":
    main()
