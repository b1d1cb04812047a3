"""The one way out: everybody who listens, and how nobody among them slows the others.

What is on disk comes in through `publish`; `stream` says how each listener gets every entry once and
in order. Here is what concerns all streams: whose turn it is to be written to, how a listener is welcomed,
and what time asks for: beats, the cutting of who does not read, a look for what other processes wrote.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TypeVar

import orjson
import structlog

from server.delivery.fragments import Picture, Render
from server.delivery.frames import Wire, text_frame
from server.delivery.stream import (
    DRAINING,
    EPOCH_CHANGED,
    LIMIT_PASSED,
    RIGHT_CHANGED,
    SESSION_ENDED,
    TOO_SLOW,
    Limits,
    Listener,
    Log,
    Person,
    Reader,
    Stream,
    Tally,
)

__all__ = [
    "DRAINING", "EPOCH_CHANGED", "LIMIT_PASSED", "RIGHT_CHANGED", "SESSION_ENDED", "TOO_SLOW",
    "Clock", "Hub", "Limits", "Listener", "Log", "Person", "Render",
]  # fmt: skip

log = structlog.get_logger()
T = TypeVar("T")
Resume = Literal["nothing", "replay", "refresh"]


class Clock(Protocol):
    def now(self) -> datetime: ...


class Hub:
    """In-process delivery. Everything but the reading of the log and the painting runs in the event loop."""

    def __init__(
        self,
        log: Log,
        *,
        clock: Clock,
        clock_age_ms: Callable[[], int],
        fragments: Render | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.tally = Tally()
        self.is_draining = False
        self._clock = clock
        self._clock_age_ms = clock_age_ms
        self._render = fragments
        self._reader = Reader(log, self.limits, self.tally)
        self._epoch: str | None = None
        self._streams: dict[str, Stream] = {}
        self._listeners: dict[Listener, None] = {}
        self._pictures: dict[Stream, dict[tuple[str, str], Picture]] = {}
        self._sockets: Counter[str] = Counter()
        self._due: deque[Stream] = deque()
        self._is_pumping = False
        self._is_blind = False
        self._saw_at = 0.0

    def listeners(self) -> list[Listener]:
        return list(self._listeners)

    def listeners_by_stream(self) -> dict[str, int]:
        return {name: len(stream.listeners) for name, stream in self._streams.items() if stream.listeners}

    async def in_thread(self, call: Callable[..., T], *args: Any) -> T:
        """Run a blocking call in one of the hub's own threads."""
        return await self._reader.run(call, *args)

    # In and out

    def publish(self, rows: Iterable[tuple[str, int, bytes]]) -> None:
        """Send what was just committed, (stream, offset, body), in commit order. Only after the commit.

        The same rows again do nothing; rows left out are read from the log.
        """
        for name, offset, body in rows:
            if (stream := self._streams.get(name)) is not None:
                stream.take(offset, body)

    def is_behind(self, name: str, offset: int) -> bool:
        """Whether a stream that is served here is not known to have come so far."""
        stream = self._streams.get(name)
        return stream is not None and (not stream.is_loaded or offset > stream.head)

    def look_at(self, name: str) -> asyncio.Task[None] | None:
        """Read what is on disk beyond what is known of a stream; None if it is not served here."""
        stream = self._streams.get(name)
        if stream is None:
            return None
        return stream.look() if stream.is_loaded else stream.loading

    def _news(self, stream: Stream) -> None:
        for picture in self._pictures.get(stream, {}).values():
            picture.wake()
        if not stream.is_due:
            stream.is_due = True
            self._line_up(stream)

    def _line_up(self, stream: Stream) -> None:
        self._due.append(stream)
        if not self._is_pumping:
            self._is_pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        """So many writes, stream by stream; then whoever else waits for the loop; then the next."""
        budget = self.limits.slice
        while self._due and budget > 0:
            stream = self._due.popleft()
            if rest := stream.rest():
                asyncio.get_running_loop().call_later(rest, self._line_up, stream)
                continue
            written = stream.fan_out(budget)
            if written:
                budget -= written
                self._due.append(stream)
            else:
                stream.is_due = False
        if self._due:
            asyncio.get_running_loop().call_soon(self._pump)
        else:
            self._is_pumping = False

    def whisper(self, name: str, kind: str, screen: str = "desk") -> None:
        """Tell a stream's screens of one kind that something beside the record changed: they ask for it.

        Nothing is promised: who is behind or away asks when it comes back.
        """
        stream = self._streams.get(name)
        if stream is None:
            return
        frame = text_frame(orjson.dumps({"type": kind}))
        for listener in list(stream.listeners):
            if listener.screen == screen and listener.is_level and not listener.is_closed:
                listener.send(frame)

    def set_epoch(self, epoch: str) -> None:
        """The offsets mean something else from now on: everybody comes back and reads the state again."""
        if epoch == self._epoch:
            return
        self._epoch = epoch
        self._streams.clear()
        self._due.clear()
        for listener in self.listeners():
            listener.close(EPOCH_CHANGED, "epoch changed")

    # Coming and going

    def enter(self, person: Person) -> bool:
        """Count a socket of this person; False when there are too many. Undone by `leave`."""
        most = self.limits.sockets_per_token if person.kind == "token" else self.limits.sockets_per_person
        if self._sockets[person.person_id] >= most:
            self.tally.closes[LIMIT_PASSED] += 1
            return False
        self._sockets[person.person_id] += 1
        return True

    def leave(self, person: Person) -> None:
        self._sockets[person.person_id] -= 1
        if self._sockets[person.person_id] <= 0:
            del self._sockets[person.person_id]

    def listen(
        self,
        wire: Wire,
        stream: str,
        person: Person,
        *,
        after: int | None,
        epoch: str | None,
        screen: str | None = None,
        lang: str = "zh",
        restricted: bool = False,
    ) -> Listener:
        """Welcome a listener and send it everything from there on. `stream` must be one it may hear."""
        found = self._streams.get(stream)
        if found is None:
            found = self._streams[stream] = Stream(
                stream, self.limits, self._reader, self.tally, on_news=self._news, on_level=self._show
            )
        listener = Listener(wire, found, person, self.tally, self._forget, self._clock.now())
        listener.screen, listener.lang, listener.restricted = screen, lang, restricted
        found.listeners.add(listener)
        self._listeners[listener] = None
        wire.watch(listener)
        if self.is_draining:
            listener.close(DRAINING, "draining, come back")
        elif found.is_loaded and found.epoch == self._epoch and (after or 0) <= found.head:
            self._welcome(listener, after, epoch)
        else:
            self._reader.spawn(self._welcome_later(listener, after, epoch))
        return listener

    async def _welcome_later(self, listener: Listener, after: int | None, epoch: str | None) -> None:
        stream = listener.stream
        if not stream.is_loaded:
            await asyncio.wait([stream.loading])
        if not stream.is_loaded:
            if self._streams.get(stream.name) is stream:
                del self._streams[stream.name]
            listener.close(DRAINING, "the log cannot be read, come back")
            return
        if listener.is_closed:
            return
        if stream.epoch is not None and stream.epoch != self._epoch:
            if self._epoch is None:
                self._epoch = stream.epoch
            else:
                self.set_epoch(stream.epoch)
                return
        for _ in range(2):  # twice: a look that was under way may have begun before that commit
            if (after or 0) > stream.head:
                await asyncio.wait([stream.look()])  # committed, perhaps, and not yet published: no future
        self._welcome(listener, after, epoch)

    def _welcome(self, listener: Listener, after: int | None, epoch: str | None) -> None:
        """From reading the head to joining there is no await: nothing can be published in between."""
        if listener.is_closed:
            return
        stream = listener.stream
        resume: Resume
        if after is None or (after == 0 == stream.head and epoch is None):
            resume, cursor = "nothing", stream.head
        elif after == 0 and epoch is None:
            resume, cursor = "replay", 0
        elif epoch != self._epoch or after > stream.head or stream.head - after > self.limits.replay:
            resume, cursor = "refresh", stream.head
        else:
            resume, cursor = ("nothing" if after == stream.head else "replay"), after
        self.tally.resumes[resume] += 1
        listener.cursor = listener.start = cursor
        listener.is_welcome = True
        welcome = {
            "type": "welcome",
            "stream": stream.name,
            "epoch": self._epoch,
            "head": stream.head,
            "resume": resume,
            "time": self._time(),
        }
        listener.send(text_frame(orjson.dumps(welcome)))
        stream.advance(listener)

    def _forget(self, listener: Listener) -> None:
        del self._listeners[listener]
        pictures = self._pictures.get(listener.stream, {})
        picture = pictures.get((listener.screen or "", listener.lang))
        if picture is not None and picture.leave(listener):
            del pictures[picture.screen, picture.lang]
        if not pictures:
            self._pictures.pop(listener.stream, None)

    def _show(self, listener: Listener) -> None:
        """A screen that is level gets what its picture has that it has not."""
        if listener.screen is None or self._render is None:
            return
        stream, key = listener.stream, (listener.screen, listener.lang)
        pictures = self._pictures.setdefault(stream, {})
        picture = pictures.get(key)
        if picture is None:
            # A screen does not begin with the first entry of all: its page shows more than that.
            start = listener.start if stream.head - listener.start <= self.limits.replay else stream.head
            picture = pictures[key] = Picture(stream, *key, self._render, self._reader, start, self.limits)
        picture.show(listener)

    # What time asks for

    async def run(self) -> None:
        """For ever."""
        self._saw_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_every(self.limits.beat_s, self._beat))
            tasks.create_task(_every(self.limits.sweep_s, self._sweep))
            tasks.create_task(_every(self.limits.look_s, self._look_around_or_say))

    async def _beat(self) -> None:
        """Say to all how far their streams have come; to nobody while we cannot know it: let them veil."""
        if asyncio.get_running_loop().time() - self._saw_at > self.limits.blind_s:
            return
        for stream in list(self._streams.values()):
            if not stream.is_loaded:
                continue
            shared = self._beat_frame(stream.head)
            for count, listener in enumerate(list(stream.listeners), start=1):
                if listener.is_level:
                    listener.send(shared)
                elif listener.is_welcome and not (listener.wire.is_paused or listener.is_closed):
                    # In its first replay the head of a beat is the listener's own: the rest is on its way.
                    listener.send(shared if listener.was_level else self._beat_frame(listener.cursor))
                if count % self.limits.slice == 0:
                    await asyncio.sleep(0)

    def _beat_frame(self, head: int) -> bytes:
        beat = {"type": "beat", "head": head, "time": self._time(), "clock_age_ms": self._clock_age_ms()}
        return text_frame(orjson.dumps(beat))

    async def _sweep(self) -> None:
        """End those for whom too much waits, and those whose machine did not take our bytes in time."""
        # It costs a system call for each: who had everything at the last look is left out of every other one.
        rest = 1.5 * self.limits.sweep_s
        for count, listener in enumerate(self.listeners(), start=1):
            if not listener.is_closed and listener.arrived != listener.sent:
                now = asyncio.get_running_loop().time()
                is_behind = listener.arrived < listener.mark or listener.wire.is_paused
                if is_behind or now - listener.marked_at > rest:
                    self._judge(listener, now)
            if count % self.limits.slice == 0:
                await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        for stream in list(self._streams.values()):
            if stream.is_loaded and not stream.listeners and now - stream.left_at > self.limits.idle_stream_s:
                del self._streams[stream.name]

    def _judge(self, listener: Listener, now: float) -> None:
        listener.arrived = listener.sent - listener.wire.buffered()
        if listener.arrived >= listener.mark:
            listener.mark, listener.marked_at = listener.sent, now
        elif now - listener.marked_at > self.limits.send_s:
            listener.close(TOO_SLOW, "one send took too long, come back with after")
            return
        stalled = listener.wire.is_paused and now - listener.paused_at > self.limits.waiting_s
        if stalled and listener.stream.has_too_much_waiting(listener):
            listener.close(TOO_SLOW, "too much waits, come back with after")

    async def _look_around_or_say(self) -> None:
        """What cannot be read now is looked at again; slow listeners are judged all the same."""
        try:
            await self.look_around()
        except Exception as failure:
            if not self._is_blind:
                log.error("the log cannot be read; beats stop until it can", error=repr(failure))
            self._is_blind = True
            return
        self._is_blind = False
        self._saw_at = asyncio.get_running_loop().time()

    async def look_around(self) -> None:
        """Notice what other processes wrote, and whether the offsets still mean the same."""
        epoch_before = self._epoch
        names = [name for name, stream in self._streams.items() if stream.is_loaded and stream.listeners]
        if not names:
            return
        epoch, heads = await self._reader.heads(names)
        if self._epoch is not epoch_before:
            return
        if epoch != epoch_before:
            self.set_epoch(epoch)
            return
        for name, head in heads.items():
            stream = self._streams.get(name)
            if stream is not None and stream.is_loaded and head > stream.head:
                await asyncio.wait([stream.look()])

    async def drain(self, within_s: float = 3.0) -> None:
        """Tell everybody to come back, and wait until they know. Nobody is let in any more."""
        self.is_draining = True
        loop = asyncio.get_running_loop()
        wires = [listener.wire for listener in self._listeners]
        for count, listener in enumerate(self.listeners(), start=1):
            listener.close(DRAINING, "draining, come back")
            if count % self.limits.slice == 0:
                await asyncio.sleep(0)
        until = loop.time() + within_s
        while loop.time() < until and any(wire.buffered() for wire in wires):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # what the kernel still holds makes no event
        self._reader.stop()

    def _time(self) -> str:
        return self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await work()
