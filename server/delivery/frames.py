"""What goes over a socket, as bytes made once and shared by every listener."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

TEXT_FRAME = 0x81  # FIN and the text opcode of RFC 6455, 5.2; a server never masks


def text_frame(payload: bytes) -> bytes:
    """One whole text message in a websocket frame, ready for the transport."""
    size = len(payload)
    if size < 126:
        return bytes((TEXT_FRAME, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def payload_of(frame: bytes) -> bytes:
    """The message inside a frame made by `text_frame`."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


def entry_frame(offset: int, body: bytes) -> bytes:
    """An entry as its stream carries it. The stored bytes are passed on, never encoded again."""
    return text_frame(b'{"type":"entry","offset":%d,' % offset + body[1:])


class Ring:
    """The last entries of one stream as ready frames, without a hole.

    Bounded by count and by bytes: who needs more than it holds reads the log.
    """

    def __init__(self, most_frames: int, most_bytes: int) -> None:
        self._most_frames = most_frames
        self._most_bytes = most_bytes
        self._frames: list[bytes] = []
        self._size = 0
        self._before = 0

    def restart(self, before: int) -> None:
        """Forget everything; the next frame is that of offset `before` + 1."""
        self._frames.clear()
        self._size = 0
        self._before = before

    def append(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._size += len(frame)
        # A tenth over the limit before trimming, so that the list is not moved at every entry.
        if len(self._frames) > self._most_frames * 1.1 or self._size > self._most_bytes * 1.1:
            self._trim()

    def _trim(self) -> None:
        drop = max(0, len(self._frames) - self._most_frames)
        self._size -= sum(map(len, self._frames[:drop]))
        while self._size > self._most_bytes:
            self._size -= len(self._frames[drop])
            drop += 1
        del self._frames[:drop]
        self._before += drop

    def after(self, offset: int, *, most_frames: int, most_bytes: int) -> list[bytes] | None:
        """What follows `offset`, as much as the limits allow and at least one; None if it is not all here."""
        start = offset - self._before
        if start < 0:
            return None
        return fitting(self._frames[start : start + most_frames], most_bytes)

    def __len__(self) -> int:
        return len(self._frames)


def fitting(frames: Sequence[bytes], most_bytes: int) -> list[bytes]:
    """The first of the frames that fit into so many bytes, and at least one if there is one."""
    size = 0
    for count, frame in enumerate(frames):
        size += len(frame)
        if size > most_bytes and count:
            return list(frames[:count])
    return list(frames)


class Watcher(Protocol):
    """Who is told how a connection is doing."""

    def paused(self) -> None:
        """The other side reads more slowly than we write: write nothing until `resumed`."""

    def resumed(self) -> None: ...

    def lost(self) -> None:
        """Closing or closed: nothing written from now on arrives."""


class Ears(Protocol):
    """Who is told what the other side says, when no endpoint waits for it."""

    def heard(self, text: str | None) -> None:
        """One whole text message; None for a binary one."""

    def gone(self) -> None:
        """Closing or closed: nothing is heard from now on. Said once."""


class Wire(Protocol):
    """The little that the hub needs of a connection. `server.delivery.wire.HubProtocol` is one."""

    @property
    def is_paused(self) -> bool: ...

    @property
    def write(self) -> Frames: ...

    def watch(self, watcher: Watcher | None) -> None: ...

    def adopt(self, ears: Ears) -> None:
        """Messages go to `ears` from now on, and the endpoint returns: a task for each would be heavy."""

    def buffered(self) -> int:
        """Bytes written that the other machine has not acknowledged, in our memory or the kernel's."""

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye with a code; cut the connection if that is not answered soon."""

    def abort(self) -> None: ...


class Frames(Protocol):
    """Takes one frame, or several joined into one write."""

    def __call__(self, frames: bytes, /) -> None: ...
