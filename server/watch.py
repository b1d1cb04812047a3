"""The watch: time is one more officer. It writes down what has come due, once, whoever is looking or not.

It asks the database for incidents whose next moment has come, and lets the store decide in the same
transaction as everything else: so a breach stands in the log once, also across kill -9 and downtime, and any
number of processes may look. Its own age is in every beat: a clock that stopped is seen on every screen.

A wall clock that steps back, or runs slow, puts nothing off: what was to come by then is also counted by the
clock that never steps, and written down at the earlier of the two.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select

from schemas.events import ClockStepped
from server.record.database import Database
from server.record.duty_rows import DUTY_SUBJECT
from server.record.duty_tables import DUTY
from server.record.store import Store, StoreUnavailable
from server.record.tables import INCIDENT

log = structlog.get_logger()

EVERY_S = 0.5
STEP = timedelta(seconds=2)
AT_ONCE = 200
#: What moments come to: the key, when the next is, and what the key's name begins with.
_WATCHED = (
    (INCIDENT.c.id, INCIDENT.c.next_alarm_at, ""),
    (DUTY.c.unit, DUTY.c.next_alarm_at, DUTY_SUBJECT),
)


class Watch:
    """Turns the passing of time into entries. `now` is the wall clock, `steady` one that never steps."""

    def __init__(
        self,
        database: Database,
        store: Store,
        now: Callable[[], datetime],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._store, self._now, self._steady = database, store, now, steady
        self._looked_at = steady()
        self._wall, self._mono = now(), steady()
        self._agreed = self._wall, self._mono  # when the two clocks last told the same
        self._paced: dict[tuple[str, datetime], float] = {}  # moments to come, by the clock that never steps
        self.fired = 0

    def age_ms(self) -> int:
        """Milliseconds since the watch last looked at everything that was due."""
        return int((self._steady() - self._looked_at) * 1000)

    async def start(self) -> None:
        """Before the first look: does the wall clock stand before the last entry?"""
        last = self._store.last_recorded_at
        if last is not None and last - self._now() > STEP:
            by = (self._now() - last).total_seconds()
            log.error("the clock stands before the last entry of the log", by_s=by)
            await asyncio.wrap_future(self._store.note(ClockStepped(by_s=round(by, 3), noticed="at_start")))

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """One look: clock steps first, then everything that is due, in the order in which it fell due."""
        await self._notice_steps()
        tried: list[tuple[str, datetime]] = []
        while (due := await asyncio.to_thread(self._due)) and due != tried:
            # Of those beyond the first hundreds the earliest says how far these may be brought.
            until = due[AT_ONCE][1] if len(due) > AT_ONCE else None
            await self._bring([incident_id for incident_id, _at in due[:AT_ONCE]], until)
            tried = due
            if until is None:
                break
        await self._bring_paced()
        self._looked_at = self._steady()

    async def _bring(self, incident_ids: list[str], until: datetime | None) -> None:
        """All in one commit, in the order in which things fell due. An incident whose log cannot be read
        holds up none of the others."""
        try:
            self.fired += await asyncio.wrap_future(self._store.tick(*incident_ids, until=until))
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("the clock fails on one of these incidents; each is tried alone", ids=incident_ids)
            for incident_id in incident_ids:
                try:
                    self.fired += await asyncio.wrap_future(self._store.tick(incident_id, until=until))
                except StoreUnavailable:
                    raise
                except Exception:
                    log.exception("the clock fails on this incident", incident_id=incident_id)

    async def _notice_steps(self) -> None:
        """A step since the last look, or as much drift since the clocks last told the same."""
        wall, mono = self._now(), self._steady()
        before = ((self._wall, self._mono), self._agreed)
        self._wall, self._mono = wall, mono
        apart = [(wall - at) - timedelta(seconds=mono - then) for at, then in before]
        stepped = next((by for by in apart if abs(by) > STEP), None)
        if stepped is None:
            return
        self._agreed = wall, mono
        by = stepped.total_seconds()
        log.warning("the clock stepped", by_s=by)
        if by < 0:
            await self._keep_pace(wall - stepped, mono)
        await asyncio.wrap_future(self._store.note(ClockStepped(by_s=round(by, 3), noticed="running")))

    async def _keep_pace(self, was: datetime, mono: float) -> None:
        """The wall clock fell back from `was`: count what is to come by the steady one from here on."""
        armed = await asyncio.to_thread(self._armed)
        moments = await asyncio.wrap_future(self._store.to_come(armed))
        self._paced = {key: at for key, at in self._paced.items() if key in moments}
        for incident_id, moment in moments:
            self._paced.setdefault((incident_id, moment), mono + (moment - was).total_seconds())

    async def _bring_paced(self) -> None:
        """Write down what has come by the steady clock, and not yet by the wall's."""
        for (incident_id, moment), at in sorted(self._paced.items(), key=lambda pair: pair[1]):
            if at > self._steady():
                break
            self.fired += await asyncio.wrap_future(self._store.tick(incident_id, at=moment))
            del self._paced[incident_id, moment]

    def _armed(self) -> list[str]:
        """Incidents and duties for which anything is to come."""
        with self._database.reading() as connection:
            return [
                prefix + str(one)
                for key, at, prefix in _WATCHED
                for one in connection.execute(select(key).where(at.is_not(None))).scalars()
            ]

    def _due(self) -> list[tuple[str, datetime]]:
        """Incidents and duties whose moment has come, the earliest first, and one more than are brought at
        once."""
        now = self._now().astimezone(UTC)
        found: list[tuple[str, datetime]] = []
        with self._database.reading() as connection:
            for key, next_at, prefix in _WATCHED:
                query = select(key, next_at).where(next_at <= now).order_by(next_at, key).limit(AT_ONCE + 1)
                found += [(f"{prefix}{named}", at) for named, at in connection.execute(query)]
        return sorted(found, key=lambda one: (one[1], one[0]))[: AT_ONCE + 1]
