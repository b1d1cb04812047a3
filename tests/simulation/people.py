"""Who writes and who listens in a simulation: real clients, which keep account of everything."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from schemas.commands import COMMANDS
from schemas.terms import Post
from server.delivery.frames import payload_of
from server.domain.decide import Author, Refused
from server.people.accounts import Principal
from server.record.store import Answer, CommandIdReused, StoreUnavailable
from tests import words
from tests.faults import Said
from tests.simulation.node import Node, Wire
from tests.simulation.time import pass_time

if TYPE_CHECKING:
    from tests.simulation.world import World

PATIENCE_S = 3.0  # for an answer; then it is unknown
HEAD = b'{"type":"entry","offset":'


class Writer:
    """A clerk at one unit's desk: says things, sends again what got no answer, now and then gives up."""

    def __init__(self, world: World, name: str, unit: str, division: str, chance: Random) -> None:
        self.world, self.name, self.chance = world, name, chance
        self.author = Author(name, Post.DUTY_OFFICER, unit)
        self.division = division
        self.history: list[Said] = []
        self.to_refill: list[Said] = []  # acknowledged, then lost with the disk: still in the outbox
        self._incidents: list[list[Any]] = []  # id, how many dead

    async def run(self) -> None:
        while self.world.is_busy or self.to_refill:
            if self.to_refill:
                await self._send(self.to_refill.pop(0))
                continue
            said = self._next()
            self.history.append(said)
            await self._send(said)
            await pass_time(self.chance.uniform(0.02, 0.6))

    async def _send(self, said: Said) -> None:
        said.outcome = "unknown"
        while True:
            said.tries += 1
            try:
                answer = await asyncio.wait_for(self._ask(said), PATIENCE_S)
            except (StoreUnavailable, TimeoutError, ConnectionError) as trouble:
                was_sent = not isinstance(trouble, ConnectionRefusedError)
                if was_sent and self.world.is_busy and self.chance.random() < 0.15:
                    return  # unknown for ever
                await pass_time(self.chance.uniform(0.05, 0.5))
                continue
            except Refused as refusal:
                said.outcome, said.answer = "refused", {"code": refusal.code}
            except CommandIdReused:
                said.outcome, said.answer = "refused", {"code": "command-id-reused"}
            else:
                said.outcome = "ok"
                said.answer = {"offset": answer.offset, "replayed": answer.replayed, "epoch": answer.epoch}
                said.answered_at = asyncio.get_running_loop().time()
                if said.name == "open-incident" and said.tries and not said.answer["replayed"]:
                    self._incidents.append([said.body["incident_id"], 0])
            self.world.trace(self.name, said.name, said.outcome, said.answer.get("offset"))
            return

    async def _ask(self, said: Said) -> Answer:
        """Over a network that loses the question, or the answer, or brings the question twice."""
        node = self.chance.choice(self.world.nodes)
        await pass_time(self.chance.uniform(0.001, 0.06))
        if not node.is_alive:
            raise ConnectionRefusedError
        if self._loses():
            await pass_time(PATIENCE_S)
        future = self._hand_over(node, said)
        if self.chance.random() < self.world.moods.twice:
            self.world.count("question brought twice")
            other = self._hand_over(
                self.chance.choice([one for one in self.world.nodes if one.is_alive]), said
            )
            other.add_done_callback(lambda done: done.cancelled() or done.exception())
        answer = await future
        await pass_time(self.chance.uniform(0.001, 0.06))
        if not node.is_alive:
            raise ConnectionResetError
        if self._loses():
            await pass_time(PATIENCE_S)
        return answer

    def _loses(self) -> bool:
        lost = self.chance.random() < self.world.moods.loses
        if lost:
            self.world.count("question or answer lost")
        return lost

    def _hand_over(self, node: Node, said: Said) -> asyncio.Future[Answer]:
        command = COMMANDS[said.name].model_validate(said.body)
        return asyncio.wrap_future(node.store.execute(self.author, f"person-{self.name}", command))

    def _next(self) -> Said:
        mark, roll, now = words.new_id(), self.chance.random(), self.world.wall()
        at = now.isoformat()
        if not self._incidents or roll < 0.18:
            ago = 3_600 - self.chance.uniform(2, 8) if self.chance.random() < 0.5 else 60
            body = words.open_incident(
                place={"division": self.division, "text": "模拟"},
                category=self.chance.choice(("work_safety", "fire_accident")),
                known_at=(now - timedelta(seconds=ago)).isoformat(),
                known_by=self.author.unit,
                occurred_at=...,
                occurred_precision=...,
                source={"channel": self.chance.choice(("110", "12350")), "name": "报警人", "phone": "0"},
                facts={"dead": self.chance.choice((0, 3, 12))},
            )
            return Said(mark, self.name, "open-incident", body | {"words": mark})
        incident = self.chance.choice(self._incidents)
        said: dict[str, Any] = {"command_id": words.new_id(), "incident_id": incident[0], "words": mark}
        if roll < 0.30:
            incident[1] += self.chance.choice((1, 3, 10))
            body = words.establish_facts(
                incident[0], known_at=at, known_by=self.author.unit, dead=incident[1]
            )
            return Said(mark, self.name, "establish-facts", body | {"words": mark})
        if roll < 0.36:
            unit = self.chance.choice(("130321", "130324", "130302", "130300-qx"))
            return Said(mark, self.name, "share-incident", {**said, "with": [unit]})
        if roll < 0.42:
            gone = {"entry_id": words.new_id(), "reason": "没有这一条"}  # refused, whatever happens
            return Said(mark, self.name, "strike-entry", said | gone)
        if roll < 0.47:
            body = words.record_report(incident[0], sent_at=at)
            return Said(mark, self.name, "record-report", body | {"words": mark})
        if roll < 0.50:
            return Said(mark, self.name, "close-incident", {**said, "at": at, "reason": "处置完毕"})
        body = words.add_entry(incident[0], f"第 {len(self.history)} 条", happened_at=at)
        return Said(mark, self.name, "add-entry", body | {"words": mark})


