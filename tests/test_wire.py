"""Frames by the book, connections that can be cut, and nobody who holds one open by being slow."""

from __future__ import annotations

import asyncio
import inspect
import logging
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from server.delivery import door as door_module
from server.delivery import wire as wire_module
from server.delivery.door import GuardedHttp
from server.delivery.frames import Ring, entry_frame, fitting, payload_of, text_frame
from server.delivery.wire import HubProtocol, uvicorn_options
from tests.listening import MemoryLog, Room, masked, messages, pass_time, serving, turn
from tests.waiting import eventually


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with serving(MemoryLog(5)) as room:
        yield room


async def wire_under(room: Room) -> HubProtocol:
    listener = (await eventually(lambda: room.hub.listeners()))[0]
    assert isinstance(listener.wire, HubProtocol)
    return listener.wire


# --- uvicorn ----------------------------------------------------------------------------------------------
def test_uvicorn_is_the_one_whose_insides_the_wire_was_written_for():
    """If this fails: read its two protocol classes against server/delivery/{wire,door}.py, then pin anew."""
    assert uvicorn.__version__.startswith("0.54."), (
        f"delivery/wire.py and door.py lean on the insides of uvicorn 0.54, this is {uvicorn.__version__}: "
        "compare websockets_sansio_impl.py and httptools_impl.py with what HubProtocol and GuardedHttp change"
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "kept"),
    [
        (
            HubProtocol,
            WebSocketsSansIOProtocol,
            "connection_made connection_lost pause_writing resume_writing shutdown handle_connect "
            "handle_close data_received handle_parser_exception send_receive_event_to_app handle_text "
            "handle_bytes handle_cont handle_ping handle_pong run_asgi",
        ),
        (
            GuardedHttp,
            HttpToolsProtocol,
            "connection_made connection_lost data_received on_headers_complete on_body on_message_complete "
            "on_response_complete handle_websocket_upgrade pause_writing resume_writing",
        ),
    ],
)
def test_every_method_that_the_wire_extends_is_still_there(ours: type, theirs: type, kept: str):
    for name in kept.split():
        assert name in vars(ours), f"{ours.__name__} no longer extends {name}: take it off this list"
        assert callable(getattr(theirs, name, None)), f"uvicorn's {theirs.__name__} has lost {name}"
        assert list(inspect.signature(getattr(ours, name)).parameters) == list(
            inspect.signature(getattr(theirs, name)).parameters
        ), name


def test_the_endings_that_the_wire_relies_on_read_as_they_did():
    """Where behaviour and not a name is leaned on: the lines themselves."""
    end = inspect.getsource(WebSocketsSansIOProtocol.run_asgi)
    assert "if self.close_timer is None:\n            self.transport.close()" in end, (
        "goodbyes would be cut short"
    )
    closing = inspect.getsource(WebSocketsSansIOProtocol.handle_close)
    assert "if self.close_sent:" in closing
    lost = inspect.getsource(WebSocketsSansIOProtocol.connection_lost)
    assert "self.close_timer.cancel()" in lost
    assert "self.disconnected = True" in lost


# --- frames -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_is_the_one_that_the_library_would_make(size: int):
    payload = b"\xe7\x83\xbd" * (size // 3) + b"x" * (size % 3)
    frame = text_frame(payload)
    assert frame == Frame(1, payload).serialize(mask=False)
    assert payload_of(frame) == payload
    reader = StreamReader()
    reader.feed_data(frame)
    parsing = Frame.parse(reader.read_exact, mask=False, max_size=None)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)
    assert parsed.value.value.data == payload


def test_an_entry_frame_passes_the_stored_bytes_on():
    assert payload_of(entry_frame(12, b'{"by":"Wu"}')) == b'{"type":"entry","offset":12,"by":"Wu"}'


def test_the_ring_keeps_the_last_frames_within_count_and_bytes():
    ring = Ring(most_frames=100, most_bytes=10_000)
    ring.restart(40)
    assert ring.after(40, most_frames=9, most_bytes=9) == []
    for n in range(41, 1041):
        ring.append(b"%4d" % n)
        assert len(ring) <= 111
    assert ring.after(1039, most_frames=9, most_bytes=9) == [b"1040"]
    assert ring.after(1030, most_frames=3, most_bytes=900) == [b"1031", b"1032", b"1033"]
    assert ring.after(1030, most_frames=3, most_bytes=8) == [b"1031", b"1032"]
    assert ring.after(1030, most_frames=3, most_bytes=1) == [b"1031"], "one at least, however large"
    assert ring.after(900, most_frames=3, most_bytes=900) is None
    for n in range(1041, 1061):
        ring.append(b"x" * 2000)
        assert ring.after(n, most_frames=5, most_bytes=1) == []
    assert 4 <= len(ring) <= 6
    assert ring.after(1059, most_frames=5, most_bytes=1) == [b"x" * 2000]
    assert fitting([], 5) == []


