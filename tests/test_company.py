"""Entries that come while all are being told share the next write; one that comes alone waits for nobody."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from schemas.terms import Post
from server.delivery.frames import Ears, Frames, Watcher
from server.delivery.hub import Hub, Limits
from server.people.accounts import Principal
from tests.listening import CITY, MemoryLog, messages, turn
from tests.waiting import eventually

SOMEBODY = Principal("p1", "Wu", Post.DUTY_OFFICER, CITY, "session", "c1@1", 1)


class SlowWire:
    """Writing to it takes five milliseconds of the loop, as to five hundred real ones."""

    is_paused = False

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s
        self.writes: list[list[int]] = []

    @property
    def write(self) -> Frames:
        return self._write

    def _write(self, frames: bytes, /) -> None:
        over = time.monotonic() + self.takes_s
        while time.monotonic() < over:
            pass
        told, _ = messages(frames)
        if offsets := [each["offset"] for each in told if each["type"] == "entry"]:
            self.writes.append(offsets)

    def watch(self, watcher: Watcher | None) -> None: ...
    def adopt(self, ears: Ears) -> None: ...
    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str = "") -> None: ...
    def abort(self) -> None: ...


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
async def told() -> AsyncIterator[tuple[SlowWire, Callable[[int], None]]]:
    log, wire = MemoryLog(), SlowWire(0.025)
    hub = Hub(log, clock=WallClock(), clock_age_ms=lambda: 0, limits=Limits())
    hub.listen(wire, CITY, SOMEBODY, after=None, epoch=None)
    await eventually(lambda: hub.listeners()[0].is_level)
    yield wire, lambda count: hub.publish(log.write(count))
    await hub.drain(0)


async def test_after_a_crowded_pass_the_next_entries_wait_a_moment_for_company(
    told: tuple[SlowWire, Callable[[int], None]],
):
    wire, publish = told
    publish(3)
    await eventually(lambda: wire.writes == [[1, 2, 3]])
    publish(1)
    await turn(2)
    assert wire.writes == [[1, 2, 3]], "it waits"
    publish(1)
    await eventually(lambda: len(wire.writes) == 2, within=1)
    assert wire.writes[1] == [4, 5], "and goes out together with what came meanwhile"


async def test_an_entry_that_comes_alone_leaves_at_once(told: tuple[SlowWire, Callable[[int], None]]):
    wire, publish = told
    for offset in range(1, 6):
        publish(1)
        await turn(2)
        assert wire.writes[-1] == [offset]


async def test_whoever_waited_for_company_and_found_none_leaves_as_well(
    told: tuple[SlowWire, Callable[[int], None]],
):
    wire, publish = told
    publish(2)
    await eventually(lambda: wire.writes)
    publish(1)
    await eventually(lambda: wire.writes == [[1, 2], [3]], within=1)
    publish(1)
    await turn(2)
    assert wire.writes[-1] == [4], "a pass with one entry is followed by no rest"
