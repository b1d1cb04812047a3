"""Many listeners in one thread, over bare sockets: cheap enough to have thousands beside the server.

An `Ear` proves to itself that it missed nothing: each offset is the last + 1. What is heard on one stream is
kept once and must be the same bytes for everybody. Nothing happens but in `poll`, so the caller decides when
to write, when to drop somebody and when to look.
"""

from __future__ import annotations

import json
import os
import random
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

ENTRY = b'{"type":"entry","offset":'
CHUNK = 262_144
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0  # contract 5: doubling, with full jitter
STALE_S = 15.0  # contract 5: who has had nothing for so long veils itself, and comes again
_LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass
class Heard:
    """What was said on one stream, whoever of its ears heard it first."""

    entries: list[bytes] = field(default_factory=list)  # whole messages; the n-th has offset n
    others: list[bytes] = field(default_factory=list)  # welcomes, errors, and beats with a new head
    heads: set[int] = field(default_factory=set)  # that beats and welcomes told
    first_at: list[float] = field(default_factory=list)  # when the first ear had the n-th entry


class Ear:
    """One listener. `last` is the offset it has; all it ever did wrong stands in the swarm's `faults`."""

    __slots__ = (
        "buffer", "due", "epoch", "failures", "follows", "group", "heard_at", "is_frozen", "is_open", "last",
        "lost_at", "opened_at", "receive_buffer", "resumes", "socket", "stream", "token", "welcomes",
    )  # fmt: skip

    def __init__(self, group: str, token: str, stream: str | None, follows: bool) -> None:
        self.group, self.token, self.stream, self.follows = group, token, stream, follows
        self.socket: socket.socket | None = None
        self.buffer = b""
        self.last: int | None = None if follows else 0
        self.epoch: str | None = None
        self.is_open = self.is_frozen = False
        self.resumes: list[str] = []
        self.welcomes = self.failures = 0
        self.receive_buffer: int | None = None  # of the kernel, in bytes; small for who will freeze
        self.opened_at = self.heard_at = 0.0
        self.lost_at: float | None = None  # since when it is without its stream
        self.due = 0  # the head that it was told when it came back


