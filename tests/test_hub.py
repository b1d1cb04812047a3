"""Every listener gets every entry once and in order: on coming back, when behind, when level, in between."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from server.delivery.frames import Watcher, payload_of
from server.delivery.hub import Hub, Limits
from tests.listening import CITY, EPOCH, Counter, MemoryLog, Room, WallClock, known, serving, turn
from tests.waiting import eventually

QUICK = Limits(beat_s=0.1, sweep_s=0.05, look_s=0.1)


# --- coming back ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("head", "said", "resume", "first"),
    [
        (1500, {}, "nothing", 1501),
        (1500, {"after": None, "epoch": EPOCH}, "nothing", 1501),
        (1500, {"after": None, "epoch": "another"}, "nothing", 1501),
        (1500, {"after": 1500, "epoch": EPOCH}, "nothing", 1501),
        (1500, {"after": 1499, "epoch": EPOCH}, "replay", 1500),
        (1500, {"after": 500, "epoch": EPOCH}, "replay", 501),
        (1500, {"after": 499, "epoch": EPOCH}, "refresh", 1501),
        (1500, {"after": 1501, "epoch": EPOCH}, "refresh", 1501),
        (1500, {"after": 1400, "epoch": "another"}, "refresh", 1501),
        (1500, {"after": 1500, "epoch": "another"}, "refresh", 1501),
        (1500, {"after": 1400, "epoch": None}, "refresh", 1501),
        (1500, {"after": 0, "epoch": EPOCH}, "refresh", 1501),
        (1500, {"after": 0, "epoch": None}, "replay", 1),
        (1000, {"after": 0, "epoch": EPOCH}, "replay", 1),
        (0, {"after": 0, "epoch": None}, "nothing", 1),
        (0, {"after": 0, "epoch": EPOCH}, "nothing", 1),
        (0, {"after": 0, "epoch": "another"}, "refresh", 1),
        (0, {"after": 1, "epoch": EPOCH}, "refresh", 1),
        (0, {}, "nothing", 1),
    ],
)
async def test_a_listener_that_comes_back_gets_exactly_what_it_missed(
    busy_house: Room, head: int, said: dict[str, Any], resume: str, first: int
):
    room, unit = busy_house, f"1303{next(NUMBERS)}"
    room.log.write(head, unit)
    client = await room.silent_client(query=f"&unit={unit}")
    await client.hello(**said)
    await eventually(lambda: client.heard)
    told = client.welcome
    assert (told["resume"], told["head"], told["stream"], told["epoch"]) == (resume, head, unit, EPOCH)
    assert told["time"].endswith("Z")
    room.publish(3, unit)
    await eventually(lambda: client.last == head + 3)
    assert client.offsets == list(range(first, head + 4))
    await client.leave()


NUMBERS = itertools.count(1000)


@pytest.fixture(scope="module", params=[1024, 16], ids=["from memory", "from the log"])
async def busy_house(request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    async with serving(limits=Limits(ring_frames=request.param)) as room:
        yield room


async def test_an_entry_is_what_was_stored_with_its_offset_in_front():
    async with serving() as room:
        client = await room.client()
        await eventually(lambda: client.heard)
        room.publish()
        (entry,) = await eventually(lambda: client.of("entry"))
        stored = json.loads(room.log.entries[CITY][0])
        assert entry == {"type": "entry", "offset": 1, **stored}
        await client.leave()


async def test_after_a_restart_a_storm_of_returning_screens_costs_the_log_one_look():
    log = MemoryLog(3000)
    async with serving(log, loop_turns=False) as room:
        clients = [await room.client(f"P{n}", epoch=EPOCH, after=2990 - n) for n in range(50)]
        await eventually(lambda: all(client.last == 3000 for client in clients))
        assert log.reads <= 6, "the head and the last thousand entries, once"
        assert room.hub.tally.resumes == {"replay": 50}
        for client in clients:
            await client.leave()


async def test_two_hundred_listeners_cut_off_at_random_moments_each_end_with_every_entry():
    chance = random.Random(1951)
    async with serving(limits=Limits(ring_frames=300, slice=37)) as room:
        histories: list[list[int]] = []

        async def listen_through_it_all(number: int) -> None:
            offsets: list[int] = []
            histories.append(offsets)
            while not offsets or offsets[-1] < 2000:
                said = {"after": offsets[-1], "epoch": EPOCH} if offsets else {"after": 0, "epoch": None}
                client = await Counter.connect(room.port, f"P{number}", **said)
                lasts, start = chance.randrange(40, 1500), len(offsets)
                await eventually(
                    lambda c=client, n=lasts: len(c.offsets) >= n or c.last >= 2000 or c.is_gone,
                    within=50,
                )
                client.transport.abort()
                offsets += client.offsets
                assert offsets[start:] == client.offsets

        async def publish_all() -> None:
            while room.log.head(CITY) < 2000:
                room.publish(min(chance.choice([1, 1, 1, 2, 9]), 2000 - room.log.head(CITY)))
                await turn(chance.choice([1, 2, 5]))

        async with asyncio.TaskGroup() as tasks:
            for number in range(200):
                tasks.create_task(listen_through_it_all(number))
            tasks.create_task(publish_all())
        assert len(histories) == 200
        assert all(history == list(range(1, 2001)) for history in histories)
        assert room.hub.tally.resumes["replay"] > 200, "some must have come back in the middle"
        assert "refresh" not in room.hub.tally.resumes or room.hub.tally.resumes["refresh"] == 0
        await eventually(lambda: not room.hub.listeners())


# --- level, behind, and in between: every order of events that chance can think of ------------------------
class FakeWire:
    """A connection of which the test decides when it is full."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.unread: list[bytes] = []
        self.got: list[int] = []
        self.is_paused = False
        self.closed_with: int | None = None
        self._watcher: Watcher | None = None

    def write(self, frames: bytes) -> None:
        assert self.closed_with is None, "a frame after the goodbye"
        assert not self.is_paused, "it said that it takes no more"
        self.unread.append(frames)
        if not self.is_paused and len(self.unread) > self.room:
            self.is_paused = True
            if self._watcher is not None:
                self._watcher.paused()

    def read(self) -> None:
        for frames in self.unread:
            while frames:
                size = frames[1] if frames[1] < 126 else int.from_bytes(frames[2:4], "big")
                end = size + (2 if frames[1] < 126 else 4)
                told = orjson.loads(payload_of(frames[:end]))
                if told["type"] == "entry":
                    self.got.append(told["offset"])
                frames = frames[end:]
        self.unread.clear()
        if self.is_paused:
            self.is_paused = False
            if self._watcher is not None:
                self._watcher.resumed()

    def watch(self, watcher: Watcher | None) -> None:
        self._watcher = watcher

    def buffered(self) -> int:
        return sum(map(len, self.unread))

    def close(self, code: int, reason: str = "") -> None:
        self.closed_with = code

    def abort(self) -> None:
        self.closed_with = 1006


