"""What commands of people on the spot amount to, or why they cannot be done. Pure.

They know better than whoever reads them: a count that cannot be right is written down and shown as such.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from schemas import events as ev
from schemas import field_work as fw
from server.domain.context import Context, Refused
from server.domain.field_work import stretch_of
from server.domain.incident import Incident

#: Why an incident is open again when help is asked for after it was closed.
REOPENED = "办结后收到求援 · help was asked for after closing"


def decide(incident: Incident, command: fw.FieldCommand, context: Context) -> list[ev.Event]:
    work = incident.on_scene
    who: dict[str, Any] = _who(incident, command, context)
    match command:
        case fw.ReportPosition():
            known = work.person(who["person"], who["unit"])
            if known is not None and stretch_of(command.at) in known.stretches:
                return []
            where = {"lon": command.lon, "lat": command.lat, "accuracy_m": command.accuracy_m}
            return [fw.PositionReported(**who, **where)]
        case fw.SetFieldStatus():
            return [fw.FieldStatusSet(**who, status=command.status, text=command.text)]
        case fw.RequestHelp():
            if command.request_id in work.requests:
                raise Refused("help-exists", "/request_id", kind="conflict")
            asked = fw.HelpRequested(
                **who,
                request_id=command.request_id,
                kind=command.kind,
                quantity=command.quantity,
                text=command.text,
                answer_by=context.now + timedelta(minutes=context.setting.rules.help_limit_min),
            )
            if incident.is_open:
                return [asked]
            return [ev.IncidentReopened(at=context.now, reason=REOPENED), asked]
        case fw.AnswerHelp():
            wanted = work.requests.get(command.request_id)
            if wanted is None:
                raise Refused("no-such-help", "/request_id", kind="missing")
            if wanted.answers and (wanted.answers[-1].accepted, None) == (command.accepted, command.text):
                return []  # saying the same twice is not an error
            return [
                fw.HelpAnswered(
                    **who,
                    request_id=command.request_id,
                    kind=wanted.kind,
                    asked_by=wanted.person,
                    accepted=command.accepted,
                    text=command.text,
                )
            ]
        case fw.CountHeads():
            if command.count_id in work.counts:
                raise Refused("count-exists", "/count_id", kind="conflict")
            return [
                fw.HeadsCounted(
                    **who,
                    count_id=command.count_id,
                    direction=command.direction,
                    people=command.people,
                    team=command.team,
                    text=command.text,
                )
            ]
        case _:
            raise AssertionError(f"no decision for {command.name}")


def _who(incident: Incident, command: fw.FieldCommand, context: Context) -> dict[str, Any]:
    """Whom it is about: who sent it, or on whose behalf it was typed. Where no unit is said, that of the one
    who is there by this name."""
    said = command.on_behalf_of
    if said is None:
        return {"person": context.author.name, "unit": context.author.unit, "at": command.at}
    unit = said.unit
    if unit is None and (known := incident.on_scene.person(said.name, None)) is not None:
        unit = known.unit
    return {"person": said.name, "unit": unit, "at": command.at}
