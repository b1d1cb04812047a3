"""An incident's log as a film for the map: each entry a step, with what it says and what it moves. Pure.

Steps stand in the order of the log: what the desk knew, when it knew it. `at` says when it was out there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.fields import parse_instant
from schemas.terms import Level, Scale
from server.screens.duty_log import Line, line
from server.screens.field_lines import drawn_named
from server.screens.mapped import drawing_geometry, incident_feature, unit_named
from server.screens.wording import Wording

MOST_STEPS = 5_000


def film(shown: dict[str, Any], wording: Wording, now: datetime) -> dict[str, Any]:
    """`steps` of an incident as `reading.incident` gives it; the first ones when there are too many."""
    owed = {one["id"]: one for one in shown["obligations"]}
    reports = {one["report_id"]: one for one in [*shown["reports"], *shown["drafts"]]}
    entries = [one for one in shown["entries"] if one["event"]["type"] != "report_edited"]
    steps, level = [], _Level()
    for number, entry in enumerate(entries[:MOST_STEPS], start=1):
        made = line(entry, number, wording, owed, reports)
        steps.append(
            {
                "at": made.at,
                "recorded_at": made.recorded_at,
                "label": made.label,
                "said": _said(made),
                "by": made.by,
                "unit": made.unit,
                "quiet": made.quiet,
                "moves": _moves(entry, level, wording),
            }
        )
    last = str(steps[-1]["recorded_at"]) if steps else shown["opened_at"]
    return {
        "incident": incident_feature(shown, wording),
        "begins_at": shown["opened_at"],
        "ends_at": shown["closed_at"] or last,
        "cut": len(entries) > MOST_STEPS,
        "steps": steps,
    }


def _said(made: Line) -> str:
    said = "".join(part.text for part in made.parts)
    return " ".join(filter(None, (said, made.text)))[:300]


class _Level:
    """The level that the desk saw: the final one, else the highest of what was judged and came out."""

    def __init__(self) -> None:
        self._judged: dict[str, tuple[datetime, Level]] = {}
        self._computed: Level | None = None
        self._absorbed: set[Level] = set()

    def heard(self, event: dict[str, Any]) -> str | None:
        said = Level(event["level"]) if event.get("level") else None
        if event["type"] == "level_computed":
            self._computed = said
        elif event["type"] == "duplicate_absorbed":
            self._absorbed |= {Level(one) for one in event["reached"]}
        elif said is not None:
            scale, at = event["scale"], parse_instant(event["judged_at"])
            if scale == Scale.REPORTING:
                self._absorbed.clear()
            if scale not in self._judged or at >= self._judged[scale][0]:
                self._judged[scale] = at, said
        if Scale.FINAL in self._judged:
            return self._judged[Scale.FINAL][1]
        standing = {one for _at, one in self._judged.values()} | self._absorbed
        if self._computed is not None:
            standing.add(self._computed)
        return max(standing, key=lambda one: one.rank, default=None)


def _moves(entry: dict[str, Any], level: _Level, wording: Wording) -> dict[str, Any] | None:
    """What a step changes on the map."""
    event = entry["event"]
    match event["type"]:
        case "incident_opened" | "facts_established" if event.get("place") is not None:
            place = event["place"]  # said anew without degrees, nobody knows them any more
            has_point = place.get("lon") is not None and place.get("lat") is not None
            where = [place["lon"], place["lat"]] if has_point else None
            return {"what": "place", "coordinates": where, "place": place.get("text")}
        case "level_judged" | "level_computed" | "duplicate_absorbed":
            return {"what": "level", "level": level.heard(event)}
        case "position_reported":
            return {
                "what": "person",
                "id": f"{event.get('unit') or ''}:{event['person']}",
                "person": event["person"],
                "unit_name": unit_named(event.get("unit"), wording),
                "coordinates": [event["lon"], event["lat"]],
            }
        case "field_status_set":
            return {
                "what": "status",
                "id": f"{event.get('unit') or ''}:{event['person']}",
                "person": event["person"],
                "status": event["status"],
                "status_name": wording.term("field_status", event["status"]),
            }
        case "map_drawn":
            return {
                "what": "drawn",
                "id": event["drawing_id"],
                "kind": event["kind"],
                "symbol": event.get("symbol"),
                "name": drawn_named(event, wording),
                "label": event.get("label"),
                "geometry": drawing_geometry(event),
            }
        case "map_erased":
            return {"what": "erased", "id": event["drawing_id"]}
        case _:
            return None
