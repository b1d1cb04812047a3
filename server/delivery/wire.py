"""Our edge of uvicorn: connections that can be cut, and that nobody can hold open by being slow.

uvicorn 0.54 never drops a client that stops reading (its keepalive waits for the buffer to empty), answers
bad UTF-8 with a traceback in the log, and has no limit on how long a request's header may take. Both classes
here are handed to `uvicorn.Config`; `tests/test_wire.py` holds the list of uvicorn internals they lean on.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from typing import Any, Literal, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol

from server.delivery.frames import Frames, Watcher, Wire, text_frame

__all__ = ["EXTENSION", "GuardedHttp", "HubProtocol", "text_frame", "uvicorn_options", "wire_of"]

EXTENSION = "fenghuo.wire"  # where an endpoint finds its connection, in scope["extensions"]

MAX_MESSAGE_BYTES = 64 * 1024  # contract 5: over it, 1009
SEND_BUFFER_BYTES = 256 * 1024  # in the kernel; left alone it grows to 4 MB and hides a frozen client
UNSENT_BYTES = 64 * 1024  # in the kernel and not even on the way: over it we are told to pause
HIGH_WATER_BYTES = 64 * 1024  # in our own memory, after that
UNACKNOWLEDGED_MS = 10_000  # silence of the other machine's TCP after which ours gives up
CLOSE_GRACE_S = 1.5  # for the answer to a close frame; with 10 s for a send and a look every second: < 15 s
MESSAGES_PER_S, MESSAGE_BURST = 20.0, 40.0

HEADER_S = 10.0  # from the first byte of a request, or from connecting, to the end of its header
HEADER_BYTES = 64 * 1024
BODY_WINDOW_S, BODY_WINDOW_BYTES = 10.0, 1024  # a body comes at this pace at least
UNWANTED_BODY_BYTES = 1024 * 1024
IDLE_S = 15  # between two requests
UNREAD_ANSWER_S = 30.0  # an answer that is not read at all for so long is not wanted


def uvicorn_options() -> dict[str, Any]:
    """What `uvicorn.Config` must be given besides the application, host and port."""
    return {
        "ws": HubProtocol,
        "http": GuardedHttp,
        "ws_max_size": MAX_MESSAGE_BYTES,
        "ws_per_message_deflate": False,
        "ws_ping_interval": None,  # beats keep TCP busy, and TCP notices who is gone
        "timeout_keep_alive": IDLE_S,
        "timeout_graceful_shutdown": 8,
    }


def wire_of(scope: dict[str, Any] | Any) -> Wire | None:
    """The connection under a websocket endpoint; None when the server is not ours (a test client)."""
    return cast("Wire | None", (scope.get("extensions") or {}).get(EXTENSION))


class HubProtocol(WebSocketsSansIOProtocol):
    """One websocket that the hub may write to directly, and end, whatever its endpoint is doing."""

    write: Frames

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # Whatever the configuration says: no deflate (a bomb of 64 KiB unpacks to 64 MB), small messages.
        self.conn = ServerProtocol(extensions=[], max_size=MAX_MESSAGE_BYTES, logger=self.logger)
        self.ping_interval = None
        self.close_timeout = CLOSE_GRACE_S
        self.is_paused = False
        self._watcher: Watcher | None = None
        self._socket: socket.socket | None = None
        self._is_deaf = False
        self._allowance = MESSAGE_BURST
        self._counted_at = self.loop.time()
        self._outgoing = array.array("i", [0])

    # What the hub uses

    def watch(self, watcher: Watcher | None) -> None:
        self._watcher = watcher

    def buffered(self) -> int:
        if self.disconnected or self._socket is None:
            return 0
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, self._outgoing)
        return self.transport.get_write_buffer_size() + self._outgoing[0]

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye. Unlike the endpoint's `websocket.close` this never waits for a full buffer."""
        if self.close_sent or self.disconnected:
            return
        if self.conn.state is not State.OPEN:
            self.transport.close()
            return
        self.conn.send_close(code, reason)
        self._part(code, reason)

    def abort(self) -> None:
        """Reset the connection: what was not read by now is dropped, in the kernel as well."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _part(self, code: int, reason: str) -> None:
        """Write the close frame that `conn` has made, wake the endpoint, and cut if nobody answers."""
        self._tell_lost()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._cut_soon()

    def _cut_soon(self) -> None:
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(CLOSE_GRACE_S, self.abort)

    def _tell_lost(self) -> None:
        self.write = _into_the_void  # after a close frame no other may follow
        if self._watcher is not None:
            watcher, self._watcher = self._watcher, None
            watcher.lost()

    # What asyncio and uvicorn call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.write = self.transport.write
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._socket = tuned(self.transport)
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._tell_lost()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.is_paused = True
        if self._watcher is not None:
            self._watcher.paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.is_paused = False
        if self._watcher is not None:
            self._watcher.resumed()

    def shutdown(self) -> None:
        """The server stops: the client is told to come back (4012), not that the service restarts (1012)."""
        if self.handshake_complete and not self.close_sent:
            self.close(4012, "draining, come back")
        elif not self.close_sent:
            super().shutdown()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            cast("dict[str, Any]", self.scope["extensions"])[EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        super().data_received(data)
        if not self.handshake_initiated:
            # websockets is stricter than httptools about headers, and then silent.
            self.transport.write(bare_answer(b"400 Bad Request"))
            self.transport.close()

    def handle_parser_exception(self) -> None:
        """A broken or too large message: say which, then read on without looking.

        Closing with unread data in the kernel would reset the connection, and the client would
        never see the code.
        """
        self._is_deaf = True
        sent = self.conn.close_sent
        self._part(sent.code if sent else 1002, sent.reason if sent else "")
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.close(1007, "text is UTF-8")
                return
        super().send_receive_event_to_app()

    def _may_come_in(self) -> bool:
        """Count a frame of any kind; too many too quickly end the connection."""
        if self.close_sent:
            return False
        now = self.loop.time()
        earned = (now - self._counted_at) * MESSAGES_PER_S
        self._counted_at = now
        self._allowance = min(MESSAGE_BURST, self._allowance + earned) - 1
        if self._allowance < 0:
            self.close(4009, "more than 20 messages a second")
            return False
        return True

    def handle_text(self, event: Frame) -> None:
        if self._may_come_in():
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        if self._may_come_in():
            super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        if self._may_come_in():
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if not self._may_come_in() or self.is_paused:
            self.conn.data_to_send()  # who does not read gets no pong: it would only pile up
            return
        super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._may_come_in():
            super().handle_pong(event)

    def handle_close(self, event: Frame) -> None:
        self._tell_lost()
        super().handle_close(event)
        if self.transport.is_closing() and not self.disconnected:
            self._cut_soon()


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
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._phase: Literal["idle", "header", "body"] = "idle"
        self._header_bytes = 0
        self._body_bytes = 0
        self._unwanted_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tuned(transport)
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
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

    def _refuse(self, status: bytes) -> None:
        if status:
            self.transport.write(bare_answer(status))
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
        self._body_bytes = self._unwanted_bytes = 0
        self._wait(BODY_WINDOW_S)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)
        if self.cycle is not None and self.cycle.response_complete:
            # Refused before it was all here: read on a little, so that the refusal is seen.
            self._unwanted_bytes += len(body)
            if self._unwanted_bytes > UNWANTED_BODY_BYTES:
                self.transport.close()

    def on_message_complete(self) -> None:
        self._phase = "idle"
        self._wait(None)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._wait(None)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(UNREAD_ANSWER_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None


def _into_the_void(frames: bytes, /) -> None:
    pass


def bare_answer(status: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status


def tuned(transport: asyncio.Transport) -> socket.socket | None:
    """The socket, told to give up on a silent machine and not to hide what is not sent; None if not TCP."""
    sock = cast("socket.socket | None", transport.get_extra_info("socket"))
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return sock
