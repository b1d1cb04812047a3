"""How many come in at once, how many may stand at the door, and what becomes of an endpoint then."""

from __future__ import annotations

import asyncio
import json
import weakref

import pytest

from server.delivery import door as door_module
from server.delivery.door import handshakes_waiting
from server.delivery.turnstile import AT_A_TIME, Doorstep, Turnstile
from server.delivery.wire import HubProtocol
from tests.listening import Counter, MemoryLog, Room, masked, messages, serving, turn
from tests.waiting import eventually


class Ticking:
    """A loop whose time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.later: list[tuple[float, object]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, wait: float, call: object) -> None:
        self.later.append((self.now + wait, call))

    def pass_by(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [one for one in self.later if one[0] <= until]:
            first = min(due, key=lambda one: one[0])
            self.later.remove(first)
            self.now = max(self.now, first[0])
            first[1]()  # type: ignore[operator]
        self.now = until


def turnstile(loop: Ticking, **limits: float) -> Turnstile:
    return Turnstile(loop, **limits)  # type: ignore[arg-type]


def test_a_few_come_in_at_once_and_the_rest_in_their_turn_and_order():
    loop, came = Ticking(), []
    door = turnstile(loop, per_s=100, at_once=5)
    for number in range(55):
        assert door.admit(lambda number=number: came.append(number)) == 0
    assert came == [0, 1, 2, 3, 4]
    assert len(door) == 50
    loop.pass_by(0.1)
    assert 13 <= len(came) <= 15, "ten more in a tenth of a second"
    loop.pass_by(0.5)
    assert came == list(range(55))
    assert not door._is_turning, "nothing ticks when nobody waits"


def test_a_loop_that_was_busy_lets_in_a_few_and_not_all_that_were_due_meanwhile():
    loop, came = Ticking(), []
    door = turnstile(loop, per_s=100, at_once=20)
    for number in range(60):
        door.admit(lambda number=number: came.append(number))
    loop.now += 1.0  # a hundred turns were earned, and nothing ran
    before = len(came)
    loop.pass_by(0)
    assert len(came) == before + AT_A_TIME


def test_who_would_wait_too_long_is_sent_away_each_to_return_at_a_time_of_its_own():
    loop = Ticking()
    door = turnstile(loop, per_s=100, at_once=1, most_waiting=1000)
    for _ in range(1001):
        assert door.admit(lambda: None) == 0
    waits = {door.admit(lambda: None) for _ in range(200)}
    assert len(door) == 1000
    assert min(waits) >= 1
    assert max(waits) <= 21
    assert len(waits) > 10, "with jitter"


def test_one_whose_entering_fails_holds_up_nobody():
    loop, came = Ticking(), []
    door = turnstile(loop, per_s=100, at_once=1)

    def fail() -> None:
        raise OSError("gone")

    door.admit(lambda: None)
    door.admit(fail)
    door.admit(lambda: came.append(1))
    with pytest.raises(OSError, match="gone"):
        loop.pass_by(0.011)
    loop.pass_by(0.1)
    assert came == [1]


class Mute:
    def __init__(self) -> None:
        self.is_gone = False

    def give_way(self) -> None:
        self.is_gone = True


def test_of_too_many_silent_ones_at_one_address_the_oldest_makes_room():
    step = Doorstep(most=3)
    mutes, other = [Mute() for _ in range(5)], Mute()
    step.add("10.0.0.9", other)
    for mute in mutes[:3]:
        step.add("10.0.0.1", mute)
    step.discard("10.0.0.1", mutes[0])  # it has spoken
    for mute in mutes[3:]:
        step.add("10.0.0.1", mute)
    assert [mute.is_gone for mute in mutes] == [False, True, False, False, False]
    assert not other.is_gone
    for mute in (*mutes, *mutes):
        step.discard("10.0.0.1", mute)
    assert list(step._by_address) == ["10.0.0.9"], "an address with nobody is forgotten"


async def test_silent_connections_beyond_the_limit_end_and_who_asks_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door_module, "Doorstep", lambda: Doorstep(most=20))
    async with serving(loop_turns=False) as room:
        listening = await room.client()
        await eventually(lambda: listening.heard)
        asking = await room.raw()
        silent = [await room.raw() for _ in range(15)]
        for _ in range(30):
            await asking.send(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await asking.receive()).startswith(b"HTTP/1.1 200")
            silent.append(await room.raw())
        await eventually(lambda: len(room.server.server_state.connections) <= 22)
        assert await silent[0].receive(within=5) == b""
        room.publish()
        await eventually(lambda: listening.last == 1)
        await listening.leave()


async def test_a_storm_is_let_in_at_its_pace_and_misses_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door_module, "Turnstile", lambda loop: Turnstile(loop, per_s=200, at_once=10))
    async with serving(MemoryLog(5), loop_turns=False) as room:
        loop = asyncio.get_running_loop()
        began = loop.time()
        crowd = [await Counter.connect(room.port, f"P{n % 20}", epoch="e1", after=2) for n in range(150)]
        await eventually(lambda: handshakes_waiting() > 0)
        await eventually(lambda: all(one.offsets == [3, 4, 5] for one in crowd))
        assert loop.time() - began >= 140 / 200 * 0.9
        assert not handshakes_waiting()
        assert not any(one.is_gone for one in crowd)
        for one in crowd:
            one.transport.close()


async def test_a_full_door_says_when_to_return(monkeypatch: pytest.MonkeyPatch):
    full = {"per_s": 0.5, "at_once": 1, "most_waiting": 1}
    monkeypatch.setattr(door_module, "Turnstile", lambda loop: Turnstile(loop, **full))
    async with serving(loop_turns=False) as room:
        assert b" 101 " in await (await room.raw()).upgrade()
        waiting, late = await room.raw(), await room.raw()
        turning = asyncio.create_task(waiting.upgrade())
        await eventually(lambda: handshakes_waiting() == 1)
        answer = await late.upgrade()
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"\r\nretry-after: " in answer
        turning.cancel()


async def test_a_server_that_stops_does_not_wait_for_those_at_its_door(monkeypatch: pytest.MonkeyPatch):
    slow = {"per_s": 0.1, "at_once": 1}
    monkeypatch.setattr(door_module, "Turnstile", lambda loop: Turnstile(loop, **slow))
    async with serving(loop_turns=False) as room:
        await (await room.raw()).upgrade()
        waiting = await room.raw()
        coming = asyncio.create_task(waiting.upgrade())
        await eventually(lambda: handshakes_waiting() == 1)
        room.server.should_exit = True
        assert await coming == b""
        await eventually(lambda: not room.server.server_state.connections, within=4)


@pytest.fixture
async def listening_room():
    async with serving(MemoryLog(3)) as room:
        yield room


async def test_an_endpoint_returns_and_what_only_the_handshake_needed_is_let_go(listening_room: Room):
    room = listening_room
    client = await room.client()
    (listener,) = await eventually(lambda: room.hub.listeners())
    wire = listener.wire
    assert isinstance(wire, HubProtocol)
    await eventually(lambda: not room.server.server_state.tasks)
    for name in ("scope", "request", "response"):
        assert not hasattr(wire, name)
    room.publish()
    await eventually(lambda: client.last == 4)
    await client.say({"type": "anything"})
    await eventually(lambda: client.of("error"))
    gone = weakref.ref(wire)
    del wire, listener
    await client.leave()
    await eventually(lambda: not room.hub.listeners() and not room.hub._sockets)
    await eventually(lambda: gone() is None or not room.server.server_state.connections)


async def test_a_hello_that_came_before_the_answer_to_the_handshake_is_heard(listening_room: Room):
    """A client need not wait for the 101 before it speaks."""
    room = listening_room
    first = await room.client()  # now the stream is known, and a welcome comes at once
    await eventually(lambda: first.heard)
    raw = await room.raw()
    conversation = []
    handed_on = HubProtocol.adopt

    def adopt(wire: HubProtocol, ears: object) -> None:
        for said in (json.dumps({"type": "hello"}), "no json"):
            wire.queue.put_nowait({"type": "websocket.receive", "text": said})
        conversation.append(ears)
        handed_on(wire, ears)  # type: ignore[arg-type]

    HubProtocol.adopt = adopt  # type: ignore[method-assign]
    try:
        answer = await raw.upgrade()
        said = answer.partition(b"\r\n\r\n")[2] + await raw.receive_all(within=5)
    finally:
        HubProtocol.adopt = handed_on  # type: ignore[method-assign]
    told, code = messages(said)
    assert told[0]["type"] == "welcome"
    assert code == 1007
    assert conversation
    await first.leave()
    await eventually(lambda: not room.hub.listeners() and not room.hub._sockets)


async def test_who_is_gone_before_the_endpoint_hands_it_on_is_counted_out(listening_room: Room):
    room = listening_room
    handed_on = HubProtocol.adopt

    def adopt(wire: HubProtocol, ears: object) -> None:
        wire.transport.abort()
        handed_on(wire, ears)  # type: ignore[arg-type]

    HubProtocol.adopt = adopt  # type: ignore[method-assign]
    try:
        raw = await room.raw()
        await raw.upgrade()
        await eventually(lambda: not room.server.server_state.connections)
    finally:
        HubProtocol.adopt = handed_on  # type: ignore[method-assign]
    await turn(5)
    assert not room.hub._sockets
    assert not room.hub.listeners()


async def test_an_unmasked_frame_after_the_hello_is_a_broken_protocol_as_before(listening_room: Room):
    raw = await listening_room.raw()
    await raw.listen()
    await eventually(lambda: listening_room.hub.listeners())
    await raw.send(masked(b"ping me", opcode=9))
    await raw.send(b"\x81\x01x")
    told, code = messages(await raw.receive_all(within=5))
    assert code == 1002
    assert told[0]["type"] == "welcome"
