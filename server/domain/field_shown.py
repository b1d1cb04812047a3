"""An incident's people on the spot as the wire and the boards have them. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.fields import wire_instant
from server.domain.field_work import FieldWork, Help, Person


def shown(work: FieldWork, now: datetime) -> dict[str, Any]:
    """`field` of `GET /incidents/{id}`: who was heard of last stands first; so do counts and requests."""
    people = sorted(work.people, key=_heard_of, reverse=True)
    requests = sorted(reversed(work.requests.values()), key=lambda one: one.at, reverse=True)
    counts = sorted(reversed(work.counts.values()), key=lambda one: one.at, reverse=True)
    return {
        "people": [_person(one, now) for one in people],
        "inside": _plain(work.inside()._asdict()),
        "teams": [_plain(one._asdict()) for one in work.teams()],
        "counts": [_plain(one._asdict()) for one in counts],
        "requests": [_help(one) for one in requests],
    }


def _heard_of(one: Person) -> datetime:
    moments = [said.at for said in (one.status, one.position) if said is not None]
    return max(moments)


def _person(one: Person, now: datetime) -> dict[str, Any]:
    status, position = one.status, one.position
    made: dict[str, Any] = {
        "person": one.person,
        "unit": one.unit,
        "status": None if status is None else str(status.status),
        "status_at": None if status is None else wire_instant(status.at),
        "status_text": None if status is None else status.text,
        "status_recorded_at": None if status is None else wire_instant(status.recorded_at),
        "position": None,
    }
    if position is not None:
        age = max(0, int((now - position.at).total_seconds()))
        made["position"] = {**_plain(position._asdict()), "age_s": age}
    return made


def _help(one: Help) -> dict[str, Any]:
    return {
        "request_id": one.request_id,
        "kind": str(one.kind),
        "quantity": one.quantity,
        "text": one.text,
        "at": wire_instant(one.at),
        "person": one.person,
        "unit": one.unit,
        "by": one.by,
        "recorded_at": wire_instant(one.recorded_at),
        "answer_by": wire_instant(one.answer_by),
        "overdue": one.is_overdue,
        "open": one.is_open,
        "accepted": one.answers[-1].accepted if one.answers else None,
        "answers": [_plain(said._asdict()) for said in one.answers],
    }


def _plain(said: dict[str, Any]) -> dict[str, Any]:
    return {
        name: wire_instant(value) if isinstance(value, datetime) else value for name, value in said.items()
    }
