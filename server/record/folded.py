"""An incident's state, folded from its entries, as far as a unit may see it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select

from schemas.events import LOG_ENTRY
from schemas.fields import wire_instant
from server.domain.drafts import Draft
from server.domain.incident import Incident, fold
from server.domain.instructions import Instruction
from server.record.database import Database
from server.record.store import load_incident
from server.record.tables import ENTRY, INCIDENT_UNIT


def incident_seen_by(database: Database, viewer: str, incident_id: str) -> Incident | None:
    """The state, or None when there is none that this unit may see. Synchronous: call in a thread."""
    query = select(INCIDENT_UNIT.c.unit).where(
        INCIDENT_UNIT.c.unit == viewer, INCIDENT_UNIT.c.incident_id == incident_id
    )
    with database.reading() as connection:
        if connection.execute(query).first() is None:
            return None
        return load_incident(connection, incident_id)


def incident_at(
    database: Database, incident_id: str, *moments: datetime | None
) -> tuple[Incident | None, ...]:
    """The state as it was on record at each moment; None where nothing was yet, or no moment is asked for.
    Whether somebody may see it was asked before. Synchronous: call in a thread."""
    query = select(ENTRY.c.body).where(ENTRY.c.incident_id == incident_id).order_by(ENTRY.c.seq)
    with database.reading() as connection:
        bodies = connection.execute(query).scalars().all()
    entries = [LOG_ENTRY.validate_json(body) for body in bodies]

    def at(moment: datetime | None) -> Incident | None:
        known = [] if moment is None else [one for one in entries if one.recorded_at <= moment]
        return fold(incident_id, known) if known else None

    return tuple(map(at, moments))


def draft_shown(draft: Draft) -> dict[str, Any]:
    """A report in writing as the wire has it."""
    shown: dict[str, Any] = _plain(asdict(draft))
    shown["others"] = [_plain(one._asdict()) for one in draft.others]
    shown["returns"] = [
        {"at": wire_instant(at), "by": by, "reason": reason} for at, by, reason in draft.returns
    ]
    shown["sends"] = list(shown["sends"].values())
    return shown


def instruction_shown(whole: Instruction) -> dict[str, Any]:
    """A leader's instruction as the wire has it, with what each addressee comes to next."""
    shown: dict[str, Any] = _plain(asdict(whole))
    for said, one in zip(shown["addressees"].values(), whole.addressees.values(), strict=True):
        del said["warned"], said["chased"]
        said["step"], said["owner"], said["times_overdue"] = one.step, whole.owner(one), one.times_overdue
        said["due_at"] = wire_instant(one.clock.due_at) if one.clock else None
        for name in ("feedback", "presses"):
            said[name] = [_plain(mark._asdict()) for mark in getattr(one, name)]
    shown["addressees"] = list(shown["addressees"].values())
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return wire_instant(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