class Swarm:
    """The ears of one server. `on_entry(group, offset, message, at)` is told what nobody had heard before.

    `refetch(ear, after, head)` reads the log for an ear that is told to `refresh`, and gives the messages.
    """

    def __init__(
        self,
        port: int,
        *,
        keeps: bool = True,
        refetch: Callable[[Ear, int, int], Iterable[bytes]] | None = None,
        host: str = "127.0.0.1",
        patience: bool = False,
        forgets: bool = False,
    ) -> None:
        """`patience`: who lost its line waits as the contract wants, with full jitter. `forgets`, for
        controls: who comes back does not say how far it had got."""
        self.port = port
        self.host = host
        self.keeps = keeps
        self.patience, self.forgets = patience, forgets
        self.back_s: list[float] = []  # from each loss of a line until everything missed was there
        self.attempts: list[float] = []  # when each connection was tried
        self.codes: Counter[int] = Counter()  # close codes heard
        self.ears: list[Ear] = []
        self.heard: dict[str, Heard] = {}
        self.faults: list[str] = []
        self.frames = self.repeats = self.closed_by_server = self.reconnects = 0
        self.on_frame: Callable[[Ear, int, bytes, int, float], None] | None = None
        self._refetch = refetch
        self._epoll = select.epoll()
        self._by_fd: dict[int, Ear] = {}
        self._late: list[tuple[float, Ear]] = []
        self.veiled = 0  # how often somebody heard nothing for too long
        self._looked_at = time.monotonic()
        self._chance = random.Random(1)

    # --- coming and going -------------------------------------------------------------------------------

    def add(
        self,
        group: str,
        token: str,
        *,
        stream: str | None = None,
        follows: bool = False,
        receive_buffer: int | None = None,
    ) -> Ear:
        """One more, which listens from the beginning of its stream, or only from now on (`follows`)."""
        ear = Ear(group, token, stream, follows)
        ear.receive_buffer = receive_buffer
        self.ears.append(ear)
        self.heard.setdefault(group, Heard())
        self._connect(ear)
        return ear

    def _connect(self, ear: Ear) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if ear.receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ear.receive_buffer)
        request = (
            f"GET /api/v1/live HTTP/1.1\r\nHost: {self.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Authorization: Bearer {ear.token}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: fenghuo.v1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self.attempts.append(time.monotonic())
        try:
            sock.connect((self.host, self.port))
            sock.sendall(request.encode())
        except OSError:
            sock.close()
            self._come_back(ear, 0.1)
            return
        sock.setblocking(False)
        ear.socket, ear.buffer, ear.is_open = sock, b"", False
        ear.opened_at = ear.heard_at = time.monotonic()
        self._by_fd[sock.fileno()] = ear
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _come_back(self, ear: Ear, at_least: float) -> None:
        """Try again: soon, or with patience."""
        if self.patience:
            most = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**ear.failures)
            ear.failures += 1
            at_least = self._chance.uniform(0, most)
        if at_least:
            self._late.append((time.monotonic() + at_least, ear))
        else:
            self._connect(ear)

    def _part(self, ear: Ear) -> None:
        if ear.socket is not None:
            self._epoll.unregister(ear.socket.fileno())
            del self._by_fd[ear.socket.fileno()]
            ear.socket.close()
            ear.socket, ear.buffer, ear.is_frozen = None, b"", False

    def drop(self, ear: Ear, how: str = "reset") -> None:
        """Cut the line. Whatever the kernel holds of it is lost; the ear comes back with what it has."""
        if ear.socket is None:
            return
        if how == "reset":
            ear.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        elif how == "goodbye":
            ear.socket.sendall(_masked(struct.pack("!H", 1001), opcode=8))
        self._part(ear)
        self.reconnects += 1
        self._connect(ear)

    def freeze(self, ear: Ear) -> None:
        """Stop reading. The server may end the connection; `thaw` brings the ear back."""
        if ear.socket is not None and not ear.is_frozen:
            ear.is_frozen = True
            self._epoll.modify(ear.socket.fileno(), 0)

    def thaw(self, ear: Ear) -> None:
        if ear.socket is not None and ear.is_frozen:
            ear.is_frozen, ear.heard_at = False, time.monotonic()
            self._epoll.modify(ear.socket.fileno(), select.EPOLLIN)

    def close(self) -> None:
        for ear in self.ears:
            self._part(ear)
        self._epoll.close()

    # --- hearing ----------------------------------------------------------------------------------------

    def poll(self, timeout: float = 0.01) -> int:
        """Read what is there; how many connections had something."""
        now = time.monotonic()
        if self._late:
            due = [ear for at, ear in self._late if at <= now]
            self._late = [(at, ear) for at, ear in self._late if at > now]
            for ear in due:
                self._connect(ear)
        if now - self._looked_at > 1.0:
            self._looked_at = now
            self._look_for_the_stale(now)
        events = self._epoll.poll(timeout)
        for fd, _what in events:
            found = self._by_fd.get(fd)
            if found is not None and found.socket is not None and not found.is_frozen:
                self._read(found, found.socket)
        return len(events)

    def _look_for_the_stale(self, now: float) -> None:
        for ear in self.ears:
            if ear.socket is not None and not ear.is_frozen and now - ear.heard_at > STALE_S:
                self.veiled += 1
                self._lost(ear)

    def _read(self, ear: Ear, sock: socket.socket) -> None:
        try:
            data = sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost(ear)
            return
        at = ear.heard_at = time.monotonic()
        buffer = ear.buffer + data if ear.buffer else data
        if not ear.is_open:
            head, end, rest = buffer.partition(b"\r\n\r\n")
            if not end:
                ear.buffer = buffer
                return
            if b" 503 " in head[:20]:  # its database is away: it knows nobody, and says so
                self._part(ear)
                self._come_back(ear, 0.5)
                return
            if b" 101 " not in head[:20]:
                self.faults.append(f"{ear.group}: not let in: {head[:80]!r}")
                self._part(ear)
                return
            ear.is_open, buffer = True, rest
            after = None if self.forgets and ear.welcomes else ear.last
            hello: dict[str, object] = {"type": "hello", "epoch": ear.epoch, "after": after}
            if ear.stream is not None:
                hello["stream"] = ear.stream
            try:
                sock.sendall(_masked(json.dumps(hello).encode()))
            except OSError:  # it died between its answer and our hello
                self._lost(ear)
                return
        ear.buffer = self._frames_of(ear, buffer, at)

    def _frames_of(self, ear: Ear, buffer: bytes, at: float) -> bytes:
        """Take the whole frames off the front; what is left of the last one."""
        place, end = 0, len(buffer)
        while end >= place + 2:
            size, start = buffer[place + 1], place + 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                if end < start + wide:
                    break
                size, start = int.from_bytes(buffer[start : start + wide], "big"), start + wide
            if end < start + size:
                break
            if buffer.startswith(ENTRY, start):
                self._entry(ear, buffer, start, size, at)
            elif buffer[place] & 15 == 8:
                self.codes[int.from_bytes(buffer[start : start + 2], "big")] += 1
                self._lost(ear)
                return b""
            elif buffer[place] & 15 == 9 and ear.socket is not None:
                with suppress(OSError):
                    ear.socket.sendall(_masked(buffer[start : start + size], opcode=10))
            else:
                self._other(ear, buffer[start : start + size])
            place = start + size
        return buffer[place:]

    def _entry(self, ear: Ear, buffer: bytes, start: int, size: int, at: float) -> None:
        first = start + len(ENTRY)
        offset = int(buffer[first : buffer.index(b",", first)])
        self.frames += 1
        if ear.last is not None:
            if offset <= ear.last:
                self.repeats += 1
                return
            if offset != ear.last + 1:
                self.faults.append(f"{ear.group}: after {ear.last} came {offset}")
        ear.last = offset
        if ear.lost_at is not None and offset >= ear.due:
            self._is_back(ear, at)
        if self.on_frame is not None:
            self.on_frame(ear, offset, buffer, start, at)
        if self.keeps:
            self._compare(ear, offset, buffer[start : start + size], at)

    def _compare(self, ear: Ear, offset: int, message: bytes, at: float) -> None:
        entries = self.heard[ear.group].entries
        if offset == len(entries) + 1:
            entries.append(message)
            self.heard[ear.group].first_at.append(at)
        elif offset > len(entries):
            self.faults.append(f"{ear.group}: {offset} came before {len(entries) + 1}")
        elif entries[offset - 1] != message:
            self.faults.append(f"{ear.group}: {offset} is not the same for everybody")

    def _other(self, ear: Ear, message: bytes) -> None:
        told = json.loads(message)
        heard = self.heard[ear.group]
        head = told.get("head")
        if head is not None and head not in heard.heads:
            heard.heads.add(head)
            heard.others.append(message)
        elif head is None:
            heard.others.append(message)
        if told["type"] != "welcome":
            return
        ear.welcomes += 1
        ear.epoch = told["epoch"]
        ear.resumes.append(told["resume"])
        ear.failures, ear.due = 0, head
        if ear.last is None:
            ear.last = head
        elif told["resume"] == "refresh" and head > ear.last:
            if self._refetch is None:
                self.faults.append(f"{ear.group}: sent to read the state again at {ear.last} of {head}")
            else:
                for message in self._refetch(ear, ear.last, head):
                    self._entry(ear, message, 0, len(message), time.monotonic())
        elif told["resume"] == "nothing" and head != ear.last:
            self.faults.append(f"{ear.group}: told to have missed nothing at {ear.last} of {head}")
        if ear.lost_at is not None and ear.last >= head:
            self._is_back(ear, time.monotonic())

    def _is_back(self, ear: Ear, at: float) -> None:
        assert ear.lost_at is not None
        self.back_s.append(at - ear.lost_at)
        ear.lost_at = None

    def _lost(self, ear: Ear) -> None:
        """The server ended it: come back, with what it has."""
        self.closed_by_server += 1
        if ear.lost_at is None and ear.welcomes:
            ear.lost_at = time.monotonic()
        self._part(ear)
        self._come_back(ear, 0.0)

    def behind(self, heads: dict[str, int]) -> list[Ear]:
        """The ears that lack something of their stream up to these heads."""
        return [ear for ear in self.ears if ear.last is None or ear.last < heads[ear.group]]


def _masked(payload: bytes, opcode: int = 1) -> bytes:
    key = os.urandom(4)
    repeated = key * (len(payload) // 4 + 1)
    size = len(payload)
    head = (
        bytes((0x80 | opcode, 0x80 | size)) if size < 126 else struct.pack("!BBH", 0x80 | opcode, 254, size)
    )
    return head + key + bytes(a ^ b for a, b in zip(payload, repeated, strict=False))