@pytest.mark.parametrize("seed", range(100))
async def test_no_order_of_joining_stalling_and_publishing_makes_a_hole_or_a_repeat(seed: int):
    chance = random.Random(seed)
    log = MemoryLog(chance.choice([0, 5, 60]), size=10)
    limits = Limits(
        ring_frames=chance.choice([4, 12, 1024]),
        slice=chance.choice([1, 3, 500]),
        chunk_frames=chance.choice([2, 7, 256]),
    )
    hub = Hub(log, clock=WallClock(), clock_age_ms=lambda: 0, limits=limits)
    wires: list[tuple[FakeWire, int]] = []
    pending: list[tuple[str, int, bytes]] = []

    def join() -> None:
        wire = FakeWire(chance.choice([0, 1, 3, 1000]))
        after = chance.randrange(log.head(CITY) + 1)
        wires.append((wire, after))
        hub.listen(wire, CITY, known({"query_string": b""}), after=after, epoch=EPOCH)

    def hand_over() -> None:
        count = chance.randrange(len(pending) + 1)
        hub.publish(pending[:count])
        if chance.random() < 0.1:
            hub.publish(pending[:count])  # told twice
        del pending[:count]

    for _ in range(80):
        match chance.randrange(8):
            case 0:
                join()
            case 1 | 2:
                pending += log.write(chance.choice([1, 1, 3, 20]))
            case 3:
                hand_over()
            case 4 if wires:
                chance.choice(wires)[0].read()
            case 5 if hub.listeners() and chance.random() < 0.2:
                chance.choice(hub.listeners()).close(4003)
            case 6 if pending and chance.random() < 0.1:
                del pending[chance.randrange(len(pending))]  # never told: found on the disk
            case _:
                await turn(chance.choice([1, 1, 4]))
    hub.publish(pending)
    hub.publish(log.write())

    async def everybody_has_everything() -> bool:
        for _ in range(200):
            for wire, _ in wires:
                wire.read()
            await turn(2)
        return all(wire.got[-1:] == [log.head(CITY)] or wire.closed_with == 4003 for wire, _ in wires)

    await eventually(everybody_has_everything)
    for wire, after in wires:
        end = log.head(CITY) if wire.closed_with is None else after + len(wire.got)
        assert wire.got == list(range(after + 1, end + 1))
    await hub.drain(0)


