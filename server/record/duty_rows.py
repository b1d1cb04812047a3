"""From a duty's state to the rows that screens and the watch read. Pure; verification uses the same."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import orjson

from schemas import duties as du
from schemas import joint as jd
from schemas.fields import wire_instant
from server.domain.alarm_state import Alarm
from server.domain.duty import Duty
from server.domain.duty_alarms import next_alarm
from server.domain.walls import Wall
from server.record.joint_rows import changed_by_joint

#: What the subject of a duty's entries begins with.
DUTY_SUBJECT = "duty:"


def subject_of(unit: str) -> str:
    """What entries of a unit's duty belong to, as their column has it."""
    return DUTY_SUBJECT + unit


def changed_by(event: du.DutyEvent, duty: Duty) -> set[str]:
    """The shifts, roll-calls and months whose rows an event has changed: a year is not written anew."""
    match event:
        case du.ShiftsPlanned():
            return {one.shift_id for one in event.shifts}
        case du.ShiftChanged():
            return {event.shift.shift_id}
        case du.ShiftsCancelled():
            return set(event.shift_ids)
        case du.SwapDecided():
            swap = duty.swaps[event.swap_id]
            return {place.shift_id for place in (swap.place, swap.in_return) if place is not None}
        case du.ShiftTakenOver():
            return {one for one in (event.shift_id, event.from_shift) if one is not None}
        case du.RollAsked() | du.RollAnswered() | du.RollUnanswered() | du.RollMissed():
            return {event.roll_id}
        case du.MonthSealed():
            return {event.month}
        case jd.JointEvent():
            return changed_by_joint(event, duty)
        case _:
            return set()


def duty_row(duty: Duty) -> dict[str, Any]:
    assert duty.changed_at is not None
    return {
        "unit": duty.unit,
        "version": duty.version,
        "changed_at": duty.changed_at,
        "rostered": any(not shift.is_cancelled for shift in duty.shifts.values()),
        "shift_id": duty.current,
        "since": duty.since,
        "next_alarm_at": next_alarm(duty),
        "alarms": _json(alarms_shown(duty)),
        "silent": _json(silent_shown(duty)),
        "wall": _json(wall_shown(duty)),
    }


def wall_shown(duty: Duty) -> dict[str, Any]:
    """What a unit's desk has arranged for its wall screens; nothing where it never did."""
    wall = duty.wall
    if wall == Wall():
        return {}
    return {
        "scenes": [one.model_dump(mode="json") for one in wall.scenes],
        "shown": wall.shown,
        "said_at": wire_instant(wall.said_at) if wall.said_at else None,
    }


def silent_shown(duty: Duty) -> list[dict[str, Any]]:
    """The channels by which nothing gets out."""
    return [
        {"channel": one.channel, "name": one.name, "fault": one.fault, "since": wire_instant(one.since)}
        for one in duty.silent.values()
    ]


def alarms_shown(duty: Duty) -> list[dict[str, Any]]:
    """The alarms that nobody has taken."""
    return [_alarm(one) for one in duty.open_alarms()]


def _alarm(alarm: Alarm) -> dict[str, Any]:
    """An alarm that nobody has taken, as screens show it."""
    said, step = alarm.raised, alarm.next_step
    return {
        "alarm_id": said.alarm_id,
        "kind": said.kind,
        "text": said.text,
        "text_en": said.text_en,
        "incident_id": said.incident_id,
        "number": said.number,
        "title": said.title,
        "drill": said.drill,
        "due_at": wire_instant(said.due_at),
        "raised_at": wire_instant(alarm.raised_at),
        "called": list(alarm.called),
        "next": None if step is None else {"to": step.to, "at": wire_instant(step.at), "names": step.names},
    }


def shift_rows(duty: Duty, only: Container[str] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "shift_id": shift.shift_id,
            "unit": duty.unit,
            "starts_at": shift.starts_at,
            "ends_at": shift.ends_at,
            "posts": _json([one.model_dump(exclude_none=True) for one in shift.posts]),
            "leader": _json(shift.leader.model_dump(exclude_none=True)) if shift.leader else None,
            "cancelled": shift.is_cancelled,
            "taken_at": shift.taken_at,
            "taken_by": shift.taken_by,
            "ended_at": shift.ended_at,
        }
        for shift in duty.shifts.values()
        if only is None or shift.shift_id in only
    ]


def roll_rows(duty: Duty, only: Container[str] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "roll_id": asked.roll_id,
            "unit": duty.unit,
            "caller": asked.caller,
            "text": asked.text,
            "drill": asked.drill,
            "asked_at": asked.asked_at,
            "answer_by": asked.answer_by,
            "unanswered_at": asked.unanswered_at,
            "answered_at": asked.answered_at,
            "answered_by": asked.answered_by,
            "delay_s": asked.delay_s,
            "channel": asked.channel,
            "missed": asked.is_missed,
        }
        for asked in duty.asked.values()
        if only is None or asked.roll_id in only
    ]


def seal_rows(duty: Duty, only: Container[str] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "unit": duty.unit,
            "month": one.month,
            "sealed_at": one.sealed_at,
            "name": one.name,
            "rules": one.rules,
            "final_met": one.final.numerator,
            "final_of": one.final.denominator,
            "initial_met": one.initial.numerator,
            "initial_of": one.initial.denominator,
            "incidents": _json([said.model_dump() for said in one.incidents]),
        }
        for one in duty.sealed.values()
        if only is None or one.month in only
    ]


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
