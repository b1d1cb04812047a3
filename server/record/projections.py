"""From an incident's state to the rows that lists, clocks and statistics read. Pure.

The same functions write the rows in the command's transaction and recompute them when the log is verified.
"""

from __future__ import annotations

from typing import Any

import orjson

from schemas.fields import wire_instant
from server.domain.incident import Incident
from server.domain.onehour import one_hour


def incident_row(incident: Incident) -> dict[str, Any]:
    """The incident's row, but for `next_alarm_at`, which depends on the rules of the day."""
    assert incident.place is not None
    assert incident.opened_at is not None
    assert incident.changed_at is not None
    figure = one_hour(incident, incident.changed_at)
    place = incident.place.model_dump(exclude_none=True)
    reporting, final = incident.reporting_level, incident.final_level
    due = [owed.due_at for owed in incident.obligations.values() if owed.is_open and owed.due_at]
    return {
        "id": incident.id,
        "number": incident.number,
        "title": incident.title,
        "category": incident.category,
        "unit": incident.place.unit,
        "place": orjson.dumps(place, option=orjson.OPT_SORT_KEYS).decode(),
        "drill": incident.drill,
        "state": incident.state,
        "outcome": incident.outcome,
        "merged_into": incident.merged_into,
        "reporting_level": reporting.rank if reporting else 0,
        "final_level": final.rank if final else 0,
        "near_miss": incident.near_miss,
        "judged": incident.is_judged,
        "known_at": incident.known_at(),
        "occurred_at": incident.occurred()[0],
        "opened_at": incident.opened_at,
        "opened_by": incident.opened_by,
        "changed_at": incident.changed_at,
        "closed_at": incident.closed_at,
        "facts": orjson.dumps(incident.facts(), option=orjson.OPT_SORT_KEYS).decode(),
        "search": f"{incident.number}\n{incident.title}\n{incident.place.text or ''}".casefold(),
        "version": incident.version,
        "initial_major": figure.applies and incident.was_reported_major,
        "case_kind": figure.case,
        "start_at": figure.start,
        "end_at": figure.end,
        "passed": None if figure.end is None else figure.result == "pass",
        "next_due_at": min(due, default=None) if incident.is_open else None,
    }


def obligation_rows(incident: Incident) -> list[dict[str, Any]]:
    """One row for each obligation that ever started."""
    return [
        {
            "obligation_id": owed.obligation_id,
            "incident_id": incident.id,
            "rule": owed.rule,
            "rule_text": owed.rule_text,
            "rule_text_en": owed.rule_text_en,
            "source": owed.source,
            "evidence": owed.evidence,
            "sender": owed.sender,
            "recipient": owed.recipient,
            "stage": str(owed.stage),
            "channel": str(owed.channel),
            "started_at": owed.started_at,
            "due_at": owed.due_at,
            "warn_at": owed.warn_at,
            "period": owed.period,
            "met_at": owed.met_at,
            "met_by": owed.met_by,
            "excused": owed.excused,
        }
        for owed in incident.obligations.values()
    ]


def step_rows(incident: Incident) -> list[dict[str, Any]]:
    """One row for each addressee of each leader's instruction."""
    return [
        {
            "incident_id": incident.id,
            "instruction_id": whole.instruction_id,
            "addressee_id": one.addressee_id,
            "step": one.step,
            "owner": whole.owner(one),
            "giver": whole.unit,
            "unit": one.unit,
            "since": one.since,
            "due_at": one.clock.due_at if one.clock else None,
        }
        for whole in incident.instructions.values()
        for one in whole.addressees.values()
    ]


def field_rows(incident: Incident) -> list[dict[str, Any]]:
    """One row for an incident from whose spot somebody was heard, none for another."""
    work = incident.on_scene
    if not (work.people or work.counts or work.requests):
        return []
    inside = work.inside()
    waiting = [
        {
            "request_id": one.request_id,
            "kind": str(one.kind),
            "quantity": one.quantity,
            "person": one.person,
            "unit": one.unit,
            "recorded_at": wire_instant(one.recorded_at),
            "answer_by": wire_instant(one.answer_by),
        }
        for one in work.open_requests()
    ]
    return [
        {
            "incident_id": incident.id,
            "deployed": sum(one.is_there for one in work.people),
            "inside": inside.inside,
            "discrepancy": inside.discrepancy,
            "open_help": len(waiting),
            "waiting": orjson.dumps(waiting, option=orjson.OPT_SORT_KEYS).decode(),
        }
    ]
