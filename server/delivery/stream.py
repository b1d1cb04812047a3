"""One stream in memory: its head, its last entries, and how each of its listeners gets them.

A listener is *level* when it has been sent all there is: a new entry, framed once, is written straight to its
transport. One whose connection does not take more is *behind*: it leaves the level ones with its cursor, is
served from the ring or the log at its own pace, and comes back when nothing is left to send. The cursor alone
decides what a listener gets next, so no path can lose or repeat an entry.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from server.delivery.frames import Ring, Wire, entry_frame, fitting
from server.durations import Durations

log = logging.getLogger("fenghuo.hub")
T = TypeVar("T")

SHORTEST_REST_S = 0.0005  # timers of the event loop count milliseconds

# Close codes of contract 5.
SESSION_ENDED, RIGHT_CHANGED, TOO_SLOW, LIMIT_PASSED, EPOCH_CHANGED, DRAINING = (
    4001,
    4003,
    4008,
    4009,
    4010,
    4012,
)


class Log(Protocol):
    """The entries on disk. Called in a worker thread."""

    def epoch(self) -> str: ...
    def head(self, stream: str) -> int: ...
    def heads(self, streams: Sequence[str]) -> tuple[str, dict[str, int]]: ...
    def after(self, stream: str, offset: int, limit: int) -> list[tuple[int, bytes]]: ...


class Person(Protocol):
    """Who listens, as far as a socket must be found again when a right ends."""

    @property
    def person_id(self) -> str: ...
    @property
    def credential_id(self) -> str: ...
    @property
    def kind(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Figures of contract 5 where it names them; the rest keeps memory and the event loop in bounds."""

    replay: int = 1_000  # entries; who is further behind reads the state again
    ring_frames: int = 1_024  # covers a whole replay
    ring_bytes: int = 4 * 1024 * 1024  # per stream that somebody listens to
    chunk_frames: int = 256  # of one write, and of one page of the log
    chunk_bytes: int = 64 * 1024
    page_bytes: int = 512 * 1024
    waiting_frames: int = 256  # for one who does not read
    waiting_bytes: int = 1024 * 1024
    waiting_s: float = 2.0  # that much may wait for a moment, as after a burst
    send_s: float = 10.0  # from our writing to the other machine's having it
    beat_s: float = 4.0
    sweep_s: float = 1.0
    look_s: float = 2.0  # an entry written by another process is noticed after so long
    blind_s: float = 5.0  # the log could not be read for so long: nobody is told that the picture is current
    rest_s: float = 0.020  # at most, after a pass that carried several entries: three times what it took
    slice: int = 500  # writes, about 5 ms, before others get their turn
    idle_stream_s: float = 300.0  # a stream nobody listens to is kept for those who come back
    sockets_per_person: int = 20
    sockets_per_token: int = 2_000  # a machine: it has no screens, it relays


@dataclass(slots=True)
class Tally:
    """What happened so far, for /metrics."""

    frames: int = 0
    bytes: int = 0
    log_pages: int = 0
    lag: Durations = field(default_factory=Durations)  # from an entry's coming to its last level listener
    resumes: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)  # ended by us, by code


class Reader:
    """The log, read in threads of the hub's own: password checks must not keep a replay waiting."""

    def __init__(self, log: Log, limits: Limits, tally: Tally) -> None:
        self._log = log
        self._limits = limits
        self._tally = tally
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="hub")
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Run a blocking call in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it in the background and report it if it fails."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("background work of the hub failed", exc_info=failure)

    def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def after(self, stream: str, offset: int) -> list[tuple[int, bytes]]:
        return await self.run(self._log.after, stream, offset, self._limits.chunk_frames)

    async def page(self, stream: str, after: int) -> list[bytes]:
        """The next frames after an offset: some, and without a hole."""
        return await self.run(self._page, stream, after)

    def _page(self, stream: str, after: int) -> list[bytes]:
        rows = self._log.after(stream, after, self._limits.chunk_frames)
        if not rows or any(offset != after + place for place, (offset, _) in enumerate(rows, start=1)):
            raise LookupError(f"stream {stream} does not go on after {after}: {[row[0] for row in rows[:3]]}")
        self._tally.log_pages += 1
        return fitting([entry_frame(offset, body) for offset, body in rows], self._limits.page_bytes)

    async def tail(self, stream: str) -> tuple[str, int, list[tuple[int, bytes]]]:
        """Epoch, head, and as many of the last entries as a replay may ask for."""
        return await self.run(self._tail, stream)

    def _tail(self, stream: str) -> tuple[str, int, list[tuple[int, bytes]]]:
        epoch, head = self._log.epoch(), self._log.head(stream)
        first = max(0, head - self._limits.replay)
        rows: list[tuple[int, bytes]] = []
        while page := self._log.after(stream, first + len(rows), self._limits.chunk_frames):
            rows += page
        return epoch, rows[-1][0] if rows else head, rows

    async def heads(self, streams: Sequence[str]) -> tuple[str, dict[str, int]]:
        """The epoch, and how far these streams have come: all of one moment."""
        return await self.run(self._log.heads, streams)


