"""Ready-made HTML for screens: rendered once for all who look at the same thing in the same language.

A fragment is state, not history: only the latest of each target counts. So who was behind gets the latest of
what changed meanwhile, and when entries come faster than rendering, several share one rendering.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from server.delivery.frames import payload_of, text_frame
from server.delivery.stream import TOO_SLOW, Limits, Listener, Reader, Stream

log = logging.getLogger("fenghuo.hub")

KEPT_TARGETS = 512
KEPT_BYTES = 4 * 1024 * 1024


class Render(Protocol):
    """Turns what happened into (target, HTML). Called in a worker thread.

    `entries` are as on the socket, each with its `offset`. It must show the state as it is now on disk,
    not as it was then: the fragment is labelled with the head read before the call.
    """

    def __call__(
        self, stream: str, screen: str, lang: str, entries: Sequence[Mapping[str, Any]], /
    ) -> Iterable[tuple[str, str]]: ...


class Picture:
    """What the screens of one kind and language show of one stream."""

    def __init__(
        self,
        stream: Stream,
        screen: str,
        lang: str,
        render: Render,
        reader: Reader,
        start: int,
        limits: Limits,
    ) -> None:
        self.stream = stream
        self.screen = screen
        self.lang = lang
        self._render = render
        self._reader = reader
        self._limits = limits
        self._covered_from = start  # every entry after this one, up to `_painted_to`, shows in `_latest`
        self._painted_to = start
        self._older: deque[tuple[int, int]] = deque()  # stretches to paint for who came from further back
        self._version = 0
        self._lost_version = 0  # the newest that had to make room
        # target: version, offset, frame; oldest version first
        self._latest: dict[str, tuple[int, int, bytes]] = {}
        self._size = 0
        self._listeners: set[Listener] = set()
        self._painting: asyncio.Task[None] | None = None

    def show(self, listener: Listener) -> None:
        """Send what it has not got; called whenever a listener has become level."""
        self._listeners.add(listener)
        if listener.shown is not None and listener.shown < self._lost_version:
            listener.close(TOO_SLOW, "too much of the picture changed, come back with after")
            return
        if listener.shown is None:
            start = max(listener.start, self.stream.head - self._limits.replay)
            if start < self._covered_from:
                # What it missed before that is painted now, and told to all.
                self._older.append((start, self._covered_from))
                self._covered_from = start
        self._catch_up(listener)
        self.wake()

    def leave(self, listener: Listener) -> bool:
        """True when nobody looks at this picture any more."""
        self._listeners.discard(listener)
        return not self._listeners

    def wake(self) -> None:
        """Something may have happened."""
        if self._painting is None and (self._older or self._painted_to < self.stream.head):
            self._painting = self._reader.spawn(self._paint())

    def _catch_up(self, listener: Listener) -> None:
        had, start = listener.shown, listener.start
        listener.shown = self._version
        frames = [
            frame
            for version, offset, frame in self._latest.values()
            if (offset > start if had is None else version > had)
        ]
        if frames:
            listener.send(b"".join(frames))

    async def _paint(self) -> None:
        try:
            while self._listeners and (self._older or self._painted_to < self.stream.head):
                if self._older:
                    await self._paint_older()
                else:
                    frames = await self.stream.frames_after(self._painted_to)
                    await self._tell(await self._fragments(frames), self._painted_to + len(frames))
        finally:
            self._painting = None

    async def _paint_older(self) -> None:
        after, to = self._older.popleft()
        frames = (await self.stream.frames_after(after))[: to - after]
        if after + len(frames) < to:
            self._older.appendleft((after + len(frames), to))
        await self._tell(await self._fragments(frames), self._painted_to)

    async def _fragments(self, frames: Sequence[bytes]) -> list[tuple[str, int, bytes]]:
        """Target, offset and frame of what these entries change; what cannot be rendered is left out."""
        offset = self.stream.head  # before rendering: what is rendered is at least as new
        try:
            return await self._reader.run(self._render_frames, frames, offset)
        except Exception:
            log.exception("fragments for %s/%s could not be rendered", self.stream.name, self.screen)
        if len(frames) == 1:
            return []
        return [each for frame in frames for each in await self._fragments([frame])]

    def _render_frames(self, frames: Sequence[bytes], offset: int) -> list[tuple[str, int, bytes]]:
        """In a worker thread."""
        entries = [orjson.loads(payload_of(frame)) for frame in frames]
        return [
            (target, offset, fragment_frame(target, offset, html))
            for target, html in self._render(self.stream.name, self.screen, self.lang, entries)
        ]

    async def _tell(self, fragments: Sequence[tuple[str, int, bytes]], painted_to: int) -> None:
        """Keep them, and send them to all who have everything before; the others get them in `show`."""
        self._painted_to = painted_to
        if not fragments:
            return
        before = self._version
        self._version += 1
        for target, offset, frame in fragments:
            _, _, old = self._latest.pop(target, (0, 0, b""))
            self._latest[target] = (self._version, offset, frame)
            self._size += len(frame) - len(old)
        while len(self._latest) > KEPT_TARGETS or self._size > KEPT_BYTES:
            target = next(iter(self._latest))
            self._lost_version, offset, old = self._latest.pop(target)
            self._size -= len(old)
            self._covered_from = max(self._covered_from, offset)
        joined = b"".join(frame for _, _, frame in fragments)
        version = self._version
        for count, listener in enumerate(list(self._listeners), start=1):
            if listener.is_level and listener.shown == before:
                listener.shown = version
                listener.send(joined)
            if count % self._limits.slice == 0:
                await asyncio.sleep(0)


def fragment_frame(target: str, offset: int, html: str) -> bytes:
    return text_frame(orjson.dumps({"type": "fragment", "target": target, "offset": offset, "html": html}))