async def test_what_is_committed_while_the_head_is_being_read_is_neither_lost_nor_repeated():
    log = MemoryLog(10)
    log.gate.clear()
    async with serving(log) as room:
        early = await room.client(epoch=EPOCH, after=4)
        await eventually(lambda: log.reads == 1)
        room.publish(5)
        await turn(20)
        log.gate.set()
        await eventually(lambda: early.last == 15)
        assert early.offsets == list(range(5, 16))
        await early.leave()


async def test_an_offset_that_is_on_disk_but_not_yet_told_is_no_future():
    async with serving(MemoryLog(10), limits=Limits(look_s=60)) as room:
        first = await room.client()
        await eventually(lambda: first.heard)
        rows = room.log.write(2)
        quick = await room.client("Li", epoch=EPOCH, after=12)
        await eventually(lambda: quick.heard)
        assert quick.welcome["resume"] == "nothing"
        room.hub.publish(rows)
        room.publish()
        await eventually(lambda: quick.last == first.last == 13)
        assert (first.offsets, quick.offsets) == ([11, 12, 13], [13])
        await first.leave()
        await quick.leave()


async def test_what_another_process_wrote_is_found_within_the_next_look():
    async with serving(MemoryLog(10), limits=QUICK) as room:
        client = await room.client()
        await eventually(lambda: client.heard)
        room.log.write(400)
        await eventually(lambda: client.last == 410)
        assert client.offsets == list(range(11, 411))
        await client.leave()


async def test_many_entries_of_one_commit_reach_everybody_in_order_and_cut_nobody():
    async with serving(limits=replace(QUICK, waiting_s=20)) as room:
        clients = [await room.client(f"P{n}") for n in range(20)]
        await eventually(lambda: all(client.heard for client in clients))
        room.publish(3000)
        await eventually(lambda: all(client.last == 3000 for client in clients), within=30)
        assert all(client.is_dense and client.offsets[0] == 1 for client in clients)
        assert not room.hub.tally.closes
        for client in clients:
            await client.leave()


async def test_a_county_never_hears_of_another_county():
    async with serving() as room:
        lulong = await room.silent_client("Li", "&unit=130324")
        await lulong.hello()
        qinglong = await room.silent_client("Qin", "&unit=130321")
        await qinglong.hello()
        await eventually(lambda: lulong.heard and qinglong.heard)
        room.publish(5, "130324")
        room.publish(1, "130321")
        await eventually(lambda: lulong.last == 5 and qinglong.last == 1)
        assert (lulong.offsets, qinglong.offsets) == ([1, 2, 3, 4, 5], [1])
        assert room.hub.listeners_by_stream() == {"130324": 1, "130321": 1}
        await lulong.leave()
        await qinglong.leave()


# --- beats and goodbyes -----------------------------------------------------------------------------------
def test_a_beat_comes_more_often_than_every_five_seconds():
    assert Limits().beat_s <= 4


async def test_beats_tell_the_head_the_time_and_how_old_the_clock_is():
    async with serving(MemoryLog(3), limits=QUICK) as room:
        client = await room.client()
        await eventually(lambda: len(client.of("beat")) >= 2)
        room.publish()
        await eventually(lambda: client.of("beat")[-1]["head"] == 4)
        beat = client.of("beat")[0]
        assert set(beat) == {"type", "head", "time", "clock_age_ms"}
        assert (beat["head"], beat["clock_age_ms"]) == (3, 7)
        await client.leave()