class Listener:
    """One connection and how far it has got."""

    __slots__ = (
        "arrived", "cursor", "is_busy", "is_closed", "is_level", "is_welcome", "lang", "mark", "marked_at",
        "on_closed", "page", "paused_at", "person", "restricted", "screen", "sent", "shown", "since",
        "start", "stream", "tally", "was_level", "wire", "write",
    )  # fmt: skip

    def __init__(
        self,
        wire: Wire,
        stream: Stream,
        person: Person,
        tally: Tally,
        on_closed: Callable[[Listener], None],
        since: datetime,
    ) -> None:
        self.wire = wire
        self.write = wire.write
        self.stream = stream
        self.person = person
        self.tally = tally
        self.on_closed = on_closed
        self.since = since
        self.screen: str | None = None
        self.lang = "zh"
        self.restricted = False
        self.cursor = 0  # offset of the last entry handed to the transport
        self.start = 0  # the cursor it came with: what its page already showed
        self.shown: int | None = None  # version of the picture it has; None before the first
        self.is_welcome = False
        self.is_level = False
        self.was_level = False
        self.is_busy = False  # a page of the log is on its way to it
        self.is_closed = False
        self.page: list[bytes] = []  # read from the log, not yet written
        self.sent = self.arrived = 0  # bytes written, bytes the other machine was seen to have
        self.mark = 0  # bytes written by `marked_at`, which must all arrive in time
        self.marked_at = self.paused_at = asyncio.get_running_loop().time()

    def send(self, frames: bytes) -> None:
        self.sent += len(frames)
        self.write(frames)

    def paused(self) -> None:
        self.paused_at = asyncio.get_running_loop().time()
        self.is_level = False
        self.stream.level.pop(self, None)

    def resumed(self) -> None:
        self.stream.advance(self)

    def lost(self) -> None:
        """Send it nothing any more."""
        if not self.is_closed:
            self.is_closed = True
            self.is_level = False
            self.page = []
            self.wire.watch(None)
            self.stream.level.pop(self, None)
            self.stream.listeners.discard(self)
            self.stream.left_at = asyncio.get_running_loop().time()
            self.on_closed(self)

    def close(self, code: int, reason: str = "") -> None:
        """End it with a code of contract 5. What it was already sent still arrives if it reads on."""
        if not self.is_closed:
            self.tally.closes[code] += 1
            self.lost()
            self.wire.close(code, reason)


