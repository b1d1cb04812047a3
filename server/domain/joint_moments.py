"""What time brings to a joint duty: an empty seat, data or an answer overdue, a period that ran out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from schemas import joint as jd
from server.domain.joint import Data, Period, Request, Seat

#: So long a seat that must be manned may be empty before it is said (our own design, as for a shift).
SEAT_GRACE = timedelta(minutes=10)
AFTER = timedelta(milliseconds=1)

Moment = tuple[datetime, Callable[[datetime], jd.JointEvent]]


def of_seats(period: Period, above: Sequence[str]) -> list[str]:
    """Whose streams carry what all with a seat may see."""
    return list(dict.fromkeys([*above, *period.seats]))


def of_data(period: Period, data: Data, above: Sequence[str]) -> list[str]:
    return of_seats(period, above) if data.shared else list(dict.fromkeys([*above, data.seat]))


def of_request(one: Request, above: Sequence[str]) -> list[str]:
    """These two and whoever opened the period: no third department learns of it."""
    return list(dict.fromkeys([*above, one.asked_by, one.to]))


def moments(period: Period, unit: str, above: Sequence[str]) -> Iterator[Moment]:
    """What is still to be written down of an open period. `above`: who opened it, and all above that."""
    if not period.is_open:
        return
    for seat in period.seats.values():
        if seat.required and seat.empty_since is not None and seat.noted_at is None:
            due = max(seat.empty_since, period.starts_at) + SEAT_GRACE
            if due < period.ends_at:
                yield due, _empty(period, seat, due, unit, above)
    for data in period.data.values():
        if data.stopped_at is None and data.next_late < period.ends_at:
            yield data.next_late + AFTER, _data(period, data, unit, above)
    for one in period.requests.values():
        if not one.is_open:
            continue
        if one.taken_at is None and not one.late_take:
            yield one.take_by + AFTER, _request(period, one, "take", one.take_by, unit, above)
        if not one.late_answer:
            yield one.answer_by + AFTER, _request(period, one, "answer", one.answer_by, unit, above)
    if not period.ran_out:
        yield period.ends_at + AFTER, _ran_out(period, unit, above)


def _by(now: datetime, due: datetime) -> int:
    return max(0, int((now - due).total_seconds()))


def _empty(
    period: Period, seat: Seat, due: datetime, unit: str, above: Sequence[str]
) -> Callable[[datetime], jd.JointEvent]:
    return lambda now: jd.JointSeatEmpty(
        unit=unit,
        units=of_seats(period, above),
        period_id=period.period_id,
        seat=seat.seat,
        drill=period.drill,
        due_at=due,
        late_by_s=_by(now, due),
    )


def _data(period: Period, data: Data, unit: str, above: Sequence[str]) -> Callable[[datetime], jd.JointEvent]:
    """One entry for all the times that have passed: a night without the program is one line, not ten."""

    def make(now: datetime) -> jd.JointEvent:
        until = min(now, period.ends_at - AFTER) - AFTER
        passed = (until - data.due_at) // data.every + 1
        return jd.JointDataLate(
            unit=unit,
            units=of_data(period, data, above),
            period_id=period.period_id,
            data_id=data.data_id,
            seat=data.seat,
            missed=max(passed, data.missed + 1),
            due_at=data.due_at,
            late_by_s=_by(now, data.due_at),
        )

    return make


def _request(
    period: Period, one: Request, waits_for: jd.JointWaits, due: datetime, unit: str, above: Sequence[str]
) -> Callable[[datetime], jd.JointEvent]:
    return lambda now: jd.JointRequestLate(
        unit=unit,
        units=of_request(one, above),
        period_id=period.period_id,
        request_id=one.request_id,
        asked_by=one.asked_by,
        to=one.to,
        waits_for=waits_for,
        due_at=due,
        late_by_s=_by(now, due),
    )


def _ran_out(period: Period, unit: str, above: Sequence[str]) -> Callable[[datetime], jd.JointEvent]:
    return lambda now: jd.JointDutyRanOut(
        unit=unit,
        units=of_seats(period, above),
        period_id=period.period_id,
        due_at=period.ends_at,
        late_by_s=_by(now, period.ends_at),
    )
