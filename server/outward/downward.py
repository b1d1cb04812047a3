"""From the desk above to an outpost: how its incidents stand there, and the orders that wait for somebody.

An order comes to stand in the outpost's own log, as what the person above gave, at the time at which it was
given, with its limits; so it rings on the tablets here and is taken here, and that goes up like all else.
Nothing else of the record above is taken over: the rest is shown with its age, and said to be what it is.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import structlog
from pydantic import ValidationError

from schemas.commands import IssueOrder
from schemas.outpost_answers import IncidentAbove, OrderAbove, SeenAbove
from schemas.outposts import Via
from server.domain.context import Author, Refused
from server.record.store import Store

log = structlog.get_logger()

#: Whose deed it is where people are known by ids: nobody's who went along.
NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Sight:
    """The desk above as it was when it was last asked, by this desk's clock."""

    at: datetime
    incidents: tuple[IncidentAbove, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderNotTaken:
    """An order that waits above for somebody here, and cannot come to stand in this desk's log."""

    incident_id: str
    order: OrderAbove
    why: Refused | ValidationError


class Downward:
    """One for a process."""

    def __init__(self, store: Store, above: str) -> None:
        self._store, self._above = store, above
        self._known: set[str] = set()  # orders that stand here, or cannot
        self._not_taken: dict[str, OrderNotTaken] = {}
        self.sight: Sight | None = None

    @property
    def not_taken(self) -> tuple[OrderNotTaken, ...]:
        """Orders that still wait above and do not ring here: a person must be told."""
        waiting = {
            order.order_id for one in (self.sight.incidents if self.sight else ()) for order in one.orders
        }
        return tuple(one for key, one in self._not_taken.items() if key in waiting)

    async def take(self, said: Any, at: datetime, skew_ms: int | None) -> None:
        """What the desk above said, `skew_ms` ahead of our clock."""
        try:
            seen = SeenAbove.model_validate(said)
        except ValidationError:
            log.warning("the desk above tells of incidents in words that are not known here")
            return
        self.sight = Sight(at, tuple(seen.incidents), tuple(seen.gone))
        for incident in seen.incidents:
            for order in incident.orders:
                if order.order_id not in self._known:
                    await self._issue(incident.id, order, skew_ms)

    async def _issue(self, incident_id: str, order: OrderAbove, skew_ms: int | None) -> None:
        via = Via(
            way="above", name=self._above, recorded_at=order.issued_at,
            skew_ms=None if skew_ms is None else -skew_ms,
        )  # fmt: skip
        limits = {
            "acknowledge_within_min": _minutes(order.issued_at, order.acknowledge_by),
            "report_within_min": _minutes(order.issued_at, order.report_by),
        }
        body = {
            "command_id": str(uuid5(NAMESPACE_URL, f"order:{order.order_id}")),  # once, whoever asks and when
            "incident_id": incident_id, "order_id": order.order_id, "to": order.to, "text": order.text,
            **{name: value for name, value in limits.items() if value is not None},
        }  # fmt: skip
        author = Author(order.by, order.post, order.unit, via=via)
        try:
            command = IssueOrder.model_validate(body)
            await asyncio.wrap_future(self._store.execute(author, NOBODY, command))
        except (Refused, ValidationError) as why:
            if not (isinstance(why, Refused) and why.code == "order-exists"):  # that one was given here
                self._not_taken[order.order_id] = OrderNotTaken(incident_id, order, why)
                log.warning("an order from above is not taken over", order=order.order_id, why=str(why)[:200])
        self._known.add(order.order_id)


def _minutes(start: datetime, end: datetime | None) -> int | None:
    return None if end is None else max(1, math.ceil((end - start).total_seconds() / 60))
