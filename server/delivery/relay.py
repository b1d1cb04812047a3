"""The doorbell between processes: "stream S reached offset N", through Redis, and nothing else.

Nothing that matters goes this way. A doorbell that is lost, late, doubled or forged changes nothing: every
process looks at the database by itself within a second, and what it then sends it has read there. So Redis
may be restarted, emptied, frozen or stay away, and no commit and no answer ever waits for it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Protocol

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

log = structlog.get_logger()

PATIENCE_S = 1.0  # for any answer of Redis
BACKOFF_S = (0.1, 2.0)  # first and longest pause before trying again
VAIN_PAUSE_S = (0.1, 1.0)  # after looking because of doorbells that announced nothing: first and longest
MOST_STREAMS = 200  # named by one message, and remembered while Redis is away
MOST_BYTES = 16 * 1024  # of one message
HEAD = re.compile(r"([0-9A-Za-z:_-]{1,48})=([0-9]{1,18})")


class Silent(TimeoutError):
    """Redis does not answer."""

    def __str__(self) -> str:
        return f"no answer for {PATIENCE_S:g} s"


class Streams(Protocol):
    """The streams that this process serves: the hub."""

    def is_behind(self, stream: str, offset: int) -> bool: ...
    def look_at(self, stream: str) -> asyncio.Task[None] | None: ...
    async def look_around(self) -> None: ...


@dataclass(slots=True)
class Doorbells:
    """What happened so far, for /metrics."""

    sent: int = 0
    heard: int = 0
    unreadable: int = 0
    vain: int = 0
    reconnects: int = 0


@dataclass(slots=True)
class _Leg:
    """One of the two connections. `fault` says why it does not work; None: it does."""

    name: str
    fault: str | None = "not connected yet"
    connected: int = 0

    def works(self) -> None:
        if self.fault is not None:
            self.fault = None
            self.connected += 1
            log.info("redis answers", connection=self.name)


class Relay:
    """Rings for what this process committed, and listens for what the others did. Lives in the event loop."""

    #: What whoever asks Redis through this must expect.
    TROUBLE = (RedisError, OSError, TimeoutError)

    def __init__(self, url: str, deployment_id: str, streams: Streams) -> None:
        self.tally = Doorbells()
        self.prefix = f"fenghuo:{deployment_id}"
        self.channel = f"{self.prefix}:doorbell"
        self.redis = _client(url)
        self._listening = _client(url)
        self._streams = streams
        self._sending, self._hearing = _Leg("doorbell"), _Leg("listening")
        self._unsent: dict[str, int] = {}
        self._bell = asyncio.Event()
        self._wanted: dict[str, int] = {}
        self._knock = asyncio.Event()
        self._chance = SystemRandom()

    # What others ask

    def fault(self) -> str | None:
        """Why doorbells do not work just now; None: they do."""
        faults = {leg.fault for leg in (self._sending, self._hearing) if leg.fault is not None}
        return "; ".join(sorted(faults)) or None

    def ring(self, rows: Iterable[tuple[str, int, bytes]]) -> None:
        """Say, some time soon, how far these streams have come. Only after the commit; never waits."""
        for stream, offset, _body in rows:
            if offset > self._unsent.get(stream, 0):
                self._unsent[stream] = offset
        if len(self._unsent) > 10 * MOST_STREAMS:
            self._unsent.clear()  # nobody took them for long; the others look by themselves
        self._bell.set()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again_and_again(self._sending, self._send))
            tasks.create_task(self._again_and_again(self._hearing, self._listen))
            tasks.create_task(self._look())

    async def close(self) -> None:
        """When nothing runs any more."""
        for client in (self.redis, self._listening):
            await client.aclose()

    # Out

    async def _send(self) -> None:
        await self._ask()
        while True:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._bell.wait()
            except TimeoutError:
                await self._ask()
            while self._unsent:
                await self._ring_once()

    async def _ask(self) -> None:
        """Whether it answers: /readyz says so before somebody needs it."""
        await self.redis.ping()
        self._sending.works()

    async def _ring_once(self) -> None:
        self._bell.clear()
        heads = dict(list(self._unsent.items())[:MOST_STREAMS])
        await self.redis.publish(self.channel, spelled(heads))
        self.tally.sent += 1
        for stream, offset in heads.items():
            if self._unsent.get(stream) == offset:
                del self._unsent[stream]

    # In

    async def _listen(self) -> None:
        """Listen until the connection fails. A frozen Redis is noticed within two seconds."""
        async with self._listening.pubsub() as pubsub:
            await pubsub.subscribe(self.channel)
            is_answer_due = True
            while True:
                message = await pubsub.get_message(timeout=PATIENCE_S)
                if message is None:
                    if is_answer_due:
                        raise Silent
                    is_answer_due = True
                    await pubsub.ping()
                    continue
                is_answer_due = False
                if message["type"] == "subscribe":
                    self._hearing.works()
                    self.tally.reconnects = max(0, self._hearing.connected - 1)
                    self._wanted[""] = 0  # whatever was said while we did not listen
                    self._knock.set()
                elif message["type"] == "message":
                    self._hear(message["data"])

    def _hear(self, said: bytes) -> None:
        heads = read(said)
        if heads is None:
            self.tally.unreadable += 1
            return
        self.tally.heard += 1
        for stream, offset in heads.items():
            if len(self._wanted) < MOST_STREAMS or stream in self._wanted:
                self._wanted[stream] = max(offset, self._wanted.get(stream, 0))
        self._knock.set()

    async def _look(self) -> None:
        """Have the streams looked at that are said to have gone on: at once, unless it was lately in vain."""
        pause = 0.0
        while True:
            await self._knock.wait()
            self._knock.clear()
            wanted, self._wanted = self._wanted, {}
            if "" in wanted:
                del wanted[""]
                await self._look_at_everything()
            was_vain = await self._look_at(wanted)
            if not was_vain:
                pause = 0.0
                continue
            self.tally.vain += 1
            pause = min(max(VAIN_PAUSE_S[0], pause * 2), VAIN_PAUSE_S[1])
            await asyncio.sleep(pause)

    async def _look_at(self, wanted: dict[str, int]) -> bool:
        """Whether that was in vain: not all have come as far as was said.

        Twice, because a look that was under way may have begun before the commit that is spoken of.
        """
        for _ in range(2):
            behind = [stream for stream, offset in wanted.items() if self._streams.is_behind(stream, offset)]
            looks = [look for stream in behind if (look := self._streams.look_at(stream)) is not None]
            if not looks:
                return False
            await asyncio.wait(looks)
        return any(self._streams.is_behind(stream, offset) for stream, offset in wanted.items())

    async def _look_at_everything(self) -> None:
        try:
            await self._streams.look_around()
        except Exception:  # the hub looks again within a second, and says so if it cannot
            log.exception("the streams could not be looked at after listening again")

    # Both

    async def _again_and_again(self, leg: _Leg, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work until it fails; say so once; pause, a little longer each time; do it again."""
        pause, longest = BACKOFF_S
        while True:
            connected, began = leg.connected, time.monotonic()
            try:
                await work()
            except (*self.TROUBLE, ValueError) as trouble:
                words = str(trouble) or type(trouble).__name__
                if leg.fault is None or leg.fault == "not connected yet":
                    log.warning(
                        "redis does not answer; going on without it", connection=leg.name, error=words
                    )
                leg.fault = f"redis: {words}"
            if leg.connected > connected or time.monotonic() - began > longest:
                pause = BACKOFF_S[0]
            await asyncio.sleep(self._chance.uniform(pause / 2, pause))
            pause = min(pause * 2, longest)


def _client(url: str) -> Redis:
    """A client that waits a second for anything and tries nothing twice by itself."""
    options: dict[str, Any] = {
        "socket_timeout": PATIENCE_S,
        "socket_connect_timeout": PATIENCE_S,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": 4,
        "client_name": "fenghuo",
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    return Redis.from_url(url, **options)


def spelled(heads: dict[str, int]) -> str:
    """`130300=17 130324=5`."""
    return " ".join(f"{stream}={offset}" for stream, offset in heads.items())


def read(said: bytes) -> dict[str, int] | None:
    """The heads that a message names; None when it is nothing that we would say."""
    if len(said) > MOST_BYTES:
        return None
    heads: dict[str, int] = {}
    for part in said.decode("ascii", "replace").split(" "):
        if (found := HEAD.fullmatch(part)) is None or len(heads) >= MOST_STREAMS:
            return None
        heads[found[1]] = int(found[2])
    return heads
