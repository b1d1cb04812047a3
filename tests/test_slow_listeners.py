"""Who does not read harms nobody, is cut off in time, and loses nothing by it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from server.delivery import door as door_module
from server.delivery import wire as wire_module
from server.delivery.hub import Limits
from server.delivery.wire import HubProtocol
from tests.listening import EPOCH, Client, MemoryLog, RawClient, Room, messages, pass_time, serving
from tests.waiting import eventually

pytestmark = pytest.mark.alone

HASTY = Limits(beat_s=0.2, sweep_s=0.1, look_s=60, send_s=1.0, waiting_s=0.4)
MEMORY_FOR_ONE = wire_module.HIGH_WATER_BYTES + Limits().chunk_bytes + 1000


@pytest.fixture
def short_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "CLOSE_GRACE_S", 0.3)


def test_a_frozen_client_is_gone_within_fifteen_seconds_of_its_last_byte():
    limits = Limits()
    # The mark is set at every other sweep and judged at another.
    assert limits.send_s + 3 * limits.sweep_s + wire_module.CLOSE_GRACE_S < 15
    assert door_module.UNACKNOWLEDGED_MS <= 10_000


async def watch_delivery(room: Room, healthy: list[Client], seconds: float, per_second: int) -> list[float]:
    """Publish at a steady pace; how long until the last healthy listener had each entry."""
    delays: list[float] = []
    loop = asyncio.get_running_loop()
    start = loop.time()
    while loop.time() < start + seconds:
        due = start + len(delays) / per_second
        await pass_time(max(0, due - loop.time()))
        began = time.perf_counter()
        room.publish()
        head = room.log.head("130300")
        while not all(client.last == head for client in healthy):
            assert time.perf_counter() < began + 5, "the healthy starve"
            await pass_time(0.001)
        delays.append(time.perf_counter() - began)
        for listener in room.hub.listeners():
            assert isinstance(listener.wire, HubProtocol)
            assert listener.wire.transport.get_write_buffer_size() <= MEMORY_FOR_ONE
    return delays


@pytest.mark.parametrize("is_crawling", [False, True], ids=["frozen", "a byte at a time"])
@pytest.mark.usefixtures("short_goodbye")
async def test_who_does_not_read_is_cut_off_and_nobody_else_notices(is_crawling: bool):
    async with serving(MemoryLog(size=4000), limits=HASTY) as room:
        healthy = [await room.client(f"P{n}") for n in range(5)]
        bad = await room.raw(receive_buffer=4096)
        await bad.listen()
        await eventually(lambda: len(room.hub.listeners()) == 6 and all(each.heard for each in healthy))

        async def crawl() -> None:
            while await bad.receive(1):
                await pass_time(0.05)

        crawling = asyncio.create_task(crawl()) if is_crawling else None
        delays = await watch_delivery(room, healthy, 4.0, 100)
        await eventually(lambda: len(room.hub.listeners()) == 5, within=2)
        assert room.hub.tally.closes == {4008: 1}
        await eventually(lambda: len(room.server.server_state.connections) == 5, within=2)
        assert sorted(delays)[len(delays) * 9 // 10] < 0.5
        assert all(client.is_dense for client in healthy)
        if crawling is not None:
            assert not crawling.done(), "or it was no crawler"
            crawling.cancel()
        bad.close()
        for client in healthy:
            await client.leave()


@pytest.mark.parametrize(
    ("size", "count"), [(400, 1000), (20_000, 100)], ids=["more than 256 entries", "more than 1 MiB"]
)
async def test_who_lets_too_much_wait_reads_why_it_was_cut_off_and_comes_back_to_every_entry(
    size: int, count: int
):
    limits = replace(HASTY, send_s=60.0, ring_frames=4000)
    async with serving(MemoryLog(size=size), limits=limits) as room:
        slow = await room.raw(receive_buffer=4096)
        await slow.listen()
        await eventually(lambda: room.hub.tally.resumes)
        room.publish(count)
        await eventually(lambda: room.hub.tally.closes[4008])
        told, code = messages(await slow.receive_all())
        assert code == 4008
        offsets = [each["offset"] for each in told if each["type"] == "entry"]
        assert offsets == list(range(1, len(offsets) + 1))
        assert 0 < len(offsets) < count
        back = await room.client(epoch=EPOCH, after=len(offsets))
        await eventually(lambda: back.last == count)
        assert offsets + back.offsets == list(range(1, count + 1))
        await back.leave()
        slow.close()


async def test_who_does_not_take_even_a_little_in_time_is_cut_off():
    async with serving(MemoryLog(size=4000), limits=replace(HASTY, waiting_frames=10_000)) as room:
        slow = await room.raw(receive_buffer=4096)
        await slow.listen()
        await eventually(lambda: room.hub.tally.resumes)
        room.publish(40)
        await eventually(lambda: room.hub.tally.closes[4008])
        told, code = messages(await slow.receive_all())
        assert code == 4008
        assert [each["offset"] for each in told if each["type"] == "entry"] == list(range(1, 41))
        slow.close()


async def test_an_idle_client_is_never_taken_for_a_slow_one():
    async with serving(limits=replace(HASTY, send_s=0.2, beat_s=0.05)) as room:
        idle = await room.client()
        await eventually(lambda: len(idle.of("beat")) >= 20)
        room.publish()
        await eventually(lambda: idle.last == 1)
        assert not room.hub.tally.closes
        await idle.leave()


async def read_in_gulps(client: RawClient, pause: float, until: int) -> list[int]:
    """Read 64 KiB, stall, and so on: slow, but alive."""
    raw, last = b"", b'"offset":%d,' % until
    while last not in raw[-200_000:]:
        await pass_time(pause)
        more = await client.receive(65536)
        assert more, "cut off"
        raw += more
    told, code = messages(raw)
    assert code is None
    return [each["offset"] for each in told if each["type"] == "entry"]


async def test_a_client_that_stalls_for_a_moment_gets_everything_once():
    limits = Limits(beat_s=0.2, sweep_s=0.1, waiting_s=20)  # on a busy machine a moment is long
    async with serving(MemoryLog(size=700), limits=limits) as room:
        slow = await room.raw(receive_buffer=65536)
        await slow.listen()
        await eventually(lambda: room.hub.listeners())
        for _ in range(10):
            room.publish(100)
            await pass_time(0.1)
        assert room.hub.listeners()[0].wire.is_paused, "or this tests nothing"
        assert await read_in_gulps(slow, 0.01, 1000) == list(range(1, 1001))
        assert not room.hub.tally.closes
        slow.close()


async def test_a_long_first_replay_over_a_thin_line_is_no_slowness():
    async with serving(MemoryLog(3000, size=700), limits=replace(HASTY, send_s=5.0)) as room:
        slow = await room.raw(receive_buffer=65536)
        await slow.listen(epoch=None, after=0)
        (listener,) = await eventually(lambda: room.hub.listeners())
        await eventually(lambda: listener.wire.is_paused)
        await pass_time(HASTY.waiting_s + 3 * HASTY.sweep_s)
        assert await read_in_gulps(slow, 0.03, 3000) == list(range(1, 3001))
        assert not room.hub.tally.closes
        assert 2000 / 256 <= room.hub.tally.log_pages <= 3000 / 256 + 1, "each page is read once"
        slow.close()


async def test_during_a_first_replay_a_beat_never_claims_more_than_was_sent():
    """Else a client would take the rest, which is on its way, for lost, and begin again for ever."""
    log = MemoryLog(3000)
    async with serving(log, limits=HASTY) as room:
        level = await room.client()
        await eventually(lambda: level.of("beat"))
        log.gate.clear()
        new = await room.client("Li", epoch=None, after=0)
        await eventually(lambda: len(new.of("beat")) >= 2)
        assert [beat["head"] for beat in new.of("beat")] == [0] * len(new.of("beat"))
        assert level.of("beat")[-1]["head"] == 3000
        log.gate.set()
        await eventually(lambda: new.last == 3000)
        await eventually(lambda: new.of("beat")[-1]["head"] == 3000)
        assert new.offsets == list(range(1, 3001))
        await level.leave()
        await new.leave()