class Stream:
    """One stream that somebody listens to."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        reader: Reader,
        tally: Tally,
        *,
        on_news: Callable[[Stream], None],
        on_level: Callable[[Listener], None],
    ) -> None:
        self.name = name
        self.head = 0
        self.epoch: str | None = None
        self.is_loaded = False
        self.listeners: set[Listener] = set()
        self.level: dict[Listener, None] = {}
        self.is_due = False  # in the hub's queue of streams to be fanned out
        self.left_at = 0.0  # when the last listener left
        self._limits = limits
        self._reader = reader
        self._tally = tally
        self._on_news = on_news
        self._on_level = on_level
        self._ring = Ring(limits.ring_frames, limits.ring_bytes)
        self._fanned = 0  # who is level has everything up to here, but for the pass under way
        self._passing: Pass | None = None
        self._rests_until = 0.0
        self._news_at: float | None = None  # since when something waits for a pass
        self._early: list[tuple[int, bytes]] = []  # published while the head was being read
        self._looking: asyncio.Task[None] | None = None
        self.loading = reader.spawn(self._load())

    # In

    def take(self, offset: int, body: bytes) -> None:
        """One entry that is on disk. What is already here is ignored; a hole is read from the log."""
        if not self.is_loaded:
            self._early.append((offset, body))
        elif offset == self.head + 1:
            self._ring.append(entry_frame(offset, body))
            self.head = offset
            if self._news_at is None:
                self._news_at = time.monotonic()
            self._on_news(self)
        elif offset > self.head:
            self.look()

    async def _load(self) -> None:
        """Read where the stream stands and its last entries, then take what was published meanwhile."""
        epoch, self.head, rows = await self._reader.tail(self.name)
        self.epoch = epoch
        self._fanned = self.head
        self._ring.restart(self.head - len(rows))
        for offset, body in rows:
            self._ring.append(entry_frame(offset, body))
        self.is_loaded = True
        early, self._early = self._early, []
        for offset, body in early:
            self.take(offset, body)

    def look(self) -> asyncio.Task[None]:
        """Read what is on disk beyond the head as we know it. Looking too often does no harm."""
        if self._looking is None:
            self._looking = self._reader.spawn(self._read_beyond())
        return self._looking

    async def _read_beyond(self) -> None:
        try:
            while rows := await self._reader.after(self.name, self.head):
                before = self.head
                for offset, body in rows:
                    if offset <= self.head + 1:
                        self.take(offset, body)
                if self.head == before and rows[0][0] > before:
                    raise LookupError(f"stream {self.name} has a hole on disk after {before}")
        finally:
            self._looking = None

    # Out: to those who are level

    def fan_out(self, most: int) -> int:
        """Write the next slice, to so many listeners at most. 0 when everybody has everything."""
        if self._passing is None and not self._begin_pass():
            return 0
        this = self._passing
        assert this is not None
        listeners = this.listeners[this.at : this.at + most]
        this.at += len(listeners)
        before, to, frames, size, count = this.before, this.to, this.frames, len(this.frames), 0
        for listener in listeners:
            if not listener.is_level:
                continue
            if listener.cursor == before:
                # The cursor first: the write may take the listener out of the level ones.
                listener.cursor = to
                listener.sent += size
                write = listener.write  # by name first: Python reads a slot more quickly than a method
                write(frames)
                count += 1
            elif listener.cursor < to:  # came level when some of these were published, but not all
                self._fall_behind([listener])
        self._tally.frames += (to - before) * count
        self._tally.bytes += size * count
        if this.at >= len(this.listeners):
            self._passing = None
            now = time.monotonic()
            self._tally.lag.observe(now - this.began)
            if this.to - this.before > 1:
                self._rests_until = now + min(self._limits.rest_s, 3 * (now - this.started))
        return max(1, len(listeners))

    def rest(self) -> float:
        """Seconds until the next pass may begin: 0 but for a moment after one that carried several entries.

        Then more are on their way, and each system call that they share is one less for every listener; and
        most of the time is left for answers, however many listen. A lone entry never waits.
        """
        if self._passing is not None or not self._rests_until:
            return 0.0
        left = self._rests_until - time.monotonic()
        self._rests_until = 0.0
        return left if left > SHORTEST_REST_S else 0.0

    def _begin_pass(self) -> bool:
        """Take what was published since the last pass, as one write."""
        if self._fanned == self.head:
            return False
        began, self._news_at = self._news_at or time.monotonic(), None
        chunk = self.recent(self._fanned)
        if chunk is None or not self.level:
            self._fanned = self.head
            # More came at once than the ring holds: each reads the log.
            self._fall_behind([listener for listener in self.level if listener.cursor < self.head])
            return False
        self._passing = Pass(self._fanned, chunk, list(self.level), began)
        self._fanned = self._passing.to
        return True

    def _fall_behind(self, listeners: Sequence[Listener]) -> None:
        for listener in listeners:
            listener.is_level = False
            del self.level[listener]
        for listener in listeners:
            self.advance(listener)

    # Out: to those who are behind

    def advance(self, listener: Listener) -> None:
        """Send what comes next to one who is behind; make it level once nothing does."""
        while listener.is_welcome and not (
            listener.is_level or listener.wire.is_paused or listener.is_busy or listener.is_closed
        ):
            if listener.cursor >= self.head:
                listener.is_level = listener.was_level = True
                self.level[listener] = None
                self._on_level(listener)
                return
            frames: list[bytes] | None
            if listener.page:
                frames = fitting(listener.page, self._limits.chunk_bytes)
                del listener.page[: len(frames)]
            else:
                frames = self.recent(listener.cursor)
            if frames is None:
                listener.is_busy = True
                self._reader.spawn(self._read_page(listener))
                return
            listener.cursor += len(frames)
            joined = b"".join(frames)
            self._tally.frames += len(frames)
            self._tally.bytes += len(joined)
            listener.send(joined)

    async def _read_page(self, listener: Listener) -> None:
        try:
            listener.page = await self._reader.page(self.name, listener.cursor)
        except Exception:
            log.exception("the log could not be read for a listener; it is asked to come back")
            listener.close(DRAINING, "come back")
            return
        listener.is_busy = False
        self.advance(listener)

    def recent(self, after: int) -> list[bytes] | None:
        """The next frames after an offset, as many as one write takes; None if they are no longer here."""
        return self._ring.after(
            after, most_frames=self._limits.chunk_frames, most_bytes=self._limits.chunk_bytes
        )

    async def frames_after(self, offset: int) -> list[bytes]:
        """Some frames after an offset below the head, from here or from the log."""
        return self.recent(offset) or await self._reader.page(self.name, offset)

    def has_too_much_waiting(self, listener: Listener) -> bool:
        """Whether more waits for it than may. A first replay does not count: it waits in the log anyway."""
        count = self.head - listener.cursor
        if not listener.was_level or count <= 0:
            return False
        most = self._limits.waiting_bytes
        frames = self._ring.after(listener.cursor, most_frames=count, most_bytes=most)
        return count > self._limits.waiting_frames or frames is None or len(frames) < count


class Pass:
    """One write for every level listener, in slices."""

    __slots__ = ("at", "before", "began", "frames", "listeners", "started", "to")

    def __init__(self, before: int, chunk: Sequence[bytes], listeners: list[Listener], began: float) -> None:
        self.before = before
        self.to = before + len(chunk)
        self.frames = b"".join(chunk)
        self.listeners = listeners
        self.began = began
        self.started = time.monotonic()
        self.at = 0
