"""One history: some processes, their people, and everything that goes wrong with them, out of one seed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from server.record.tables import LEDGER
from tests.simulation.disk import Disk, Moods, NodeDied
from tests.simulation.node import Node
from tests.simulation.people import Guest, Writer
from tests.simulation.time import SimulatedLoop, pass_time

START = datetime(2026, 11, 23, 6, 5, tzinfo=UTC)
BUSY_S = 10.0  # while things go wrong
CALM_S = 15.0  # then everybody must be level within this (reliability.md 8, e)
WRITERS = (("Wu", "130300", "130302"), ("Li", "130324", "130324"), ("Qin", "130321", "130321"))
LISTENERS = ("130300", "130300", "130324", "130324", "130321", "130302", "130300-qx")


@dataclass
class NetMoods:
    loses: float = 0.0
    twice: float = 0.0
    bell_lost: float = 0.0


@dataclass
class Outcome:
    """What a history came to."""

    seed: int
    trace: str = ""
    wrong: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    acked: int = 0
    entries: int = 0
    seconds: float = 0.0  # of the simulated time


class World:
    def __init__(self, seed: int, disk: Disk) -> None:
        self.seed, self.disk = seed, disk
        self.chance = Random(seed)
        self.moods = NetMoods()
        self.disk_moods = Moods()
        self.nodes: list[Node] = []
        self.writers: list[Writer] = []
        self.guests: list[Guest] = []
        self.wrong = disk.wrong
        self.faults: Counter[str] = Counter()
        self.is_busy = True
        self.epoch = ""
        self.stepped_s = 0.0
        self._traces: dict[str, Any] = {}
        self._snapshot: tuple[Any, float] | None = None
        self.calm_s, self.is_level, self.still_overdue = 0.0, False, 0

    # --- what everybody may ask --------------------------------------------------------------------------

    def wall(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time() + self.stepped_s)

    def trace(self, who: str, *what: Any) -> None:
        """Whoever does something leaves a trace of their own: what two do at once has no order."""
        told = f"{asyncio.get_running_loop().time():.6f} {what}\n".encode()
        self._traces.setdefault(who, hashlib.sha256()).update(told)

    def count(self, fault: str) -> None:
        self.faults[fault] += 1

    # --- the processes -----------------------------------------------------------------------------------

    async def start_node(self, place: int) -> None:
        """A process in this place; it tries until the disk lets it."""
        while True:
            try:
                node = Node(f"n{place}", self.disk, self._branch(), self.disk_moods, self.wall)
            except (OperationalError, NodeDied):
                await pass_time(0.5)
                continue
            break
        node.tell_others, node.on_death = self._ring, self._bury
        self.epoch = self.epoch or node.store.epoch
        if place < len(self.nodes):
            self.nodes[place] = node
        else:
            self.nodes.append(node)

    def _branch(self) -> Random:
        return Random(self.chance.getrandbits(64))

    def _bury(self, node: Node) -> None:
        self.trace(node.name, "died")
        self.faults.update(node.way.made)
        if self.nodes and node in self.nodes:
            place = self.nodes.index(node)
            asyncio.get_running_loop().call_later(
                self.chance.uniform(0.3, 3.0), lambda: self._keep(self.start_node(place))
            )

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._works.append(task)

    def _ring(self, sender: Node, said: bytes) -> None:
        """The doorbell: lost, late, and in any order."""
        for node in self.nodes:
            if node is sender:
                continue
            if sender.chance.random() < self.moods.bell_lost:
                self.count("doorbell lost")
                continue
            delay = sender.chance.uniform(0.001, 0.15)
            asyncio.get_running_loop().call_later(delay, node.hear, said)

    # --- what goes wrong ---------------------------------------------------------------------------------

    async def _chaos(self) -> None:
        """Until all is over: a fault, a while, another fault."""
        deeds: list[tuple[Callable[[], Any], float]] = [
            (self._kill, 3), (self._cut_line, 4), (self._freeze, 4), (self._lie, 2), (self._away, 1),
            (self._cut_way, 1.5), (self._step_clock, 0.5), (self._keep_backup, 1), (self._restore, 0.7),
        ]  # fmt: skip
        while True:
            await pass_time(self.chance.uniform(0.05, 1.2))
            deed = self.chance.choices([one for one, _ in deeds], [weight for _, weight in deeds])[0]
            deed()

    def _kill(self) -> None:
        node = self.chance.choice(self.nodes)
        if node.is_alive:
            self.count("process killed")
            node.die()

    def _guest(self) -> Guest | None:
        found = self.chance.choice(self.guests)
        return found if found.wire is not None else None

    def _cut_line(self) -> None:
        if (guest := self._guest()) is not None and guest.wire is not None:
            self.count("line cut")
            guest.wire.cut()

    def _freeze(self) -> None:
        if (guest := self._guest()) is not None and (wire := guest.wire) is not None:
            self.count("listener frozen")
            wire.freeze()
            asyncio.get_running_loop().call_later(self.chance.uniform(0.2, 5.0), wire.thaw)

    def _lie(self) -> None:
        """Somebody else at the doorbell."""
        node, unit = self.chance.choice(self.nodes), self.chance.choice(LISTENERS)
        self.count("doorbell forged")
        offset = self.chance.choice((1, self.disk.head(unit) + 1, 10**9))
        node.hear(self.chance.choice((f"{unit}={offset}".encode(), b"\xff nonsense", b"130300=-1")))

    def _away(self) -> None:
        self.count("database away")
        self.disk.is_away = True
        asyncio.get_running_loop().call_later(self.chance.uniform(0.1, 3.0), self._back)

    def _back(self) -> None:
        self.disk.is_away = False

    def _cut_way(self) -> None:
        node = self.chance.choice(self.nodes)
        self.count("process cut from the database")
        node.way.is_cut = True

        def heal() -> None:
            node.way.is_cut = False

        asyncio.get_running_loop().call_later(self.chance.uniform(0.1, 4.0), heal)

    def _step_clock(self) -> None:
        self.count("clock stepped")
        self.stepped_s += self.chance.choice((-30.0, -4.0, 4.0))

    def _keep_backup(self) -> None:
        if not self.disk.is_away:
            self._snapshot = (self.disk.snapshot(), asyncio.get_running_loop().time())

    def _restore(self) -> None:
        """The disk is lost; the last backup takes its place, under a new epoch. Outboxes send again."""
        if self._snapshot is None:
            return
        self.count("disk lost, backup restored")
        snapshot, taken_at = self._snapshot
        for node in self.nodes:
            node.die()
        self.disk.load(snapshot)
        self.new_epoch()
        self._snapshot = None
        for writer in self.writers:
            lost = [
                said for said in writer.history if said.outcome != "refused" and said.answered_at > taken_at
            ]
            for said in lost:
                said.outcome = "unknown"
            writer.to_refill += [said for said in lost if said not in writer.to_refill]

    def new_epoch(self) -> None:
        self.epoch = str(UUID(int=self.chance.getrandbits(128), version=4))
        with self.disk.engine.connect() as connection, connection.begin():
            connection.execute(update(LEDGER).values(epoch=self.epoch))

    # --- the whole ---------------------------------------------------------------------------------------

    async def live(self) -> None:
        loop = asyncio.get_running_loop()
        self._works: list[asyncio.Task[Any]] = []
        for place in range(self.chance.choice((2, 2, 3))):
            await self.start_node(place)
        self.writers = [Writer(self, *who, self._branch()) for who in WRITERS]
        self.guests = [Guest(self, f"g{n}", unit, self._branch()) for n, unit in enumerate(LISTENERS)]
        writing = [loop.create_task(one.run()) for one in self.writers]
        listening = [loop.create_task(one.run()) for one in self.guests]
        chaos = loop.create_task(self._chaos())
        self.moods = NetMoods(loses=0.04, twice=0.04, bell_lost=self.chance.choice((0.0, 0.3, 1.0)))
        for name in Moods.__slots__:
            setattr(self.disk_moods, name, self.chance.choice((0.0, 0.01, 0.03)))
        await pass_time(BUSY_S)
        chaos.cancel()
        self.calm()
        calm_since = loop.time()
        while not self._is_level(writing) and loop.time() - calm_since < CALM_S:
            await pass_time(0.25)
        self.calm_s = loop.time() - calm_since
        self.is_level, self.still_overdue = self._is_level(writing), self.overdue()
        for task in [*writing, *listening, *self._works, chaos]:
            task.cancel()
        for task in [*writing, *listening, *self._works, chaos]:
            with suppress(asyncio.CancelledError):
                await task
        self._bury = lambda node: self.faults.update(node.way.made)  # type: ignore[method-assign]
        for node in self.nodes:
            node.on_death = self._bury
            node.die()
        await pass_time(0.2)

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.is_busy = False
        self.moods, self.disk.is_away = NetMoods(), False
        for name in Moods.__slots__:
            setattr(self.disk_moods, name, 0.0)
        for node in self.nodes:
            node.way.is_cut = False
        for guest in self.guests:
            if guest.wire is not None:
                guest.wire.thaw()

    def _is_level(self, writing: list[asyncio.Task[None]]) -> bool:
        return (
            all(task.done() for task in writing)
            and all(node.is_alive for node in self.nodes)
            and all(guest.last == self.disk.head(guest.unit) for guest in self.guests)
            and not self.overdue()
        )

    def overdue(self) -> int:
        """Incidents whose moment has come and is not written down."""
        rows = self.disk._raw.execute(
            "SELECT count(*) FROM incident WHERE next_alarm_at <= ?",
            (f"{self.wall() - timedelta(seconds=2):%Y-%m-%d %H:%M:%S.%f}",),
        ).fetchone()
        return int(rows[0])

    def trace_hash(self) -> str:
        whole = hashlib.sha256()
        for who in sorted(self._traces):
            whole.update(who.encode() + self._traces[who].digest())
        row = self.disk._raw.execute("SELECT chain_sha256 FROM ledger").fetchone()
        whole.update(bytes(row[0]) if row else b"")
        return whole.hexdigest()


@contextmanager
def _one_chance(seed: int) -> Iterator[None]:
    """Ids, too, come from the seed; what the product logs about all this is of no interest."""
    chance = Random(seed ^ 0x5EED)

    def uuid4() -> UUID:
        return UUID(int=chance.getrandbits(128), version=4)

    hub_log = logging.getLogger("fenghuo.hub")
    was_disabled, hub_log.disabled = hub_log.disabled, True
    try:
        with (
            patch("tests.words.uuid4", uuid4),
            patch("server.record.store.uuid4", uuid4),
            patch("server.delivery.relay.SystemRandom", lambda: Random(seed)),
            structlog.testing.capture_logs(),
        ):
            yield
    finally:
        hub_log.disabled = was_disabled


def live_through(seed: int, disk: Disk) -> World:
    """One history from its beginning to its end; what was wrong with it is in `world.wrong`."""
    disk.reset()
    world = World(seed, disk)
    loop = SimulatedLoop(Random(seed + 1))
    with _one_chance(seed):
        try:
            loop.run_until_complete(asyncio.wait_for(world.live(), 600))
        finally:
            loop.close()
    return world
