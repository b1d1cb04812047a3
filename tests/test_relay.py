"""The doorbell between processes, against a real Redis that is stopped, emptied, frozen and lied to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from server.delivery.presence import GONE_S, SETTLED_S, Presence
from server.delivery.relay import MOST_STREAMS, Relay, read, spelled
from server.domain.units import Rank, Unit, UnitTree
from server.migrations import migrate
from server.people.accounts import Principal
from server.people.people import People
from server.record.database import Database
from server.settings import Settings, network
from tests.servers import Redis
from tests.small_desk import CountingPasswords
from tests.waiting import eventually

CITY, LULONG, QINGLONG = "130300", "130324", "130321"
DESK = "d0000000-0000-4000-8000-000000000001"


@dataclass
class Streams:
    """Stands in for the hub: what it knows, what is on disk, and how often it was made to look."""

    known: dict[str, int] = field(default_factory=lambda: dict.fromkeys((CITY, LULONG), 0))
    on_disk: dict[str, int] = field(default_factory=dict)
    looks: int = 0
    looks_around: int = 0

    def is_behind(self, stream: str, offset: int) -> bool:
        return stream in self.known and offset > self.known[stream]

    def look_at(self, stream: str) -> asyncio.Task[None] | None:
        self.looks += 1
        return asyncio.create_task(self._read(stream))

    async def _read(self, stream: str) -> None:
        self.known[stream] = max(self.known[stream], self.on_disk.get(stream, 0))

    async def look_around(self) -> None:
        self.looks_around += 1
        self.known |= {stream: max(head, self.on_disk.get(stream, 0)) for stream, head in self.known.items()}


@asynccontextmanager
async def running(url: str, streams: Streams | None = None, desk: str = DESK) -> AsyncIterator[Relay]:
    relay = Relay(url, desk, streams or Streams())
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await relay.close()


async def works(relay: Relay) -> None:
    await eventually(lambda: relay.fault() is None)


def committed(stream: str, *offsets: int) -> list[tuple[str, int, bytes]]:
    return [(stream, offset, b"{}") for offset in offsets]


# --- words ------------------------------------------------------------------------------------------------


def test_a_doorbell_says_how_far_streams_have_come_and_nothing_of_what_was_written():
    heads = {"130300": 17, "130324": 5, "130300-qx": 1, "130324:r": 999_999_999_999}
    assert read(spelled(heads).encode()) == heads


@pytest.mark.parametrize(
    "nonsense",
    [
        b"", b"130300", b"130300=", b"130300=-1", b"130300=1;", b"=1", b"130300=1\n", b"a b=1", b"\xff=1",
        b"130300=" + b"9" * 19, b"x" * 49 + b"=1", b'{"130300": 1}', b"130300=1 " * 3_000,
        " ".join(f"{number}=1" for number in range(MOST_STREAMS + 1)).encode(),
    ],
)  # fmt: skip
def test_whatever_else_comes_through_the_channel_says_nothing(nonsense: bytes):
    assert read(nonsense) is None


# --- ringing ----------------------------------------------------------------------------------------------


async def test_what_one_process_committed_another_looks_at_and_the_last_word_of_a_group_is_enough(
    redis_url: str,
):
    here, there = Streams(), Streams()
    async with running(redis_url, here) as one, running(redis_url, there) as other:
        await works(one)
        await works(other)
        there.on_disk[CITY] = here.on_disk[CITY] = 40
        one.ring(committed(CITY, *range(1, 41)))
        await eventually(lambda: there.known[CITY] == 40)
        assert (one.tally.sent, other.tally.heard) == (1, 1)
        assert there.looks == 1
        assert there.known[LULONG] == 0


async def test_desks_that_share_a_redis_do_not_hear_each_other(redis_url: str):
    another = "d0000000-0000-4000-8000-000000000002"
    async with running(redis_url) as one, running(redis_url, desk=another) as stranger:
        await works(one)
        await works(stranger)
        one.ring(committed(CITY, 1))
        await eventually(lambda: one.tally.heard == 1)  # its own, which it passes over
        stranger.ring(committed(CITY, 1))
        await eventually(lambda: stranger.tally.heard == 1)
        assert one.tally.heard == 1


async def test_a_thousand_forged_doorbells_cost_a_few_looks_and_the_next_true_one_is_heard(redis_url: str):
    streams = Streams()
    async with running(redis_url, streams) as relay:
        await works(relay)
        before = streams.looks
        async with redis.asyncio.Redis.from_url(redis_url) as forger:
            for number in range(500):
                await forger.publish(relay.channel, f"{CITY}={10**17 + number} 999999=7")
                await forger.publish(relay.channel, b"\x00{not a doorbell}")
        await eventually(lambda: relay.tally.heard == relay.tally.unreadable == 500)
        assert relay.tally.vain >= 1
        assert streams.looks - before < 50
        streams.on_disk[CITY] = 3
        relay.ring(committed(CITY, 3))
        await eventually(lambda: streams.known[CITY] == 3)


# --- Redis has its own troubles ---------------------------------------------------------------------------


async def test_redis_dies_and_comes_back_and_then_everything_is_looked_at(own_redis: Redis):
    streams = Streams()
    async with running(own_redis.url, streams) as relay:
        await works(relay)
        await eventually(lambda: streams.looks_around == 1)
        own_redis.kill9()
        await eventually(lambda: (relay.fault() or "").startswith("redis: "))
        began = time.monotonic()
        for offset in range(1, 5_001):
            relay.ring(committed(CITY, offset))
        assert time.monotonic() - began < 0.5, "a commit never waits for Redis"
        streams.on_disk[CITY] = 5_000
        own_redis.start()
        await works(relay)
        await eventually(lambda: streams.looks_around == 2 and streams.known[CITY] == 5_000)
        assert relay.tally.reconnects == 1
        relay.ring(committed(CITY, 5_001))
        streams.on_disk[CITY] = 5_001
        await eventually(lambda: streams.known[CITY] == 5_001)


async def test_a_frozen_redis_is_noticed_and_holds_up_nobody(own_redis: Redis):
    streams = Streams()
    async with running(own_redis.url, streams) as relay:
        await works(relay)
        own_redis.freeze()
        try:
            relay.ring(committed(CITY, 1))
            await eventually(lambda: relay.fault() is not None, within=5)
        finally:
            own_redis.thaw()
        await works(relay)
        streams.on_disk[CITY] = 2
        relay.ring(committed(CITY, 2))
        await eventually(lambda: streams.known[CITY] == 2)


async def test_an_emptied_redis_changes_nothing(own_redis: Redis):
    streams = Streams()
    async with running(own_redis.url, streams) as relay:
        await works(relay)
        async with redis.asyncio.Redis.from_url(own_redis.url) as hand:
            await hand.flushall()
        streams.on_disk[CITY] = 1
        relay.ring(committed(CITY, 1))
        await eventually(lambda: streams.known[CITY] == 1)
        assert relay.fault() is None


async def test_without_any_redis_it_says_so_and_goes_on_trying(own_redis: Redis):
    own_redis.stop()
    async with running(own_redis.url) as relay:
        await eventually(lambda: "redis: " in (relay.fault() or ""))
        own_redis.start()
        await works(relay)


# --- who listens ------------------------------------------------------------------------------------------

TREE = UnitTree(
    [
        Unit(CITY, "秦皇岛市", "Qinhuangdao", Rank.CITY, None),
        Unit(LULONG, "卢龙县", "Lulong County", Rank.COUNTY, CITY),
        Unit(QINGLONG, "青龙满族自治县", "Qinglong County", Rank.COUNTY, CITY),
    ]
)


@dataclass
class Seated:
    """A listener, as far as presence tells of it."""

    person: Principal
    screen: str | None
    since: datetime


@dataclass
class Room:
    """People with a token each, and a clock."""

    people: People
    tokens: dict[str, str]
    at: datetime = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def seated(self, name: str, screen: str | None = "desk") -> Seated:
        principal = self.people.principal_for_token(self.tokens[name])
        assert principal is not None
        return Seated(principal, screen, self.at)

    def presence(self, relay: Relay | None, *seated: Seated) -> Presence:
        return Presence(self.people._database, TREE, self.now, lambda: seated, relay)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    database = Database.in_folder(tmp_path)
    migrate(database)
    people = People(database, TREE.__contains__, lambda: room.at, passwords=CountingPasswords())
    room = Room(people, {})
    for name, unit in (("Wu", CITY), ("李值班", LULONG), ("Qin", QINGLONG)):
        people.add(name, "duty_officer", unit, "a beacon on every tower")
        room.tokens[name] = people.add_token(name)
    yield room
    database.close()


def names(told: dict[str, Any]) -> list[str]:
    return [f"{one['name']}@{one['screen']}" for one in told["listeners"]]


@asynccontextmanager
async def telling(*all_of_them: Presence) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in all_of_them]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_desk_of_one_process_knows_who_listens_and_a_county_only_of_itself(room: Room):
    alone = room.presence(None, room.seated("Wu"), room.seated("李值班"), room.seated("李值班", "wall"))
    city = await alone.of(CITY)
    assert city["known"] is True
    assert names(city) == ["Wu@desk", "李值班@desk", "李值班@wall"]
    assert names(await alone.of(LULONG)) == ["李值班@desk", "李值班@wall"]
    assert names(await alone.of(QINGLONG)) == []
    assert names(await alone.of(CITY, LULONG)) == ["李值班@desk", "李值班@wall"]
    assert city["listeners"][0] == {
        "unit": CITY, "name": "Wu", "post": "duty_officer", "kind": "token", "screen": "desk",
        "since": "2026-11-23T08:00:00.000Z", "sockets": 1,
    }  # fmt: skip


async def test_processes_tell_each_other_who_listens_and_no_name_stands_in_redis(
    room: Room, own_redis: Redis
):
    async with running(own_redis.url) as a, running(own_redis.url) as b:
        first = room.presence(a, room.seated("Wu"), room.seated("Wu"))
        second = room.presence(b, room.seated("李值班"), room.seated("Wu"))
        async with telling(first, second):
            await eventually(lambda: _has_told(own_redis, 1))
            room.at += timedelta(seconds=60)
            await eventually(lambda: _known(first, ["Wu@desk", "李值班@desk"]))
            told = await second.of(CITY)
            assert [one["sockets"] for one in told["listeners"]] == [3, 1], "two here, one there, one person"
            async with redis.asyncio.Redis.from_url(own_redis.url) as hand:
                keys = await hand.keys("*:here:*")
                kept = b"".join(
                    [await hand.get(key) or b"" for key in keys if await hand.type(key) == b"string"]
                )
                assert room.seated("Wu").person.session_id.encode() in kept
                assert "李值班".encode() not in kept
                assert b"Wu" not in kept
                assert b"1303" not in kept
                left = [await hand.ttl(key) for key in keys]
                assert all(0 < seconds <= 60 for seconds in left), "whatever is not refreshed vanishes"


async def _known(presence: Presence, expected: list[str]) -> bool:
    told = await presence.of(CITY)
    return told["known"] and names(told) == expected


async def test_who_listens_elsewhere_is_unknown_without_redis_and_until_all_have_spoken_again(
    room: Room, own_redis: Redis
):
    async with running(own_redis.url) as relay:
        here = room.presence(relay, room.seated("Wu"))
        async with telling(here):
            await eventually(lambda: _has_told(own_redis, 1))
            assert (await here.of(CITY))["known"] is False, "others may not have spoken yet"
            room.at += timedelta(seconds=SETTLED_S)
            await eventually(lambda: _known(here, ["Wu@desk"]))
            own_redis.kill9()
            await eventually(lambda: _unknown(here))
            assert names(await here.of(CITY)) == ["Wu@desk"], "its own it knows"
            own_redis.start()
            await eventually(lambda: _has_told(own_redis, 1))
            assert (await here.of(CITY))["known"] is False
            room.at += timedelta(seconds=SETTLED_S)
            await eventually(lambda: _known(here, ["Wu@desk"]))
    assert GONE_S >= 2 * SETTLED_S


async def _unknown(presence: Presence) -> bool:
    return (await presence.of(CITY))["known"] is False


async def _has_told(server: Redis, processes: int) -> bool:
    async with redis.asyncio.Redis.from_url(server.url) as hand:
        with contextlib.suppress(redis.exceptions.RedisError):
            return len(await hand.keys("*:here:since")) == processes
    return False


async def test_a_forged_presence_invents_nobody_and_moves_nobody(room: Room, own_redis: Redis):
    qin = room.seated("Qin").person.session_id
    async with running(own_redis.url) as relay:
        here = room.presence(relay, room.seated("Wu"))
        async with redis.asyncio.Redis.from_url(own_redis.url) as forger:
            lies = (
                f'[["{qin}","desk",1.0,1],["nobody","desk",1.0,1],["{qin}","wall",1e300,1],[1,2],7,'
                f'["{qin}",3,1.0,1],["{qin}","field",1.0,-5]]'
            )
            await forger.sadd(f"{relay.prefix}:here:all", "forged", "broken", "missing")
            await forger.set(f"{relay.prefix}:here:forged", lies)
            await forger.set(f"{relay.prefix}:here:broken", b"\xff not JSON")
            await forger.set(f"{relay.prefix}:here:since", "0")
        assert names(await here.of(CITY)) == ["Wu@desk", "Qin@desk"]
        assert names(await here.of(LULONG)) == [], "a county never sees another county's"
        assert names(await here.of(QINGLONG)) == ["Qin@desk"]


# --- settings ---------------------------------------------------------------------------------------------


def test_a_desk_that_shares_its_database_looks_for_news_within_a_second():
    assert Settings(database_url="postgresql://db/fenghuo").look_s < 1
    assert Settings(data=Path("x")).look_s > Settings(database_url="postgresql://db/fenghuo").look_s


def test_a_trusted_proxy_is_an_address_or_a_network():
    assert network("127.0.0.1") == "127.0.0.1"
    assert network("10.0.0.0/24") == "10.0.0.0/24"
    for wrong in ("*", "proxy.example", "10.0.0.1/24", ""):
        with pytest.raises(ValueError, match="not an address or network"):
            network(wrong)
