"""The socket's manners: who may listen, what a hello is, how each misunderstanding ends."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from server.api.live import HELLO_S, RIGHTS_S, watch_rights
from server.people.accounts import Principal
from tests.listening import CITY, EPOCH, MemoryLog, Room, messages, serving
from tests.waiting import eventually


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with serving(MemoryLog(5)) as room:
        yield room


@pytest.fixture(scope="module")
async def open_house() -> AsyncIterator[Room]:
    """For tests that leave nothing behind; nothing is published here."""
    async with serving(MemoryLog(5)) as room:
        yield room


async def test_the_subprotocol_is_chosen_where_it_is_offered(room: Room):
    for offered in (["fenghuo.v1"], ["other", "fenghuo.v1"]):
        async with connect(room.url, subprotocols=offered) as socket:
            assert socket.subprotocol == "fenghuo.v1"
    async with connect(room.url) as socket:
        assert socket.subprotocol is None
    with pytest.raises(InvalidStatus) as refused:
        await connect(room.url, subprotocols=["fenghuo.v2"])
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body)["type"] == "unknown-subprotocol"


async def test_who_says_no_hello_is_sent_away():
    assert HELLO_S == 5
    async with serving(hello_s=1.0) as room:
        silent = await room.silent_client()
        chatty = await room.silent_client("Li")
        await chatty.say({"type": "helo"})
        good = await room.client("Zhao")
        await eventually(lambda: silent.close_code == 4009 and chatty.close_code == 4009)
        assert chatty.of("error")
        room.publish()
        await eventually(lambda: good.last == 1)
        assert good.close_code is None
        await good.leave()


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"type": "hello", "folow": 1}, "folow"),
        ({"type": "hello", "command": {}}, "command"),
        ({"type": "open-incident"}, "hello"),
        ({"hello": 1}, "hello"),
        ([], "hello"),
        ("hello", "hello"),
        (None, "hello"),
        (7, "hello"),
        ({"type": "hello", "epoch": 7}, "epoch"),
        ({"type": "hello", "after": "7", "epoch": EPOCH}, "after"),
        ({"type": "hello", "after": -1, "epoch": EPOCH}, "after"),
        ({"type": "hello", "after": 1.5, "epoch": EPOCH}, "after"),
        ({"type": "hello", "after": True, "epoch": EPOCH}, "after"),
        ({"type": "hello", "after": 10**30, "epoch": EPOCH}, "after"),
        ({"type": "hello", "screen": "kitchen"}, "screen"),
        ({"type": "hello", "screen": ["desk"]}, "screen"),
        ({"type": "hello", "screen": {}}, "screen"),
        ({"type": "hello", "lang": "fr"}, "lang"),
        ({"type": "hello", "lang": []}, "lang"),
        ({"type": "hello", "stream": "130324"}, "stream"),
        ({"type": "hello", "stream": []}, "stream"),
    ],
)
async def test_what_is_no_hello_is_answered_by_name_and_may_be_said_again(
    open_house: Room, said: Any, named: str
):
    client = await open_house.silent_client()
    await client.say(json.dumps(said))
    (error,) = await eventually(lambda: client.of("error"))
    assert named in error["detail"]
    await client.hello(epoch=EPOCH, after=2)
    await eventually(lambda: client.last == 5)
    await client.leave()


async def test_after_the_hello_a_socket_only_listens(room: Room):
    client = await room.client()
    await eventually(lambda: client.heard)
    await client.say({"type": "hello"})
    await client.say({"type": "open-incident", "title": "x"})
    await eventually(lambda: len(client.of("error")) == 2)
    room.publish()
    await eventually(lambda: client.last == 6)
    assert client.offsets == [6]
    await client.leave()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no json", 1007),
        ("", 1007),
        ("[" * 60_000, 1007),
        ('{"type": "hello", "after": NaN}', 1007),
        (b"\x00\x01", 1007),
        ("x" * 65_537, 1009),
        ("火" * 21_846, 1009),
    ],
    ids=["text", "empty", "deep", "NaN", "binary", "64 KiB and one", "many characters"],
)
@pytest.mark.parametrize("is_late", [False, True], ids=["instead of hello", "later"])
async def test_what_is_no_json_or_too_large_closes_with_its_code(
    open_house: Room, said: str | bytes, code: int, is_late: bool, caplog: pytest.LogCaptureFixture
):
    room = open_house
    caplog.set_level(logging.WARNING)
    client = await (room.client() if is_late else room.silent_client())
    await client.say(said)
    await eventually(lambda: client.close_code == code)
    await eventually(lambda: not room.hub.listeners() and not room.server.server_state.connections)
    assert caplog.text == ""


async def test_a_message_of_exactly_64_kib_is_not_too_large(room: Room):
    client = await room.silent_client()
    await client.say(json.dumps({"type": "x" * (65_536 - 12)}))
    await eventually(lambda: client.of("error"))
    assert client.close_code is None
    await client.leave()


@pytest.mark.parametrize(
    ("post", "may"),
    [
        ("duty_officer", True),
        ("duty_leader", True),
        ("auditor", True),
        ("liaison", False),
        ("field_commander", False),
        ("leadership", False),
        ("admin", False),
    ],
)
async def test_only_some_posts_hear_the_restricted_stream(room: Room, post: str, may: bool):
    client = await room.silent_client(query=f"&post={post}")
    await client.hello(stream="restricted")
    await eventually(lambda: client.heard)
    if may:
        assert client.welcome["stream"] == f"{CITY}:r"
        room.publish(1, f"{CITY}:r")
        room.publish(1)
        await eventually(lambda: client.last == 1)
        assert client.offsets == [1]
    else:
        assert client.heard[0]["type"] == "error"
        assert not room.hub.listeners()
    await client.leave()


async def test_a_screen_speaks_the_language_of_its_person(room: Room):
    english = await room.silent_client("Smith", "&lang=en")
    await english.hello(screen="desk")
    switched = await room.silent_client("Wu", "&lang=en")
    await switched.hello(screen="desk", lang="zh")
    await eventually(lambda: english.heard and switched.heard)
    said = {each.person.person_id: (each.screen, each.lang) for each in room.hub.listeners()}
    assert said == {"Smith": ("desk", "en"), "Wu": ("desk", "zh")}
    await english.leave()
    await switched.leave()


async def test_who_talks_too_much_is_sent_away(room: Room):
    client = await room.client()
    await eventually(lambda: client.heard)
    for _ in range(30):
        await client.say({"type": "chatter"})
    await eventually(lambda: len(client.of("error")) == 30)
    for _ in range(60):
        await client.say({"type": "chatter"})
    await eventually(lambda: client.close_code == 4009)


async def test_a_right_that_is_withdrawn_ends_its_sockets_and_no_others(room: Room):
    standing: dict[str, int | None] = {}
    asked: list[list[str]] = []

    def standing_of(people: Sequence[Principal]) -> dict[str, int | None]:
        asked.append([person.credential_id for person in people])
        return {person.credential_id: standing.get(person.credential_id) for person in people}

    assert RIGHTS_S <= 1
    watching = asyncio.create_task(watch_rights(room.hub, standing_of, every_s=0.05))
    clients = {who: await room.client(who) for who in ("Wu", "Li", "Zhao")}
    twin = await room.client("Li")
    await eventually(lambda: asked and sorted(asked[-1]) == ["Li@1", "Wu@1", "Zhao@1"])
    standing |= {"Wu@1": 4001, "Li@1": 4003}
    await eventually(lambda: clients["Wu"].close_code == 4001)
    await eventually(lambda: clients["Li"].close_code == twin.close_code == 4003)
    room.publish()
    await eventually(lambda: clients["Zhao"].last == 6)
    assert clients["Zhao"].close_code is None
    assert not clients["Wu"].offsets + clients["Li"].offsets
    watching.cancel()
    await clients["Zhao"].leave()


async def test_a_frozen_client_hears_nothing_after_its_right_has_ended(room: Room):
    """Its goodbye waits behind what it had been sent; nothing published later may."""
    frozen = await room.raw(receive_buffer=4096)
    await frozen.listen("Wu")
    (listener,) = await eventually(lambda: room.hub.listeners())
    room.log.size = 4000
    room.publish(100)
    await eventually(lambda: listener.wire.is_paused)
    listener.close(4003, "right or post changed")
    room.publish(100)
    told, code = messages(await frozen.receive_all())
    assert code == 4003
    assert max(each.get("offset", 0) for each in told) <= 105
    frozen.close()