# --- sockets ----------------------------------------------------------------------------------------------
async def test_a_connection_is_set_up_to_be_noticed_and_cut(room: Room):
    client = await room.client()
    wire = await wire_under(room)
    sock = wire.transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 65_536
    assert 256 * 1024 <= sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 512 * 1024
    assert wire.transport.get_write_buffer_limits()[1] == 65_536
    await client.leave()


async def test_deflate_is_refused_whoever_asks_for_it(room: Room):
    raw = await room.raw()
    answer = await raw.upgrade(extra="Sec-WebSocket-Extensions: permessage-deflate\r\n")
    assert b" 101 " in answer
    assert b"permessage-deflate" not in answer
    raw.close()


def test_options_for_uvicorn_name_both_classes_and_a_limit_for_stopping():
    options = uvicorn_options()
    assert (options["ws"], options["http"]) == (HubProtocol, GuardedHttp)
    assert options["timeout_graceful_shutdown"] <= 10
    assert not options["ws_per_message_deflate"]


async def test_bad_utf8_is_1007_and_no_line_in_the_log(room: Room, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    for frames in (
        masked(b"\xff\xfe{}"),
        masked(b'{"a": "\xe7', is_last=False) + masked(b'\x83"}', opcode=0),
    ):
        raw = await room.raw()
        await raw.upgrade()
        await raw.send(frames)
        assert messages(await raw.receive_all()) == ([], 1007)
        raw.close()
    assert caplog.text == ""


async def test_a_character_may_be_split_between_two_fragments(room: Room):
    raw = await room.raw()
    await raw.upgrade()
    hello = '{"type": "烽火"}'.encode()
    await raw.send(masked(hello[:11], is_last=False) + masked(hello[11:], opcode=0))
    told, code = messages(await raw.receive())
    assert told[0]["type"] == "error"
    assert code is None
    raw.close()


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (masked(b"x" * 65_537), 1009),
        (masked(b"x" * 65_000, is_last=False) + masked(b"x" * 600, opcode=0), 1009),
        (masked(b"x" * 50_000_000), 1009),
        (b"\x81\x01x", 1002),  # not masked
        (masked(b"x" * 126, opcode=9), 1002),
        (masked(b"", opcode=3), 1002),
    ],
    ids=["a little", "in pieces", "by far", "unmasked", "long ping", "unknown opcode"],
)
async def test_a_client_that_breaks_the_protocol_reads_why(room: Room, frames: bytes, code: int):
    raw = await room.raw()
    await raw.upgrade()
    sending = asyncio.create_task(raw.send(frames))
    assert messages(await raw.receive_all(within=5)) == ([], code)
    sending.cancel()
    await eventually(lambda: not room.server.server_state.connections)
    raw.close()


async def test_a_ping_is_answered_and_a_flood_of_frames_of_any_kind_is_not(room: Room):
    raw = await room.raw()
    await raw.upgrade()
    await raw.send(masked(b"ours", opcode=9))
    assert await raw.receive() == b"\x8a\x04ours"
    raw.close()
    empty_fragments = masked(b"[", is_last=False) + masked(b"", opcode=0, is_last=False) * 100
    for flood in (masked(b"", opcode=9) * 100, masked(b"", opcode=10) * 100, empty_fragments):
        raw = await room.raw()
        await raw.upgrade()
        await raw.send(flood)
        said = await raw.receive_all()
        assert (4009).to_bytes(2, "big") + b"more than 20" in said
        raw.close()


async def test_who_does_not_read_gets_no_pongs_either(room: Room):
    raw = await room.raw(receive_buffer=4096)
    await raw.listen()
    wire = await wire_under(room)
    room.log.size = 4000
    room.publish(100)
    await eventually(lambda: wire.is_paused)
    before = wire.transport.get_write_buffer_size()
    await raw.send(masked(b"x" * 100, opcode=9) * 20)
    await raw.send(masked(b"{}"))
    await turn(50)
    after = wire.transport.get_write_buffer_size()
    assert after <= before
    assert wire.buffered() > after, "what the kernel holds counts too"
    raw.close()


async def test_a_goodbye_is_followed_by_nothing_and_cut_if_not_answered(room: Room):
    raw = await room.raw()
    await raw.listen()
    wire = await wire_under(room)
    wire.close(4003, "right or post changed")
    wire.close(4001, "only the first counts")
    wire.write(text_frame(b"{}"))
    room.publish(5)
    said = await raw.receive_all(within=5)
    assert messages(said)[1] == 4003
    assert said.endswith((4003).to_bytes(2, "big") + b"right or post changed")
    await eventually(lambda: not room.server.server_state.connections)
    assert not room.hub.listeners()
    raw.close()


async def test_abort_resets_at_once(room: Room):
    client = await room.client()
    wire = await wire_under(room)
    wire.abort()
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(client.socket.wait_closed(), 2) or await client.socket.send("x")
    await eventually(lambda: not room.hub.listeners())


async def test_a_peer_that_says_goodbye_and_reads_nothing_is_cut(room: Room):
    raw = await room.raw(receive_buffer=4096)
    await raw.listen()
    wire = await wire_under(room)
    room.log.size = 4000
    room.publish(200)
    await eventually(lambda: wire.is_paused)
    await raw.send(masked(b"\x03\xe8", opcode=8))
    await eventually(lambda: not room.hub.listeners() and not room.server.server_state.connections, within=3)
    raw.close()


