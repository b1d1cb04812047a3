"""One process of the product, made of its real parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any

from server.app import keep
from server.config.rulebook import defaults
from server.config.unit_file import default_units
from server.delivery.frames import Watcher
from server.delivery.hub import Hub, Limits
from server.delivery.relay import Relay, spelled
from server.record.reading import StreamLog
from server.record.store import MOST_IN_A_ROUND, Store, StreamRow
from server.watch import Watch
from tests.simulation.disk import Disk, HandToDisk, Moods, NodeDied, WayToDisk
from tests.simulation.time import pass_time

RULES, TREE = defaults(), default_units()
#: Small, so that rings run over, pages are read and the slow are cut off within a few entries.
LIMITS = Limits(
    replay=24,
    ring_frames=10,
    chunk_frames=8,
    waiting_frames=12,
    waiting_s=0.5,
    send_s=4.0,
    beat_s=1.0,
    sweep_s=0.5,
    look_s=0.75,
    blind_s=2.5,
    slice=2,
    idle_stream_s=3.0,
)
HIGH_WATER, LOW_WATER = 3_000, 1_000  # bytes under way to one listener


class QueuedStore(Store):
    """The store, its writer thread replaced by turns of the loop."""

    on_queue: Callable[[], None] = staticmethod(lambda: None)

    def submit_all(self, works: Any) -> None:
        super().submit_all(works)
        self.on_queue()


class Clock:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now


class Node:
    """Alive from its making until `die`. `skew` is how far its wall clock is off."""

    def __init__(
        self, name: str, disk: Disk, chance: Random, moods: Moods, wall: Callable[[], datetime]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.name, self.chance = name, chance
        self.skew = timedelta(seconds=chance.uniform(-0.4, 0.4))
        self.is_alive = True
        self.wires: dict[Wire, None] = {}
        self.tell_others: Callable[[Node, bytes], None] = lambda _node, _said: None
        self.on_death: Callable[[Node], None] = lambda _node: None
        self.way = WayToDisk(disk, chance, moods)
        now = lambda: wall() + self.skew  # noqa: E731
        self.store = QueuedStore(self.way, TREE, lambda: RULES, now)  # type: ignore[arg-type]
        self.store._hand = HandToDisk(self.way)
        self.watch = Watch(self.way, self.store, now, loop.time)  # type: ignore[arg-type]
        self.hub = Hub(
            StreamLog(self.way),  # type: ignore[arg-type]
            clock=Clock(now), clock_age_ms=self.watch.age_ms, limits=LIMITS,
        )  # fmt: skip
        self.relay = Relay("redis://127.0.0.1:1/0", self.store.deployment_id, self.hub)
        self._queued = asyncio.Event()
        self.store.on_queue = self._queued.set  # type: ignore[method-assign]
        self.store.on_commit = lambda rows: self._later(self._publish, rows)
        works = (self._write, self.hub.run, self._see_to_time, self.relay._look)
        self._tasks = [loop.create_task(self._guard(work)) for work in works]

    async def _guard(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with suppress(NodeDied):
            await keep(work, self.name)
        self.die()

    def _later(self, call: Callable[..., None], *args: Any) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(self.chance.uniform(0, 0.01), lambda: self.is_alive and call(*args))

    async def _write(self) -> None:
        while True:
            await self._queued.wait()
            self._queued.clear()
            await pass_time(self.chance.uniform(0.001, 0.02))
            works = []
            while self.store._waiting and len(works) < MOST_IN_A_ROUND:
                works.append(self.store._waiting.popleft())
            if works := [work for work in works if work.is_wanted()]:
                self.store._write_round(works)

    async def _see_to_time(self) -> None:
        await self.watch.start()
        await self.watch.run()

    def _publish(self, rows: list[StreamRow]) -> None:
        self.hub.publish(rows)
        self.relay.ring(rows)
        heads, self.relay._unsent = self.relay._unsent, {}
        self.tell_others(self, spelled(heads).encode())

    def hear(self, said: bytes) -> None:
        if self.is_alive:
            self.relay._hear(said)

    def die(self) -> None:
        """Nothing of it is left but what is on the disk."""
        if not self.is_alive:
            return
        self.is_alive = False
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        self.hub._reader.stop()
        for wire in list(self.wires):
            wire.cut()
        self.on_death(self)


class Wire:
    """The line of one listener: keeps order, loses its tail when it is cut, and may be read slowly."""

    def __init__(
        self, node: Node, chance: Random, take: Callable[[bytes], None], ended: Callable[[int], None]
    ) -> None:
        self._node, self._chance, self._take, self._ended = node, chance, take, ended
        self._loop = asyncio.get_running_loop()
        self._watcher: Watcher | None = None
        self._under_way: list[bytes] = []
        self._size = 0
        self._last_at = 0.0
        self._code: int | None = None
        self.is_paused = self.is_frozen = self.is_gone = False
        node.wires[self] = None

    # what the hub uses

    @property
    def write(self) -> Callable[[bytes], None]:
        return self._write

    def watch(self, watcher: Watcher | None) -> None:
        self._watcher = watcher

    def buffered(self) -> int:
        return self._size

    def close(self, code: int, reason: str = "") -> None:
        if self._code is None and not self.is_gone:
            self._code = code
            self._deliver_later()
            self._loop.call_later(1.5, self.cut)  # the grace that a close frame has

    def abort(self) -> None:
        self.cut()

    def _write(self, frames: bytes) -> None:
        if self.is_gone or self._code is not None:
            return
        self._under_way.append(frames)
        self._size += len(frames)
        if self._size > HIGH_WATER and not self.is_paused:
            self.is_paused = True
            if self._watcher is not None:
                self._watcher.paused()
        self._deliver_later()

    # what the network does

    def _deliver_later(self) -> None:
        self._last_at = max(self._last_at, self._loop.time() + self._chance.uniform(0.001, 0.08))
        self._loop.call_at(self._last_at, self._deliver)

    def _deliver(self) -> None:
        if self.is_gone or self.is_frozen:
            return
        if not self._under_way:
            if self._code is not None:
                self._end(self._code)
            return
        frames = self._under_way.pop(0)
        self._size -= len(frames)
        self._take(frames)
        if self.is_paused and self._size <= LOW_WATER:
            self.is_paused = False
            if self._watcher is not None:
                self._watcher.resumed()

    def freeze(self) -> None:
        self.is_frozen = True

    def thaw(self) -> None:
        self.is_frozen = False
        for _ in range(len(self._under_way) + 1):
            self._deliver_later()

    def cut(self) -> None:
        """Whatever is under way is lost. The process notices a little later than the listener."""
        if not self.is_gone:
            self._under_way.clear()
            self._end(1006)

    def _end(self, code: int) -> None:
        self.is_gone = True
        self._node.wires.pop(self, None)
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            self._loop.call_later(self._chance.uniform(0, 0.5), watcher.lost)
        self._ended(code)
