"""The door: connections before they are websockets, and nobody who holds one open by being slow.

uvicorn 0.54 has no limit on how long a request's header may take, on how slowly a body may come, and on how
many of one address may stand there in silence. `GuardedHttp` is handed to `uvicorn.Config`;
`tests/test_wire.py` holds the list of uvicorn internals that it leans on.
"""

from __future__ import annotations

import asyncio
import socket
import weakref
from typing import Any, Literal, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from server.delivery.turnstile import Doorstep, Turnstile

HEADER_S = 10.0  # from the first byte of a request, or from connecting, to the end of its header
HEADER_BYTES = 64 * 1024
BODY_WINDOW_S, BODY_WINDOW_BYTES = 10.0, 1024  # a body comes at this pace at least
UNWANTED_BODY_BYTES, UNWANTED_BODY_S = 32 * 1024 * 1024, 30.0  # after an early answer: a whole file
IDLE_S = 15  # between two requests
UNREAD_ANSWER_S = 30.0  # an answer that is not read at all for so long is not wanted
UNSENT_BYTES = 64 * 1024  # in the kernel and not even on the way: over it we are told to pause
UNACKNOWLEDGED_MS = 10_000  # silence of the other machine's TCP after which ours gives up


class GuardedHttp(HttpToolsProtocol):
    """HTTP with a limit on every wait: for a header, for a body, for an answer to be read."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._turnstile, self._doorstep = _entrance_of(config, self.loop)
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._phase: Literal["idle", "header", "body"] = "idle"
        self._header_bytes = 0
        self._body_bytes = 0
        self._unwanted_bytes = 0
        self._is_leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tuned(transport)
        self._address = self.client[0] if self.client else ""
        self._doorstep.add(self._address, self)
        self._await_header()

    def give_way(self) -> None:
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._doorstep.discard(self._address, self)
        self._wait(None)
        if self._unread_timer is not None:
            self._unread_timer.cancel()
        super().connection_lost(exc)

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._waited)

    def _await_header(self) -> None:
        self._phase = "header"
        self._header_bytes = 0
        self._wait(HEADER_S)

    def _waited(self) -> None:
        self._timer = None
        if self.cycle is not None and not self.cycle.response_complete and self._phase == "header":
            self._wait(HEADER_S)  # a second request is coming slowly while the first is being answered
        elif self._phase == "header":
            self._refuse(b"408 Request Timeout" if self._header_bytes else b"")
        elif self._body_bytes < BODY_WINDOW_BYTES and not self.flow.read_paused:
            self.transport.abort()
        else:
            self._body_bytes = 0
            self._wait(BODY_WINDOW_S)

    def _refuse(self, status: bytes, more: bytes = b"") -> None:
        if status:
            self.transport.write(bare_answer(status, more))
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._phase == "idle":
            self._await_header()  # here and not in on_message_begin: empty lines begin no message
        if self._phase == "header":
            self._header_bytes += len(data)
        super().data_received(data)
        if self._phase == "header" and self._header_bytes > HEADER_BYTES and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        self._phase = "body"
        self._doorstep.discard(self._address, self)
        self._body_bytes = self._unwanted_bytes = 0
        self._wait(BODY_WINDOW_S)
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.transport = cast(asyncio.Transport, _Polite(self))

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)
        if self.cycle is not None and self.cycle.response_complete:
            self._unwanted_bytes += len(body)
            if self._unwanted_bytes > UNWANTED_BODY_BYTES:
                self.transport.close()

    def on_message_complete(self) -> None:
        self._phase = "idle"
        self._doorstep.add(self._address, self)
        self._wait(None)
        super().on_message_complete()
        if self._is_leaving:
            self.transport.close()

    def leave(self) -> None:
        """Hang up after an answer, but not on somebody who is still speaking.

        Closing with unread bytes in the kernel resets the connection: the refusal may never be seen, and a
        proxy takes this process for dead and puts it aside, although all it did was to refuse a large file.
        """
        if self._phase != "body" or self.transport.is_closing():
            self.transport.close()
        elif not self._is_leaving:
            self._is_leaving = True
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.flow.resume_reading()
            self.loop.call_later(UNWANTED_BODY_S, self.transport.close)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_leaving:
            self._unset_keepalive_if_required()

    def handle_websocket_upgrade(self) -> None:
        """In its turn; until then nothing more is read from it."""
        self._doorstep.discard(self._address, self)
        self._wait(None)
        self.transport.pause_reading()
        if wait := self._turnstile.admit(self._upgrade):
            self._refuse(b"503 Service Unavailable", b"retry-after: %d\r\n" % wait)

    def _upgrade(self) -> None:
        if self.transport.is_closing():
            return
        self.transport.resume_reading()
        super().handle_websocket_upgrade()
        # It knows us and we know it: both would have to wait for the garbage collector.
        self.parser = cast(Any, None)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(UNREAD_ANSWER_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None


class _Polite:
    """What a request's cycle knows of the transport: to write, and to hang up politely."""

    __slots__ = ("_protocol", "is_closing", "write")

    def __init__(self, protocol: GuardedHttp) -> None:
        self._protocol = protocol
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing

    def close(self) -> None:
        self._protocol.leave()


def bare_answer(status: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%bconnection: close\r\ncontent-length: 0\r\n\r\n" % (status, more)


# uvicorn makes a protocol object for each connection, and nothing that they share but its configuration.
_ENTRANCES: weakref.WeakKeyDictionary[Config, tuple[Turnstile, Doorstep]] = weakref.WeakKeyDictionary()


def _entrance_of(config: Config, loop: asyncio.AbstractEventLoop) -> tuple[Turnstile, Doorstep]:
    found = _ENTRANCES.get(config)
    if found is None:
        found = _ENTRANCES[config] = Turnstile(loop), Doorstep()
    return found


def handshakes_waiting() -> int:
    """How many websockets wait to be let in, at all servers of this process."""
    return sum(len(turnstile) for turnstile, _ in _ENTRANCES.values())


def tuned(transport: asyncio.Transport) -> socket.socket | None:
    """The socket, told to give up on a silent machine and not to hide what is not sent; None if not TCP."""
    sock = cast("socket.socket | None", transport.get_extra_info("socket"))
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return sock