async def test_a_handshake_that_only_the_first_parser_likes_is_answered(room: Room):
    raw = await room.raw()
    answer = await raw.upgrade(extra=f"Cookie: {'x' * 20_000}\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert await raw.receive() == b""
    raw.close()


async def test_a_server_that_stops_asks_its_listeners_to_come_back():
    async with serving() as room:
        good = await room.client()
        frozen = await room.raw(receive_buffer=4096)
        await frozen.listen()
        await eventually(lambda: len(room.hub.listeners()) == 2)
        room.log.size = 4000
        room.publish(100)
        await eventually(lambda: good.last == 100)
        room.server.should_exit = True
        await eventually(lambda: good.close_code == 4012)
        # A frozen client does not hold up the stopping.
        await eventually(lambda: not room.server.server_state.connections, within=3)
        frozen.close()


def test_the_library_still_has_the_states_we_ask_for():
    conn = ServerProtocol(max_size=65_536)
    assert conn.max_message_size == 65_536
    assert conn.state.name == "CONNECTING"
    assert conn.close_sent is None


# --- HTTP -------------------------------------------------------------------------------------------------
@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    assert door_module.HEADER_S == door_module.BODY_WINDOW_S == 10
    monkeypatch.setattr(door_module, "HEADER_S", 0.3)
    monkeypatch.setattr(door_module, "BODY_WINDOW_S", 0.3)
    monkeypatch.setattr(wire_module, "IDLE_S", 1)


async def drip(raw: object, piece: bytes, every: float) -> None:
    while True:
        await raw.send(piece)  # type: ignore[attr-defined]
        await pass_time(every)


GET = b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("first", "piece", "answer"),
    [
        (b"", b"", b""),
        (b"GET /echo HTT", b"", b"HTTP/1.1 408"),
        (b"GET /echo HTTP/1.1\r\n", b"X-A: b\r\n", b"HTTP/1.1 408"),
        (b"\r\n", b"\r\n", b"HTTP/1.1 408"),
        (GET, b"\r\n", b"HTTP/1.1 200"),
        (GET, b"", b"HTTP/1.1 200"),
        (GET + b"GET /e", b"", b"HTTP/1.1 200"),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n", b"x", b""),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n", b"", b""),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", b""),
    ],
    ids=[
        "says nothing", "half a line", "a header now and then", "empty lines", "empty lines afterwards",
        "nothing afterwards", "half a second request", "a byte now and then", "no body", "tiny chunks",
    ],
)  # fmt: skip
async def test_a_client_that_takes_its_time_is_cut_off(first: bytes, piece: bytes, answer: bytes):
    async with serving(loop_turns=False) as room:
        raw = await room.raw()
        await raw.send(first)
        dripping = asyncio.create_task(drip(raw, piece, 0.05)) if piece else None
        said = await raw.receive_all(within=4)
        assert said.startswith(answer)
        assert answer or not said
        await eventually(lambda: not room.server.server_state.connections)
        if dripping:
            dripping.cancel()
            await asyncio.wait([dripping])
        raw.close()


async def test_a_client_on_a_thin_line_is_served_however_long_it_takes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door_module, "HEADER_S", 1.0)
    monkeypatch.setattr(door_module, "BODY_WINDOW_S", 1.0)
    async with serving(loop_turns=False) as room:
        raw = await room.raw()
        await raw.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n")
        for _ in range(20):
            await raw.send(b"x" * 1500)
            await pass_time(0.1)
        assert (await raw.receive()).endswith(b"30000")
        for _ in range(3):  # and goes on asking on the same connection
            await pass_time(0.15)
            await raw.send(GET)
            assert (await raw.receive()).endswith(b"\r\n\r\n0")
        raw.close()


async def test_a_header_without_end_is_too_large(room: Room):
    raw = await room.raw()
    await raw.send(b"GET /echo HTTP/1.1\r\n" + b"X-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n" * 2500)
    assert (await raw.receive()).startswith(b"HTTP/1.1 431")
    raw.close()


async def test_an_answer_that_nobody_reads_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door_module, "UNREAD_ANSWER_S", 0.3)
    async with serving(loop_turns=False) as room:
        raw = await room.raw(receive_buffer=4096)
        await raw.send(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: room.server.server_state.connections)
        await eventually(lambda: not room.server.server_state.connections)
        raw.close()


async def test_three_hundred_that_hold_half_a_header_do_not_keep_others_out():
    async with serving() as room:
        lurkers = [await room.raw() for _ in range(300)]
        for lurker in lurkers:
            await lurker.send(b"GET /echo HTTP/1.1\r\nX-")
        client = await room.client()
        await eventually(lambda: client.heard, within=2)
        room.publish()
        await eventually(lambda: client.last == 1, within=1)
        await client.leave()
        for lurker in lurkers:
            lurker.close()
