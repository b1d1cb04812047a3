"""Our edge of uvicorn: websockets that can be written to directly and cut, whatever their endpoints do.

uvicorn 0.54 never drops a client that stops reading (its keepalive waits for the buffer to empty) and answers
bad UTF-8 with a traceback in the log. `HubProtocol` and `door.GuardedHttp` are handed to `uvicorn.Config`;
`tests/test_wire.py` holds the list of uvicorn internals they lean on.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol

from server.delivery.door import IDLE_S, GuardedHttp, bare_answer, tuned
from server.delivery.frames import Ears, Frames, Watcher, Wire, text_frame

__all__ = ["EXTENSION", "HubProtocol", "text_frame", "uvicorn_options", "wire_of"]

EXTENSION = "fenghuo.wire"  # where an endpoint finds its connection, in scope["extensions"]

MAX_MESSAGE_BYTES = 64 * 1024  # contract 5: over it, 1009
SEND_BUFFER_BYTES = 256 * 1024  # in the kernel; left alone it grows to 4 MB and hides a frozen client
HIGH_WATER_BYTES = 64 * 1024  # in our own memory, after that
CLOSE_GRACE_S = 1.5  # for the answer to a close frame; with 10 s for a send and a look every second: < 15 s
MESSAGES_PER_S, MESSAGE_BURST = 20.0, 40.0


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
        if config.ws_per_message_deflate or config.ws_max_size != MAX_MESSAGE_BYTES:
            self.conn = ServerProtocol(extensions=[], max_size=MAX_MESSAGE_BYTES, logger=self.logger)
        self.ping_interval = None
        self.close_timeout = CLOSE_GRACE_S
        self.is_paused = False
        self._watcher: Watcher | None = None
        self._ears: Ears | None = None
        self._socket: socket.socket | None = None
        self._is_deaf = False
        self._allowance = MESSAGE_BURST
        self._counted_at = self.loop.time()
        self._outgoing = array.array("i", [0])

    # What the hub uses

    def watch(self, watcher: Watcher | None) -> None:
        self._watcher = watcher

    def adopt(self, ears: Ears) -> None:
        waiting, self.queue = self.queue, cast("Any", _NOBODY)
        self._ears = ears
        self.read_paused = False
        self.transport.resume_reading()  # does nothing where nothing was paused
        if self.close_sent or self.disconnected or self.transport.is_closing():
            self._tell_lost()
        while self._ears is not None and not waiting.empty():
            message = waiting.get_nowait()
            if message["type"] == "websocket.receive":
                ears.heard(message.get("text"))

    def buffered(self) -> int:
        if self.disconnected or self._socket is None:
            return 0
        try:
            fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, self._outgoing)
        except OSError:
            pass
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
        if self._ears is not None:
            ears, self._ears = self._ears, None
            ears.gone()

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
        text: str | None = None
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                text = b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.close(1007, "text is UTF-8")
                return
        if self._ears is None:
            super().send_receive_event_to_app()
            return
        self.frames = []
        if not self.close_sent:
            self._ears.heard(text)

    async def run_asgi(self) -> None:
        """As uvicorn does it, but an endpoint that has handed the connection on may return."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            self.logger.exception("Exception in ASGI application\n")
            self.send_500_response()
        else:
            if not self.handshake_complete:
                self.logger.error("ASGI callable returned without completing handshake.")
                self.send_500_response()
            if self._ears is not None:
                self._let_go()
                return
        if self.close_timer is None:
            self.transport.close()

    def _let_go(self) -> None:
        """What only the handshake needed: two thirds of the memory of a listener."""
        self.writable = cast("Any", _NOBODY)
        del self.scope, self.request, self.response

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


class _Nobody:
    """Stands where uvicorn tells its endpoint something, when that has returned."""

    def put_nowait(self, _message: object) -> None: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...


_NOBODY = _Nobody()


def _into_the_void(frames: bytes, /) -> None:
    pass
