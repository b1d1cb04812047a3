"""From the joint duties of a unit to the rows that screens read. Pure; verification uses the same."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from sqlalchemy import Table

from schemas import joint as jd
from server.domain.duty import Duty
from server.record.joint_tables import JOINT_DATA, JOINT_DUTY, JOINT_REQUEST, JOINT_SEAT

Rows = Callable[..., list[dict[str, Any]]]


def changed_by_joint(event: jd.JointEvent, duty: Duty) -> set[str]:
    """The rows that an event has changed, by their keys in the unit: the period's, and what lies in it."""
    period = duty.joint[event.period_id]
    match event:
        case jd.JointDutyOpened() | jd.JointDutyExtended():
            return {period.period_id, *(f"{period.period_id} {seat}" for seat in period.seats)}
        case jd.JointDutyClosed() | jd.JointDutyRanOut():
            return {period.period_id}
        case jd.JointSeatTaken() | jd.JointSeatLeft() | jd.JointRestNoted() | jd.JointSeatEmpty():
            return {f"{period.period_id} {event.seat}"}
        case jd.RequestEvent():
            return {f"{period.period_id} {event.request_id}"}
        case jd.JointDataAsked() | jd.JointDataStopped() | jd.JointDataHandedIn() | jd.JointDataLate():
            return {f"{period.period_id} {event.data_id}"}
        case _:
            raise AssertionError(f"{event.type} changes no row")


def period_rows(duty: Duty, only: Container[str] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "period_id": one.period_id,
            "unit": duty.unit,
            "kind": one.kind,
            "title": one.title,
            "drill": one.drill,
            "starts_at": one.starts_at,
            "ends_at": one.ends_at,
            "opened_at": one.opened_at,
            "opened_by": one.by,
            "ran_out": one.ran_out,
            "closed_at": one.closed_at,
            "closed_why": one.closed_why,
        }
        for one in duty.joint.values()
        if only is None or one.period_id in only
    ]


def seat_rows(duty: Duty, only: Container[str] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "period_id": period.period_id,
            "seat": one.seat,
            "unit": duty.unit,
            "required": one.required,
            "name": one.name,
            "phone": one.phone,
            "since": one.since,
            "empty_since": one.empty_since,
            "noted_at": one.noted_at,
            "last": one.last,
            "rest": one.rest,
        }
        for period in duty.joint.values()
        for one in period.seats.values()
        if only is None or f"{period.period_id} {one.seat}" in only
    ]


def data_rows(duty: Duty, only: Container[str] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "data_id": one.data_id,
            "period_id": period.period_id,
            "unit": duty.unit,
            "seat": one.seat,
            "text": one.text,
            "every_min": one.every.days * 1440 + one.every.seconds // 60,
            "shared": one.shared,
            "due_at": one.due_at,
            "missed": one.missed,
            "handed_at": one.handed_at,
            "handed_by": one.handed_by,
            "value": one.value,
            "stopped_at": one.stopped_at,
        }
        for period in duty.joint.values()
        for one in period.data.values()
        if only is None or f"{period.period_id} {one.data_id}" in only
    ]


def request_rows(duty: Duty, only: Container[str] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "request_id": one.request_id,
            "period_id": period.period_id,
            "unit": duty.unit,
            "asked_by": one.asked_by,
            "by_name": one.by,
            "to_unit": one.to,
            "text": one.text,
            "asked_at": one.asked_at,
            "take_by": one.take_by,
            "answer_by": one.answer_by,
            "taken_at": one.taken_at,
            "taken_by": one.taken_by,
            "answered_at": one.answered_at,
            "answered_by": one.answered_by,
            "answer": one.answer,
            "late_take": one.late_take,
            "late_answer": one.late_answer,
            "chased": one.chased,
            "chased_text": one.chased_text,
        }
        for period in duty.joint.values()
        for one in period.requests.values()
        if only is None or f"{period.period_id} {one.request_id}" in only
    ]


#: Table, its key, the rows that a unit's duty makes for it.
JOINT_TABLES: tuple[tuple[Table, tuple[str, ...], Rows], ...] = (
    (JOINT_DUTY, ("unit", "period_id"), period_rows),
    (JOINT_SEAT, ("unit", "period_id", "seat"), seat_rows),
    (JOINT_DATA, ("unit", "period_id", "data_id"), data_rows),
    (JOINT_REQUEST, ("unit", "period_id", "request_id"), request_rows),
)
