"""The courier: takes messages out of the outbox to their channels, in any number of processes.

Each channel goes its own pace: one that hangs holds up none of the others. What fails is tried again, later
each time; what came too late, or was tried often enough, has failed and says why. That a channel is silent,
and that it speaks again, are entries of the log: so every desk sees it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from schemas.channels import Base
from server.outward.payloads import Outcome
from server.outward.post import hand_over
from server.record import outbox
from server.record.database import Database
from server.record.store import Store, StoreUnavailable

log = structlog.get_logger()

EVERY_S = 0.5
AT_ONCE = 4  # of one channel
#: The first wait after a failure, doubled each time up to the last, and up to half of it less by chance.
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 60.0
#: From this failed try of a message on its channel counts as silent: one may be chance.
SILENT_AFTER = 2
TIDY_S = 3600.0
GONE = "渠道文件里已没有这个渠道 the channel is not in the file any more"
TOO_LATE = "过时未发 too late: it was too old before anything was tried"

Deliver = Callable[[Base, Mapping[str, Any], datetime], Awaitable[Outcome]]


class Courier:
    """Sends what is due. `deliver` is one try at one message."""

    def __init__(
        self,
        database: Database,
        store: Store,
        now: Callable[[], datetime],
        deliver: Deliver = hand_over,
    ) -> None:
        self._database, self._store, self._now, self._deliver = database, store, now, deliver
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """For ever; what was being sent when it is cancelled is sent again when its lease runs out."""
        tidied = -TIDY_S
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self.look()
                if loop.time() - tidied > TIDY_S:
                    tidied = loop.time()
                    await asyncio.to_thread(outbox.forget_old, self._database, self._now())
                await asyncio.sleep(EVERY_S)
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def look(self) -> None:
        """Set every channel to work that has anything to send and is not at it already."""
        self._busy = {channel: task for channel, task in self._busy.items() if not task.done()}
        for channel in await asyncio.to_thread(outbox.due_channels, self._database, self._now()):
            if channel not in self._busy:
                self._busy[channel] = asyncio.create_task(self._serve(channel), name=f"channel {channel}")

    async def settled(self) -> None:
        """Until nothing is being sent."""
        await asyncio.gather(*self._busy.values())

    async def _serve(self, channel: str) -> None:
        try:
            while rows := await asyncio.to_thread(
                outbox.claim, self._database, channel, self._now(), AT_ONCE
            ):
                await asyncio.gather(*(self._send(row) for row in rows))
        except Exception:  # the edge of its task: told whole, and looked at again by the next look
            log.exception("a channel could not be served", channel=channel)

    async def _send(self, row: dict[str, Any]) -> None:
        channel, now = self._store.channels.channel(row["channel"]), self._now()
        if channel is None:
            await self._settle(row, "failed", GONE)
            return
        if row["expires_at"] <= now:
            await self._settle(row, "failed", row["fault"] or TOO_LATE)
            return
        try:
            outcome = await self._deliver(channel, row, now)
        except Exception as bug:  # told whole; to whoever waits it is a fault like another
            log.exception("a message cannot be sent", channel=channel.id, message_id=row["message_id"])
            outcome = Outcome(f"a bug: {type(bug).__name__}")
        if outcome.fault is None:
            await self._settle(row, "sent", None)
            await self._note(channel.id, None)
            return
        log.warning(
            "a message did not get out", channel=channel.id, attempt=row["attempts"], fault=outcome.fault
        )
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (row["attempts"] - 1)) * random.uniform(0.5, 1)  # noqa: S311
        if outcome.is_final or row["attempts"] >= outbox.MOST_ATTEMPTS:
            await self._settle(row, "failed", outcome.fault)
        else:
            await self._settle(row, "queued", outcome.fault, self._now() + timedelta(seconds=wait))
        if outcome.is_final or row["attempts"] >= SILENT_AFTER:
            await self._note(channel.id, outcome.fault)

    async def _settle(
        self, row: dict[str, Any], state: str, fault: str | None, next_at: datetime | None = None
    ) -> None:
        def write() -> bool:
            return outbox.settle(self._database, row, self._now(), state=state, fault=fault, next_at=next_at)

        if not await asyncio.to_thread(write):
            log.warning("another process had this message meanwhile", channel=row["channel"])

    async def _note(self, channel: str, fault: str | None) -> None:
        try:
            await asyncio.wrap_future(self._store.note_channel(channel, fault))
        except StoreUnavailable:
            log.warning("that a channel is silent, or no more, could not be written down", channel=channel)
