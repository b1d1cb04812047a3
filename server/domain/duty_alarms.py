"""What time brings to a unit's duty: nobody on, a handover that is late, an item or an answer overdue. Pure.

Each moment is written down once, also after downtime, by the state that `duty.apply` keeps of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from schemas import duties as du
from server.domain import alarming, joint_moments
from server.domain.duty import Asked, Duty, Item, Shift

#: So long after its beginning a shift may be taken over before it is said to be late (our own design).
GRACE = timedelta(minutes=10)
#: The last moment that is in time is in time.
AFTER = timedelta(milliseconds=1)

Moment = tuple[datetime, Callable[[datetime], du.DutyEvent]]


def next_alarm(duty: Duty) -> datetime | None:
    """The first moment to come that has to be written down."""
    return min((at for at, _make in _moments(duty, (duty.unit,))), default=None)


def to_come(duty: Duty) -> set[datetime]:
    """Every moment that is still to be written down."""
    return {at for at, _make in _moments(duty, (duty.unit,))}


def passing(duty: Duty, now: datetime, carried: Sequence[str]) -> tuple[datetime, list[du.DutyEvent]] | None:
    """The first moment that has come, and its event. `carried`: the unit and all above it."""
    due = [(at, make) for at, make in _moments(duty, carried) if at <= now]
    if not due:
        return None
    at, make = min(due, key=lambda pair: pair[0])
    return at, [make(now)]


def _moments(duty: Duty, carried: Sequence[str]) -> Iterator[Moment]:
    units = list(carried)
    standing = duty.standing()
    on = duty.on()
    for number, shift in enumerate(standing):
        if on is not None and shift.starts_at < on.starts_at:
            continue  # the duty has gone on since
        if shift.ends_at <= shift.planned_at:
            continue  # entered later, from paper
        if shift.taken_at is None and not shift.is_noted_late:
            due = max(shift.starts_at, shift.planned_at) + GRACE
            yield due, _late(duty, shift, due, units)
        following = standing[number + 1] if number + 1 < len(standing) else None
        is_covered = following is not None and following.starts_at <= shift.ends_at
        if not is_covered and not shift.is_noted_gap:
            yield shift.ends_at, _gap(duty, shift, units)
    for item in duty.open_items():
        if item.due_at is not None and not item.is_noted_late:
            yield item.due_at + AFTER, _item(duty, item, item.due_at, units)
    for asked in duty.asked.values():
        if asked.is_open and asked.unanswered_at is None:
            yield asked.answer_by + AFTER, _answer(duty, asked)
    for period in duty.joint.values():
        yield from joint_moments.moments(period, duty.unit, units)
    yield from alarming.moments(duty)


def _by(now: datetime, due: datetime) -> int:
    return max(0, int((now - due).total_seconds()))


def _late(duty: Duty, shift: Shift, due: datetime, units: list[str]) -> Callable[[datetime], du.DutyEvent]:
    """Somebody before it still answers, or nobody does."""

    def make(now: datetime) -> du.DutyEvent:
        to = list(dict.fromkeys([*duty.names(), *shift.names()]))
        if duty.on() is not None:
            return du.HandoverLate(
                unit=duty.unit,
                units=units,
                shift_id=shift.shift_id,
                due_at=due,
                late_by_s=_by(now, due),
                to=to,
            )
        return du.DutyUnmanned(
            unit=duty.unit,
            units=units,
            why="not_taken_over",
            shift_id=shift.shift_id,
            due_at=due,
            late_by_s=_by(now, due),
            to=to,
        )

    return make


def _gap(duty: Duty, shift: Shift, units: list[str]) -> Callable[[datetime], du.DutyEvent]:
    return lambda now: du.DutyUnmanned(
        unit=duty.unit,
        units=units,
        why="nobody_planned",
        shift_id=shift.shift_id,
        due_at=shift.ends_at,
        late_by_s=_by(now, shift.ends_at),
        to=duty.names() or shift.names(),
    )


def _item(duty: Duty, item: Item, due: datetime, units: list[str]) -> Callable[[datetime], du.DutyEvent]:
    return lambda now: du.DutyItemOverdue(
        unit=duty.unit,
        units=units,
        item_id=item.item_id,
        due_at=due,
        late_by_s=_by(now, due),
        to=duty.names(),
    )


def _answer(duty: Duty, asked: Asked) -> Callable[[datetime], du.DutyEvent]:
    return lambda now: du.RollUnanswered(
        unit=duty.unit,
        units=[duty.unit, asked.caller],
        roll_id=asked.roll_id,
        caller=asked.caller,
        due_at=asked.answer_by,
        late_by_s=_by(now, asked.answer_by),
    )
