"""Who listens, and where: told to a unit about itself and the units below it, never about anybody else's.

One process knows its own listeners. Several tell each other through Redis, in keys that vanish by themselves:
which credential, which screen, since when. Names, posts and units are never written there; whoever asks reads
them in the database, so a forged key can neither invent a person nor move one to another unit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import orjson
import structlog
from sqlalchemy import select

from schemas.fields import wire_instant
from schemas.terms import Post
from server.domain.units import UnitTree
from server.people.accounts import CREDENTIAL, PERSON
from server.record.database import Database

if TYPE_CHECKING:
    from server.delivery.relay import Relay

log = structlog.get_logger()

REFRESH_S = 2.0  # so old is what another process says of itself, at most
GONE_S = 8  # a process that said nothing for so long is gone
SETTLED_S = 2 * REFRESH_S  # after Redis came back empty, until every process has spoken again
REMEMBERED_S = 0.5  # what Redis said serves so long
MOST_PROCESSES, MOST_SEATS, MOST_BYTES = 100, 20_000, 4 * 1024 * 1024
_AT_ONCE = 1_000  # credentials asked about in one query


class Listening(Protocol):
    """A listener, as far as it is told of."""

    @property
    def person(self) -> Any: ...
    @property
    def screen(self) -> str | None: ...
    @property
    def since(self) -> datetime: ...


@dataclass(slots=True)
class Seat:
    """One credential at one kind of screen, however many sockets it has there."""

    since: float
    sockets: int


Seats = dict[tuple[str, str | None], Seat]


class Presence:
    """Who listens in all processes of a desk, as well as that is known."""

    def __init__(
        self,
        database: Database,
        tree: UnitTree,
        now: Callable[[], datetime],
        listeners: Callable[[], Sequence[Listening]],
        relay: Relay | None,
    ) -> None:
        self._database, self._tree, self._now = database, tree, now
        self._listeners, self._relay = listeners, relay
        self._own_id = uuid4().hex
        self._said = b""
        self._asking = asyncio.Lock()
        self._heard: tuple[float, bool, list[bytes]] = (-1.0, False, [])

    # ------------------------------------------------------------ asked

    async def of(self, viewer: str, unit: str | None = None) -> dict[str, Any]:
        """Who listens in a unit's area. `known` is false when other processes could not be asked."""
        seats, known = self._own(), True
        if self._relay is not None:
            known, said = await self._others(self._relay)
            for one in said:
                _take(seats, one)
        listeners = await asyncio.to_thread(self._named, seats, viewer, unit)
        return {"known": known, "as_of": wire_instant(self._now()), "listeners": listeners}

    async def manned(self) -> set[str] | None:
        """The units of which anybody looks at a screen now; None when that is not known."""
        said = await self.of(self._tree.root)
        return {one["unit"] for one in said["listeners"] if one["kind"] != "wall"} if said["known"] else None

    def _own(self) -> Seats:
        seats: Seats = {}
        for listener in self._listeners():
            session = getattr(listener.person, "session_id", None)
            if session is not None:
                _add(seats, session, listener.screen, listener.since.timestamp(), 1)
        return seats

    def _named(self, seats: Seats, viewer: str, unit: str | None) -> list[dict[str, Any]]:
        people = self._people({session for session, _screen in seats})
        shown = []
        for (session, screen), seat in seats.items():
            person = people.get(session)
            if person is None or not self._tree.covers(viewer, person["unit"]):
                continue
            if unit is not None and not self._tree.covers(unit, person["unit"]):
                continue
            since = datetime.fromtimestamp(min(seat.since, self._now().timestamp()), UTC)
            shown.append({**person, "screen": screen, "since": wire_instant(since), "sockets": seat.sockets})
        return sorted(shown, key=lambda one: (one["unit"], one["name"], one["screen"] or "", one["since"]))

    def _people(self, sessions: Iterable[str]) -> dict[str, dict[str, str]]:
        """Name, post, unit and kind by session; who was signed out meanwhile is not here."""
        columns = (CREDENTIAL.c.id, CREDENTIAL.c.kind, CREDENTIAL.c.label, CREDENTIAL.c.unit)
        query = select(*columns, PERSON.c.name, PERSON.c.post, PERSON.c.unit.label("person_unit")).join_from(
            CREDENTIAL, PERSON, PERSON.c.id == CREDENTIAL.c.person_id, isouter=True
        )
        ids = sorted(sessions)
        found: dict[str, dict[str, str]] = {}
        with self._database.reading() as connection:
            for start in range(0, len(ids), _AT_ONCE):
                some = ids[start : start + _AT_ONCE]
                asked = query.where(CREDENTIAL.c.id.in_(some), CREDENTIAL.c.ended_at.is_(None))
                for row in connection.execute(asked):
                    wall = row.kind == "wall"
                    found[row.id] = {
                        "unit": row.unit if wall else row.person_unit,
                        "name": row.label if wall else row.name,
                        "post": str(Post.LEADERSHIP) if wall else row.post,
                        "kind": row.kind,
                    }
        return found

    # ------------------------------------------------------------ between processes

    def _key(self, name: str) -> str:
        assert self._relay is not None
        return f"{self._relay.prefix}:here:{name}"

    async def _others(self, relay: Relay) -> tuple[bool, list[bytes]]:
        """What the others say of themselves, and whether everybody has had the time to say it."""
        async with self._asking:  # one question at a time, and its answer serves all who ask meanwhile
            heard_at, known, said = self._heard
            if time.monotonic() - heard_at > REMEMBERED_S:
                try:
                    known, said = await self._ask(relay)
                except (*relay.TROUBLE, ValueError):
                    known, said = False, []
                self._heard = (time.monotonic(), known, said)
            return known, said

    async def _ask(self, relay: Relay) -> tuple[bool, list[bytes]]:
        asked = relay.redis.pipeline(transaction=False)
        asked.get(self._key("since"))
        asked.smembers(self._key("all"))
        began, processes = await asked.execute()
        others = [name.decode("ascii") for name in processes if name != self._own_id.encode()]
        said = await relay.redis.mget([self._key(name) for name in others[:MOST_PROCESSES]]) if others else []
        settled = began is not None and self._now().timestamp() - float(began) >= SETTLED_S
        return settled, [one for one in said if isinstance(one, bytes)]

    async def run(self) -> None:
        """For ever: tell the others who listens here. What Redis does not take now is told again."""
        relay = self._relay
        assert relay is not None, "alone there is nobody to tell"
        try:
            while True:
                try:
                    await self._tell(relay)
                except relay.TROUBLE:
                    self._said = b""  # /readyz says so; the doorbell's connection asks all the time
                await asyncio.sleep(REFRESH_S)
        finally:
            await _quietly(relay, self._own_id, self._key(self._own_id), self._key("all"))

    async def _tell(self, relay: Relay) -> None:
        seats = [[*place, seat.since, seat.sockets] for place, seat in self._own().items()][:MOST_SEATS]
        said = orjson.dumps(seats)
        key, everybody, since = self._key(self._own_id), self._key("all"), self._key("since")
        told = relay.redis.pipeline(transaction=False)
        told.expire(key, GONE_S)
        told.sadd(everybody, self._own_id)
        told.expire(everybody, 60)
        told.set(since, repr(self._now().timestamp()), nx=True)
        told.expire(since, 60)
        is_there = (await told.execute())[0]
        if not is_there or said != self._said:
            await relay.redis.set(key, said, ex=GONE_S)
            self._said = said


async def _quietly(relay: Relay, own_id: str, key: str, everybody: str) -> None:
    """Take leave, if Redis takes it; otherwise the key vanishes by itself."""
    try:
        async with asyncio.timeout(1):
            await relay.redis.delete(key)
            await relay.redis.srem(everybody, own_id)
    except relay.TROUBLE:
        log.info("redis was not told that this process leaves")


def _add(seats: Seats, session: str, screen: str | None, since: float, sockets: int) -> None:
    seat = seats.get((session, screen))
    if seat is None:
        seats[session, screen] = Seat(since, sockets)
    else:
        seat.since = min(seat.since, since)
        seat.sockets += sockets


def _take(seats: Seats, said: bytes) -> None:
    """What a process says of itself; anything else than we would write is passed over."""
    if len(said) > MOST_BYTES:
        return
    try:
        lines = orjson.loads(said)
    except orjson.JSONDecodeError:
        return
    for line in lines if isinstance(lines, list) else ():
        match line:
            case [str(session), str() | None as screen, float(since), int(sockets)]:
                if 0 < since < 1e11 and 0 < sockets < 1e6:
                    _add(seats, session, screen, since, sockets)
