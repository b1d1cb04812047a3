"""What commands of people on the spot amount to, or why they cannot be done. Pure.

They know better than whoever reads them: a count that cannot be right is written down and shown as such.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from schemas import events as ev
from schemas import field_work as fw
from schemas.map_symbols import SYMBOLS
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
        case fw.DrawOnMap():
            return _draw(incident, command, who)
        case fw.EraseFromMap():
            stands = work.drawings.get(command.drawing_id)
            if stands is None:
                raise Refused("no-such-drawing", "/drawing_id", kind="missing")
            about = {"kind": stands.kind, "symbol": stands.symbol, "label": stands.label}
            return [fw.MapErased(**who, drawing_id=command.drawing_id, **about)]
        case _:
            raise AssertionError(f"no decision for {command.name}")


#: How many corners each shape has at least; a point and a circle have the one they stand on.
_CORNERS = {fw.Shape.POINT: 1, fw.Shape.CIRCLE: 1, fw.Shape.LINE: 2, fw.Shape.AREA: 3}
MOST_DRAWINGS = 500  # of one incident, at a time


def _draw(incident: Incident, command: fw.DrawOnMap, who: dict[str, Any]) -> list[ev.Event]:
    """A sign has its code, a circle its radius, and whatever is drawn enough corners."""
    least, count = _CORNERS[command.shape], len(command.points)
    if count < least or (least == 1 and count > 1):
        raise Refused("drawing-corners", "/points", shape=str(command.shape), least=least)
    if (command.shape is fw.Shape.CIRCLE) != (command.radius_m is not None):
        raise Refused("drawing-radius", "/radius_m")
    if (command.kind is fw.DrawingKind.SYMBOL) != (command.symbol is not None):
        raise Refused("drawing-symbol", "/symbol")
    if command.symbol is not None and command.symbol not in SYMBOLS:
        raise Refused("no-such-symbol", "/symbol", symbol=command.symbol)
    stands = incident.on_scene.drawings
    if command.drawing_id not in stands and len(stands) >= MOST_DRAWINGS:
        raise Refused("too-many-drawings", "/drawing_id", most=MOST_DRAWINGS)
    what = command.model_dump(
        include={"drawing_id", "kind", "shape", "points", "radius_m", "symbol", "label"}
    )
    before = stands.get(command.drawing_id)
    if before is not None and all(_same(getattr(before, name), value) for name, value in what.items()):
        return []  # drawing the same twice is not an error
    return [fw.MapDrawn(**who, **what)]


def _same(before: Any, value: Any) -> bool:
    return bool(before == (tuple(value) if isinstance(value, list) else value))


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
