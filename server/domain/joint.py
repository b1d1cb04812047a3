"""A joint duty (联合值守) as the log tells it: its seats, its data, what one asks another. Pure.

`fold` takes in one entry. It belongs to the duty of the unit that opened the period, as a roll-call does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas import joint as jd
from schemas.joint import JointKind


@dataclass(slots=True)
class Seat:
    """A department's seat (席位). `empty_since`: since when nobody is there; None while somebody is."""

    seat: str
    required: bool
    empty_since: datetime | None
    name: str | None = None
    phone: str | None = None
    since: datetime | None = None
    last: str | None = None  # who was there last
    rest: str | None = None  # what they said of what remains
    noted_at: datetime | None = None  # when the log said that it is empty


@dataclass(slots=True)
class Data:
    """Something to be handed in at set times. `due_at` is the first time that nothing came for."""

    data_id: str
    seat: str
    text: str
    every: timedelta
    shared: bool
    due_at: datetime
    handed_at: datetime | None = None
    handed_by: str | None = None
    value: str | None = None
    missed: int = 0  # times noted as passed since
    stopped_at: datetime | None = None

    @property
    def next_late(self) -> datetime:
        """The next time whose passing is still to be noted."""
        return self.due_at + self.every * self.missed

    def after(self, moment: datetime) -> datetime:
        """The first set time after what was handed in at a moment: early counts for the one to come."""
        half = self.every / 2
        due = self.due_at
        if moment < due - half:
            return due  # an extra one: the next is owed all the same
        steps = max(0, (moment - due + half) // self.every) + 1
        return due + self.every * steps


@dataclass(slots=True)
class Request:
    """What one seat, or the desk, asks another."""

    request_id: str
    asked_by: str
    by: str
    to: str
    text: str
    asked_at: datetime
    take_by: datetime
    answer_by: datetime
    taken_at: datetime | None = None
    taken_by: str | None = None
    answered_at: datetime | None = None
    answered_by: str | None = None
    answer: str | None = None
    late_take: bool = False
    late_answer: bool = False
    chased: int = 0
    chased_text: str | None = None

    @property
    def is_open(self) -> bool:
        return self.answered_at is None


@dataclass(slots=True)
class Period:
    """A period of joint duty (联合值守)."""

    period_id: str
    kind: JointKind
    title: str
    drill: bool
    starts_at: datetime
    ends_at: datetime
    opened_at: datetime
    by: str
    seats: dict[str, Seat] = field(default_factory=dict)
    data: dict[str, Data] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    closed_at: datetime | None = None
    closed_why: str | None = None
    ran_out: bool = False

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def remaining(self, seat: str | None = None) -> Iterator[jd.Remaining]:
        """What is open: of one seat, or of all. Of data what is owed next."""
        for one in self.requests.values():
            if one.is_open and seat in (None, one.to):
                yield jd.Remaining(
                    what="request", id=one.request_id, seat=one.to, text=one.text, due_at=one.answer_by
                )
        for data in self.data.values():
            if data.stopped_at is None and seat in (None, data.seat):
                yield jd.Remaining(
                    what="data", id=data.data_id, seat=data.seat, text=data.text, due_at=data.due_at
                )


def fold(periods: dict[str, Period], event: jd.JointEvent, by: str, at: datetime) -> None:
    """Take in what `by` wrote down at `at`."""
    if isinstance(event, jd.JointDutyOpened):
        periods[event.period_id] = _opened(event, by, at)
        return
    period = periods[event.period_id]
    match event:
        case jd.JointDutyExtended():
            if event.ends_at != period.ends_at:
                period.ends_at, period.ran_out = event.ends_at, False
            for seat in event.required:
                known = period.seats.get(seat)
                if known is None:
                    period.seats[seat] = Seat(seat, True, at)
                elif not known.required:  # from now on somebody has to be there
                    known.required = True
                    if known.name is None:
                        known.empty_since = max(at, period.starts_at)
        case jd.JointDutyClosed():
            period.closed_at, period.closed_why = at, event.reason
        case jd.JointDutyRanOut():
            period.ran_out = True
        case jd.JointSeatTaken() | jd.JointSeatLeft() | jd.JointRestNoted() | jd.JointSeatEmpty():
            _fold_seat(period.seats[event.seat], event, at)
        case jd.JointDataAsked():
            period.data[event.data_id] = Data(
                event.data_id,
                event.seat,
                event.text,
                timedelta(minutes=event.every_min),
                event.shared,
                event.first_due_at,
            )
        case jd.JointDataStopped():
            period.data[event.data_id].stopped_at = at
        case jd.JointDataHandedIn():
            data = period.data[event.data_id]
            data.handed_at, data.handed_by, data.value = event.at, by, event.text
            data.due_at, data.missed = event.next_due_at, 0
        case jd.JointDataLate():
            period.data[event.data_id].missed = event.missed
        case jd.RequestEvent():
            _fold_request(period, event, by, at)
        case _:
            raise AssertionError(f"{event.type} is not folded")


def _opened(event: jd.JointDutyOpened, by: str, at: datetime) -> Period:
    period = Period(
        event.period_id, event.kind, event.title, event.drill, event.starts_at, event.ends_at, at, by
    )
    empty = max(at, event.starts_at)
    for seat in (*event.required, *event.others):
        period.seats[seat] = Seat(seat, seat in event.required, empty)
    return period


def _fold_seat(seat: Seat, event: jd.JointEvent, at: datetime) -> None:
    match event:
        case jd.JointSeatTaken():
            seat.last = event.relieved or seat.last
            seat.name, seat.phone, seat.since = event.name, event.phone, event.at
            seat.empty_since = seat.noted_at = None
        case jd.JointSeatLeft():
            seat.last, seat.name, seat.phone, seat.since = event.name, None, None, None
            seat.empty_since = at
        case jd.JointRestNoted():
            seat.rest = event.text
        case jd.JointSeatEmpty():
            seat.noted_at = at


def _fold_request(period: Period, event: jd.RequestEvent, by: str, at: datetime) -> None:
    if isinstance(event, jd.JointRequestAsked):
        period.requests[event.request_id] = Request(
            event.request_id,
            event.asked_by,
            by,
            event.to,
            event.text,
            at,
            event.take_by,
            event.answer_by,
        )
        return
    one = period.requests[event.request_id]
    match event:
        case jd.JointRequestTaken():
            one.taken_at, one.taken_by = event.at, event.name
        case jd.JointRequestAnswered():
            one.answered_at, one.answered_by, one.answer = event.at, event.name, event.text
        case jd.JointRequestChased():
            one.chased, one.chased_text = one.chased + 1, event.text
            one.answer_by, one.late_answer = event.answer_by, False
        case jd.JointRequestLate(waits_for="take"):
            one.late_take = True
        case jd.JointRequestLate():
            one.late_answer = True