class Guest:
    """A listener that proves to itself that it missed nothing, and comes back whenever it is cut off."""

    def __init__(self, world: World, name: str, unit: str, chance: Random) -> None:
        self.world, self.name, self.unit, self.chance = world, name, unit, chance
        self.painted: list[bytes] = []
        self.epoch: str | None = None
        self.wire: Wire | None = None
        self.welcomes = 0
        self.resumes: dict[str, int] = {}
        self.repeats = 0
        self._over: asyncio.Event = asyncio.Event()
        self._heard_at = 0.0
        self._behind_since: float | None = None

    @property
    def last(self) -> int:
        return len(self.painted)

    def wrong(self, words_: str) -> None:
        self.world.wrong.append(f"{self.name} ({self.unit}): {words_}")

    async def run(self) -> None:
        wait = 0.5
        while True:
            node = self.chance.choice(self.world.nodes)
            await pass_time(self.chance.uniform(0.001, 0.05))
            if node.is_alive:
                welcomes = self.welcomes
                await self._listen(node)
                wait = 0.5 if self.welcomes > welcomes else min(8.0, wait * 2)
            await pass_time(self.chance.uniform(0, wait))

    async def _listen(self, node: Node) -> None:
        self._over.clear()
        self._behind_since, self._heard_at = None, asyncio.get_running_loop().time()
        self.wire = wire = Wire(node, Random(self.chance.random()), self._take, self._ended)
        person = Principal(
            self.name, self.name, Post.DUTY_OFFICER, self.unit, "token", f"{self.name}@1", 1, "zh"
        )
        after = self.last if self.epoch is not None else 0
        node.hub.listen(wire, self.unit, person, after=after, epoch=self.epoch)
        looking = asyncio.create_task(self._look_at_the_beat(wire))
        try:
            await self._over.wait()
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look_at_the_beat(self, wire: Wire) -> None:
        """Contract 5: a head beyond the last entry for 2 s, or no beat for 15 s: it comes back by itself."""
        while True:
            await pass_time(1.0)
            now = asyncio.get_running_loop().time()
            if wire.is_frozen:
                self._heard_at = now
            behind = self._behind_since is not None and now - self._behind_since > 2.0
            if behind or now - self._heard_at > 15.0:
                self.world.count("listener helps itself")
                wire.cut()

    def _ended(self, code: int) -> None:
        self.world.trace(self.name, "ended", code)
        self.wire = None
        self._over.set()

    # what it hears

    def _take(self, frames: bytes) -> None:
        while frames:
            size = frames[1]
            if size == 126:
                end = 4 + int.from_bytes(frames[2:4], "big")
            elif size == 127:
                end = 10 + int.from_bytes(frames[2:10], "big")
            else:
                end = 2 + size
            self._hear(payload_of(frames[:end]))
            frames = frames[end:]

    def _hear(self, message: bytes) -> None:
        if message.startswith(HEAD):
            rest = message[len(HEAD) :]
            offset, _, body = rest.partition(b",")
            self._entry(int(offset), b"{" + body)
            return
        told = json.loads(message)
        if told["type"] == "welcome":
            self._welcomed(told)
        elif told["type"] == "beat":
            self._heard_at = asyncio.get_running_loop().time()
            if told["head"] > self.world.disk.head(self.unit):
                self.wrong(f"a beat tells of {told['head']}, on disk are {self.world.disk.head(self.unit)}")
            if told["head"] <= self.last:
                self._behind_since = None
            elif self._behind_since is None:
                self._behind_since = self._heard_at

    def _welcomed(self, told: dict[str, Any]) -> None:
        self.welcomes += 1
        self.resumes[told["resume"]] = self.resumes.get(told["resume"], 0) + 1
        self._heard_at = asyncio.get_running_loop().time()
        self.world.trace(self.name, "welcome", told["resume"], told["head"])
        if told["stream"] != self.unit:
            self.wrong(f"it hears {told['stream']}")
        is_new = self.epoch is not None and told["epoch"] != self.epoch
        self.epoch = told["epoch"]
        if told["head"] > self.world.disk.head(self.unit):
            self.wrong(f"the welcome tells of {told['head']}, on disk are {self.world.disk.head(self.unit)}")
        if told["resume"] == "refresh":
            self.painted = list(
                self.world.disk.truth.get(self.unit, ())[: told["head"]]
            )  # the state, read again
        elif is_new:
            self.wrong("another epoch, and it is not told to read the state again")
        elif told["resume"] == "nothing" and told["head"] != self.last:
            self.wrong(f"it missed nothing, it is told, at {self.last} of {told['head']}")

    def _entry(self, offset: int, body: bytes) -> None:
        truth = self.world.disk.truth.get(self.unit, ())
        if offset > len(truth):
            self.wrong(f"it hears of {offset}, on disk are {len(truth)}")
        elif truth[offset - 1] != body and self.epoch == self.world.epoch:
            self.wrong(f"entry {offset} is not what is on disk")
        if offset <= self.last:
            self.repeats += 1
            return
        if offset != self.last + 1:
            self.wrong(f"after {self.last} comes {offset}")
            if self.wire is not None:
                self.wire.cut()
            return
        self.painted.append(body)
        self.world.trace(self.name, "entry", offset)