async def test_nobody_hears_a_beat_before_the_welcome():
    log = MemoryLog(3)
    async with serving(log, limits=QUICK) as room:
        first = await room.client()
        await eventually(lambda: first.of("beat"))
        log.gate.clear()
        late = await room.client("Li", epoch=EPOCH, after=7)  # from the future: the log is asked
        beats = len(first.of("beat"))
        await eventually(lambda: len(first.of("beat")) > beats + 2)
        assert late.heard == []
        log.gate.set()
        await eventually(lambda: late.heard)
        assert late.heard[0]["type"] == "welcome"
        assert late.welcome["resume"] == "refresh"
        await first.leave()
        await late.leave()


async def test_a_new_epoch_sends_everybody_away_to_read_the_state_again():
    async with serving(MemoryLog(9)) as room:
        client = await room.client()
        await eventually(lambda: client.heard)
        room.log.name = "e2"
        room.log.entries[CITY] = room.log.entries[CITY][:5]
        room.hub.set_epoch("e2")
        await eventually(lambda: client.close_code == 4010)
        back = await room.client(epoch=EPOCH, after=9)
        await eventually(lambda: back.heard)
        assert (back.welcome["resume"], back.welcome["epoch"], back.welcome["head"]) == ("refresh", "e2", 5)
        await back.leave()


async def test_an_epoch_that_changed_on_disk_is_noticed():
    async with serving(MemoryLog(9), limits=QUICK) as room:
        client = await room.client()
        await eventually(lambda: client.heard)
        room.log.name = "e2"
        await eventually(lambda: client.close_code == 4010)
        back = await room.client()
        await eventually(lambda: back.heard)
        assert back.welcome["epoch"] == "e2"
        await back.leave()


async def test_draining_asks_everybody_to_come_back_and_lets_nobody_in():
    async with serving() as room:
        clients = [await room.client(f"P{n}") for n in range(5)]
        await eventually(lambda: all(client.heard for client in clients))
        await room.hub.drain()
        assert await eventually(lambda: all(client.close_code == 4012 for client in clients))
        late = await room.client("Late")
        await eventually(lambda: late.close_code == 4012)
        assert room.hub.tally.closes[4012] == 6


async def test_a_log_that_cannot_be_read_asks_listeners_to_come_back_and_heals():
    log = MemoryLog(50)
    log.is_broken = True
    async with serving(log, loop_turns=False) as room:
        client = await room.client(after=0, epoch=None)
        await eventually(lambda: client.close_code == 4012)
        log.is_broken = False
        back = await room.client(after=0, epoch=None)
        await eventually(lambda: back.last == 50)
        await back.leave()


async def test_a_hole_on_disk_is_never_passed_over_in_silence():
    class Torn(MemoryLog):
        def after(self, stream: str, offset: int, limit: int) -> list[tuple[int, bytes]]:
            return [row for row in super().after(stream, offset, limit) if row[0] != 20]

    async with serving(Torn(50), limits=Limits(ring_frames=4)) as room:
        client = await room.client(after=0, epoch=None)
        await eventually(lambda: client.close_code == 4012)
        assert client.last < 20
        assert not client.offsets or client.is_dense


async def test_a_stream_that_nobody_hears_any_more_is_forgotten_after_a_while():
    limits = Limits(idle_stream_s=0.1, sweep_s=0.05)
    async with serving(MemoryLog(5), limits=limits) as room:
        client = await room.client()
        await eventually(lambda: client.heard)
        await client.leave()
        await eventually(lambda: not room.hub._streams)
        room.publish(3)
        back = await room.client(epoch=EPOCH, after=5)
        await eventually(lambda: back.last == 8)
        await back.leave()


async def test_twenty_screens_of_one_person_are_enough(room_of_few: Room):
    clients = [await room_of_few.silent_client(query="&kind=session") for _ in range(20)]
    one_more = await room_of_few.silent_client(query="&kind=session")
    await eventually(lambda: one_more.close_code == 4009)
    assert one_more.socket.close_reason == "too many sockets for one person"
    machine = await room_of_few.silent_client("Gateway")
    assert machine.close_code is None
    await clients.pop().leave()
    again = await room_of_few.silent_client(query="&kind=session")
    await again.hello()
    await eventually(lambda: again.heard)
    for client in [*clients, machine, again]:
        await client.leave()


@pytest.fixture
async def room_of_few() -> AsyncIterator[Room]:
    async with serving() as room:
        yield room
