"""The same command twice, once as a short report: confirmed, or written down with the contradiction. Pure.

`server/domain/short_report` says how two commands are known to be the same, and how surely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas import commands as cmd
from schemas import events as ev
from schemas import field_work as fw
from schemas.fields import Facts
from server.domain.context import Context
from server.domain.field_work import Said, said_in
from server.domain.incident import Incident
from server.domain.short_report import meeting
from server.domain.short_report.alphabet import CARRIED


def weigh(
    incident: Incident, command: cmd.Command, context: Context, plainly: Callable[[], list[ev.Event]]
) -> list[ev.Event]:
    """What a command amounts to in view of what was said before; `plainly` does it as if nothing was."""
    before = said_before(incident, command, context)
    if before is None:
        return plainly()
    differs = meeting.differing(before.gist, meeting.gist(command.name, command))
    if not differs:
        return [fw.ShortReportConfirmed(**_about(before, command, context))]
    return [*plainly(), fw.ShortReportDiffers(**_about(before, command, context), fields=differs)]


def said_before(incident: Incident, command: cmd.Command, context: Context) -> Said | None:
    """The same command as it stands in the log, if either of the two came as a short report."""
    if command.name not in CARRIED:
        return None
    mark = meeting.mark(command.name, command.command_id, command.incident_id, command.short_mark)
    key = (mark or "", _person(command, context))
    found = incident.on_scene.said.get(key)
    if found is None and command.short_mark is not None:
        found = said_in(context.told(command.incident_id)).get(key)
    return found if found is not None and found.command == command.name else None


def opened_before(
    incident: Incident,
    command: cmd.OpenIncident,
    context: Context,
    establish: Callable[[cmd.EstablishFacts], list[ev.Event]],
) -> list[ev.Event] | None:
    """An incident that is there already by the same person's word; None when it is another. What the short
    report had no place for, or says otherwise, is one more statement."""
    before = said_before(incident, command, context)
    if before is None or context.author.unit not in incident.units:
        return None
    differs = meeting.differing(before.gist, meeting.gist(command.name, command))
    about = _about(before, command, context)
    mine: ev.Event = fw.ShortReportConfirmed(**about)
    if differs:
        mine = fw.ShortReportDiffers(**about, fields=differs)
    place = command.place
    brings = differs or (command.short_mark is None and _has_more(command))
    if not brings:
        return [mine]
    more = cmd.EstablishFacts(
        command_id=command.command_id,
        incident_id=command.incident_id,
        known_at=command.known_at,
        known_by=command.known_by,
        facts=command.facts or Facts(),
        occurred_at=command.occurred_at,
        occurred_precision=command.occurred_precision,
        discovered_at=command.discovered_at,
        category=command.category,
        place=place if place is not None and place.division is not None else None,
        source=command.source,
        explanation="短报之后经网络补全" if not differs else None,
    )
    return [mine, *establish(more)]


def _has_more(command: cmd.OpenIncident) -> bool:
    place = command.place
    return any(
        value is not None
        for value in (
            command.source,
            command.occurred_at,
            command.discovered_at,
            place.lon if place is not None else None,
        )
    ) or "/" in (command.category or "")


def _person(command: cmd.Command, context: Context) -> str:
    return command.on_behalf_of.name if command.on_behalf_of is not None else context.author.name


def _about(before: Said, command: cmd.Command, context: Context) -> dict[str, Any]:
    mark = meeting.mark(command.name, command.command_id, command.incident_id, command.short_mark)
    return {
        "mark": mark,
        "person": _person(command, context),
        "command": command.name,
        "first": before.command_id,
        "came": "network" if command.short_mark is None else "short_report",
    }
