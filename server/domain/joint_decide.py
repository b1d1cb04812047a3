"""Decide about a joint duty: who may sit where, what is asked of whom, what remains. Pure.

Who has no seat in a period is told that there is none. The desk that opened it writes down what a department
said by phone: then `on_behalf_of` says who spoke.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from datetime import datetime, timedelta
from typing import Any

from schemas import joint as jd
from schemas.duty_parts import DutyEvent
from server.domain import joint_moments as jm
from server.domain.context import Refused
from server.domain.duty import Duty
from server.domain.duty_context import DutyContext
from server.domain.joint import Data, Period, Request, Seat
from server.domain.validity import is_said

#: Longer than a year is a slip of the keyboard.
LONGEST = timedelta(days=366)


def decide(duty: Duty, command: jd.JointCommand, context: DutyContext) -> list[DutyEvent]:
    return [*_decided(duty, command, context)]


def _decided(duty: Duty, command: jd.JointCommand, context: DutyContext) -> list[jd.JointEvent]:
    if isinstance(command, jd.OpenJointDuty):
        return _open(duty, command, context)
    period = _seen(duty, command, context)
    if not period.is_open:
        raise Refused("joint-duty-closed", "/period_id", kind="conflict")
    match command:
        case jd.ExtendJointDuty():
            return _extend(period, command, context)
        case jd.CloseJointDuty():
            return _close(period, command, context)
        case jd.SeatCommand():
            return _seat(period, command, context)
        case jd.AskJointData() | jd.StopJointData() | jd.HandInJointData():
            return _data(period, command, context)
        case jd.AskJointRequest():
            return [_ask(period, command, context)]
        case jd.RequestCommand():
            return _request(period, command, context)
        case _:
            raise AssertionError(f"no decision for {command.name}")


def _above(unit: str, context: DutyContext) -> tuple[str, ...]:
    return context.tree.ancestors(unit)


def _seen(duty: Duty, command: jd.JointCommand, context: DutyContext) -> Period:
    mine, period = context.author.unit, duty.joint.get(command.period_id)
    if period is None or (mine not in period.seats and mine not in _above(duty.unit, context)):
        raise Refused("no-such-joint-duty", "/period_id", kind="missing")
    return period


def _about(period: Period, command: jd.JointCommand, units: Sequence[str]) -> dict[str, Any]:
    return {"unit": command.unit, "units": list(units), "period_id": period.period_id}


def _only_the_opener(command: jd.JointCommand, context: DutyContext) -> None:
    if context.author.unit != command.unit:
        raise Refused("not-your-joint-duty", "/unit", kind="forbidden")


def _speaks_for(unit: str, pointer: str, command: jd.JointCommand, context: DutyContext) -> None:
    """A seat speaks for itself; what was said by phone is written down by who opened the period."""
    mine = context.author.unit
    if mine != unit and not (mine == command.unit and command.on_behalf_of is not None):
        raise Refused("not-your-seat", pointer, kind="forbidden")


# ---------------------------------------------------------------- the period


def _open(duty: Duty, command: jd.OpenJointDuty, context: DutyContext) -> list[jd.JointEvent]:
    if context.author.unit != command.unit:
        raise Refused("no-such-joint-duty", "/unit", kind="missing")
    if command.period_id in duty.joint:
        raise Refused("joint-duty-exists", "/period_id", kind="conflict")
    _refuse_bad_end(command.starts_at, command.ends_at, context)
    required = _called(command.required, "required", command, context)
    others = [one for one in _called(command.others or [], "others", command, context) if one not in required]
    _refuse_too_many([*required, *others], "/others")
    units = [*_above(command.unit, context), *required, *others]
    return [
        jd.JointDutyOpened(
            unit=command.unit,
            units=list(dict.fromkeys(units)),
            period_id=command.period_id,
            kind=command.kind,
            title=command.title,
            starts_at=command.starts_at,
            ends_at=command.ends_at,
            required=required,
            others=others,
            drill=command.drill,
        )
    ]


def _called(units: Sequence[str], field: str, command: jd.JointCommand, context: DutyContext) -> list[str]:
    for index, unit in enumerate(units):
        if unit == command.unit or not context.tree.covers(command.unit, unit):
            raise Refused("not-below", f"/{field}/{index}", unit=unit)
    return list(dict.fromkeys(units))


def _refuse_too_many(seats: Sized, pointer: str) -> None:
    """Every entry that all seats hear is carried by as many streams."""
    if len(seats) > jd.MOST_SEATS:
        raise Refused("too-many-seats", pointer, most=jd.MOST_SEATS)


def _refuse_bad_end(starts_at: datetime, ends_at: datetime, context: DutyContext) -> None:
    if ends_at <= max(starts_at, context.now):
        raise Refused("ends-before-it-starts", "/ends_at")
    if ends_at - starts_at > LONGEST:
        raise Refused("joint-duty-too-long", "/ends_at")


def _extend(period: Period, command: jd.ExtendJointDuty, context: DutyContext) -> list[jd.JointEvent]:
    _only_the_opener(command, context)
    ends_at = command.ends_at or period.ends_at
    if command.ends_at is not None:
        _refuse_bad_end(period.starts_at, ends_at, context)
    called = _called(command.required or [], "required", command, context)
    fresh = [one for one in called if one not in period.seats or not period.seats[one].required]
    _refuse_too_many({*period.seats, *fresh}, "/required")
    if ends_at == period.ends_at and not fresh:
        raise Refused("nothing-to-change", "/ends_at")
    units = [*jm.of_seats(period, _above(command.unit, context)), *fresh]
    about = _about(period, command, list(dict.fromkeys(units)))
    return [
        jd.JointDutyExtended(
            **about,
            title=period.title,
            starts_at=period.starts_at,
            ends_at=ends_at,
            required=fresh,
            drill=period.drill,
            reason=command.reason,
        )
    ]


def _close(period: Period, command: jd.CloseJointDuty, context: DutyContext) -> list[jd.JointEvent]:
    _only_the_opener(command, context)
    about = _about(period, command, jm.of_seats(period, _above(command.unit, context)))
    return [jd.JointDutyClosed(**about, reason=command.reason)]


# ---------------------------------------------------------------- seats


def _seat(period: Period, command: jd.SeatCommand, context: DutyContext) -> list[jd.JointEvent]:
    seat = period.seats.get(command.seat)
    if seat is None:
        raise Refused("no-such-seat", "/seat", kind="missing")
    _speaks_for(command.seat, "/seat", command, context)
    about = _about(period, command, jm.of_seats(period, _above(command.unit, context)))
    name = context.signer(command)
    if isinstance(command, jd.TakeJointSeat):
        if seat.name == name:
            return []  # signing in twice is not an error
        return [
            jd.JointSeatTaken(
                **about,
                seat=seat.seat,
                name=name,
                phone=command.phone,
                at=command.at,
                relieved=seat.name,
            )
        ]
    assert isinstance(command, jd.LeaveJointSeat)
    return _leave(period, seat, command, about, context)


def _leave(
    period: Period, seat: Seat, command: jd.LeaveJointSeat, about: dict[str, Any], context: DutyContext
) -> list[jd.JointEvent]:
    """What remains is handed to somebody by name, or carried over with a word about it."""
    if seat.name is None:
        raise Refused("seat-empty", "/seat", kind="conflict")
    rest, to = list(period.remaining(seat.seat)), command.to
    if rest and to is None and not is_said(command.text):
        raise Refused("say-what-remains", "/text", count=len(rest))
    said: dict[str, Any] = {"seat": seat.seat, "name": seat.name, "to": to.name if to else None}
    made: list[jd.JointEvent] = [
        jd.JointSeatLeft(**about, **said, at=command.at),
    ]
    if rest or is_said(command.text):
        own = list(dict.fromkeys([*_above(command.unit, context), seat.seat]))
        made.append(jd.JointRestNoted(**{**about, "units": own}, **said, items=rest, text=command.text))
    if to is not None:
        made.append(jd.JointSeatTaken(**about, seat=seat.seat, name=to.name, phone=to.phone, at=command.at))
    return made


# ---------------------------------------------------------------- data


def _data(
    period: Period,
    command: jd.AskJointData | jd.StopJointData | jd.HandInJointData,
    context: DutyContext,
) -> list[jd.JointEvent]:
    above = _above(command.unit, context)
    if isinstance(command, jd.AskJointData):
        _only_the_opener(command, context)
        if command.seat not in period.seats:
            raise Refused("no-such-seat", "/seat", kind="missing")
        if not period.starts_at <= command.first_due_at < period.ends_at:
            raise Refused("joint-data-outside", "/first_due_at")
        if command.data_id in period.data:
            raise Refused("joint-data-exists", "/data_id", kind="conflict")
        every = timedelta(minutes=command.every_min)
        asked = Data(command.data_id, command.seat, command.text, every, command.shared, command.first_due_at)
        return [
            jd.JointDataAsked(
                **_about(period, command, jm.of_data(period, asked, above)),
                data_id=command.data_id,
                seat=command.seat,
                text=command.text,
                every_min=command.every_min,
                first_due_at=command.first_due_at,
                shared=command.shared,
            )
        ]
    data = period.data.get(command.data_id)
    if data is None or (context.author.unit not in (*above, data.seat) and not data.shared):
        raise Refused("no-such-joint-data", "/data_id", kind="missing")
    about = _about(period, command, jm.of_data(period, data, above))
    said = {"data_id": data.data_id, "seat": data.seat}
    if isinstance(command, jd.StopJointData):
        _only_the_opener(command, context)
        if data.stopped_at is not None:
            return []
        return [jd.JointDataStopped(**about, **said, reason=command.reason)]
    _speaks_for(data.seat, "/data_id", command, context)
    if data.stopped_at is not None:
        raise Refused("joint-data-stopped", "/data_id", kind="conflict")
    following = data.after(command.at)
    return [
        jd.JointDataHandedIn(
            **about,
            **said,
            text=command.text,
            at=command.at,
            due_at=data.due_at,
            next_due_at=following,
        )
    ]


# ---------------------------------------------------------------- requests


def _ask(period: Period, command: jd.AskJointRequest, context: DutyContext) -> jd.JointEvent:
    mine = context.author.unit
    if mine not in (*period.seats, command.unit):
        raise Refused("not-your-joint-duty", "/unit", kind="forbidden")
    if command.request_id in period.requests:
        raise Refused("joint-request-exists", "/request_id", kind="conflict")
    if command.to == mine or command.to not in (*period.seats, command.unit):
        raise Refused("no-such-seat", "/to", kind="missing")
    now = context.now
    answer_by = now + timedelta(minutes=command.answer_within_min)
    units = dict.fromkeys([*_above(command.unit, context), mine, command.to])
    return jd.JointRequestAsked(
        **_about(period, command, list(units)),
        request_id=command.request_id,
        asked_by=mine,
        to=command.to,
        text=command.text,
        take_by=min(answer_by, now + timedelta(minutes=command.take_within_min)),
        answer_by=answer_by,
    )


def _request(period: Period, command: jd.RequestCommand, context: DutyContext) -> list[jd.JointEvent]:
    above = _above(command.unit, context)
    one = period.requests.get(command.request_id)
    if one is None or context.author.unit not in (*above, one.asked_by, one.to):
        raise Refused("no-such-joint-request", "/request_id", kind="missing")
    about: dict[str, Any] = {
        **_about(period, command, jm.of_request(one, above)),
        "request_id": one.request_id,
        "asked_by": one.asked_by,
        "to": one.to,
    }
    if isinstance(command, jd.ChaseJointRequest):
        if context.author.unit not in (one.asked_by, command.unit):
            raise Refused("not-your-request", "/request_id", kind="forbidden")
        _refuse_answered(one)
        answer_by = context.now + timedelta(minutes=command.answer_within_min)
        return [jd.JointRequestChased(**about, text=command.text, answer_by=answer_by)]
    _speaks_for(one.to, "/request_id", command, context)
    name = context.signer(command)
    if isinstance(command, jd.TakeJointRequest):
        if one.taken_at is not None or not one.is_open:
            return []  # saying "mine" twice is not an error
        return [jd.JointRequestTaken(**about, at=command.at, name=name)]
    assert isinstance(command, jd.AnswerJointRequest)
    _refuse_answered(one)
    return [jd.JointRequestAnswered(**about, at=command.at, name=name, text=command.text)]


def _refuse_answered(one: Request) -> None:
    if not one.is_open:
        raise Refused("joint-request-answered", "/request_id", kind="conflict")
