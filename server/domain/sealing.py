"""Sealing a month (封账): its one-hour figures as they stood, and what has moved since. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from schemas import duties as du
from server.domain.decide import Refused
from server.domain.duty import Duty
from server.domain.duty_context import DutyContext
from server.domain.periods import BEIJING


@dataclass(frozen=True, slots=True)
class Moved:
    """An incident that counts otherwise than when its month was sealed. `how`: one slug for each thing."""

    incident_id: str
    number: str
    how: tuple[str, ...]


def days_of(month: str) -> tuple[date, date]:
    """A month's first and last day."""
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def is_over(month: str, now: datetime) -> bool:
    return now >= datetime.combine(days_of(month)[1] + timedelta(days=1), time(0), BEIJING)


def seal(duty: Duty, command: du.SealMonth, context: DutyContext) -> list[du.DutyEvent]:
    """Only what is over can be sealed, and only once: a figure that could be sealed again would not stay."""
    if not is_over(command.month, context.now):
        raise Refused("month-not-over", "/month", month=command.month)
    if command.month in duty.sealed:
        raise Refused("month-sealed", "/month", kind="conflict", month=command.month)
    counted = context.counted(*days_of(command.month))
    return [
        du.MonthSealed(
            unit=duty.unit,
            units=list(context.tree.ancestors(duty.unit)),
            month=command.month,
            name=context.signer(command),
            rules=context.rules(),
            final=figure(one.passed for one in counted if one.final),
            initial=figure(one.passed for one in counted if one.initial),
            incidents=counted,
        )
    ]


def figure(results: Iterable[bool]) -> du.SealedFigure:
    found = list(results)
    return du.SealedFigure(numerator=sum(found), denominator=len(found))


def moved(then: Iterable[du.SealedIncident], now: Iterable[du.SealedIncident]) -> list[Moved]:
    """What counts otherwise than it did, those that counted first."""
    before = {one.incident_id: one for one in then}
    after = {one.incident_id: one for one in now}
    made = []
    for incident_id in [*before, *(one for one in after if one not in before)]:
        old, new = before.get(incident_id), after.get(incident_id)
        if old is None or new is None:
            how = ["came" if old is None else "went"]
        else:
            how = [
                f"{scope}_{'in' if getattr(new, scope) else 'out'}"
                for scope in ("final", "initial")
                if getattr(new, scope) != getattr(old, scope)
            ]
            if new.passed != old.passed:
                how.append("met" if new.passed else "unmet")
        if how:
            one = new or old
            assert one is not None
            made.append(Moved(incident_id, one.number, tuple(how)))
    return made
