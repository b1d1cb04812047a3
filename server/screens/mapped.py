"""What a map shows, as GeoJSON (RFC 7946): incidents, people on the spot, what is plotted. Pure.

Coordinates are CGCS2000. A circle is a polygon of 64 corners whose properties have its centre and radius.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from schemas.field_work import Shape
from schemas.fields import wire_instant
from schemas.map_symbols import symbol_of
from server.domain.field_work import Drawing
from server.domain.geo import circle
from server.record.placed import Placed, Someone
from server.screens.field_lines import drawn_named
from server.screens.wording import Wording

Feature = dict[str, Any]


def collection(features: Iterable[Feature], **beside: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **beside}


def incident_feature(one: dict[str, Any], wording: Wording, inside: dict[str, Any] | None = None) -> Feature:
    """An incident; its geometry is null where nobody has said where it is."""
    place = one["place"]
    has_point = place.get("lon") is not None and place.get("lat") is not None
    return {
        "type": "Feature",
        "id": one["id"],
        "geometry": {"type": "Point", "coordinates": [place["lon"], place["lat"]]} if has_point else None,
        "properties": {
            "number": one["number"],
            "title": one["title"],
            "category": one["category"],
            "category_name": wording.category(one["category"]),
            "symbol": symbol_of(one["category"]),
            "level": one["level"],
            "level_name": wording.term("level", one["level"] or "none"),
            "drill": one["drill"],
            "state": one["state"],
            "unit": place["unit"],
            "unit_name": wording.place_unit(place["unit"]),
            "division": place.get("division"),
            "place": place.get("text"),
            "known_at": one["known_at"],
            "opened_at": one["opened_at"],
            "changed_at": one["changed_at"],
            "next_due_at": one["next_due_at"],
            "inside": None if inside is None else inside["inside"],
            "help_open": 0 if inside is None else inside["open_help"],
        },
    }


def person_feature(incident: dict[str, Any], who: Someone, wording: Wording, now: datetime) -> Feature | None:
    """A person where they were last; None where nobody knows."""
    at = who.position
    if at is None:
        return None
    return {
        "type": "Feature",
        "id": f"{incident['id']}:{who.unit or ''}:{who.person}",
        "geometry": {"type": "Point", "coordinates": [at.lon, at.lat]},
        "properties": {
            "person": who.person,
            "unit": who.unit,
            "unit_name": unit_named(who.unit, wording),
            "status": None if who.status is None else str(who.status.status),
            "status_name": "" if who.status is None else wording.term("field_status", who.status.status),
            "at": wire_instant(at.at),
            "age_s": max(0, int((now - at.at).total_seconds())),
            "recorded_at": wire_instant(at.recorded_at),
            "accuracy_m": at.accuracy_m,
            "incident": incident["id"],
            "incident_title": incident["title"],
            "drill": incident["drill"],
        },
    }


def unit_named(unit: str | None, wording: Wording) -> str:
    """A person's unit may be any word: what a voice on the radio said it was."""
    return wording.short(unit) if unit is not None and unit in wording.tree else unit or ""


def drawing_geometry(one: Drawing | dict[str, Any]) -> dict[str, Any]:
    """What was plotted as a geometry, from the fold or from an entry of the log."""
    said = one._asdict() if isinstance(one, Drawing) else one
    corners = [list(point) for point in said["points"]]
    match Shape(said["shape"]):
        case Shape.POINT:
            return {"type": "Point", "coordinates": corners[0]}
        case Shape.LINE:
            return {"type": "LineString", "coordinates": corners}
        case Shape.AREA:
            return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}
        case Shape.CIRCLE:
            ring = circle((corners[0][0], corners[0][1]), said["radius_m"])
            return {"type": "Polygon", "coordinates": [ring]}


def drawing_feature(incident: dict[str, Any], one: Drawing, wording: Wording) -> Feature:
    said = one._asdict()
    return {
        "type": "Feature",
        "id": one.drawing_id,
        "geometry": drawing_geometry(one),
        "properties": {
            "kind": str(one.kind),
            "shape": str(one.shape),
            "symbol": one.symbol,
            "name": drawn_named(said, wording),
            "label": one.label,
            "centre": list(one.points[0]) if one.shape is Shape.CIRCLE else None,
            "radius_m": one.radius_m,
            "at": wire_instant(one.at),
            "since": wire_instant(one.since),
            "person": one.person,
            "unit": one.unit,
            "unit_name": unit_named(one.unit, wording),
            "incident": incident["id"],
            "incident_title": incident["title"],
            "drill": incident["drill"],
        },
    }


def people_features(placed: Iterable[Placed], wording: Wording, now: datetime) -> list[Feature]:
    """Each person once, where they were heard of last, unless they have withdrawn."""
    latest: dict[tuple[str, str | None, bool], tuple[datetime, Feature]] = {}
    for one in placed:
        for who in one.spot.people:
            feature = person_feature(one.incident, who, wording, now) if who.is_there else None
            if feature is None or who.position is None:
                continue
            key = (who.person, who.unit, one.incident["drill"])
            if key not in latest or latest[key][0] < who.position.at:
                latest[key] = (who.position.at, feature)
    return [feature for _at, feature in latest.values()]


def snapshot(placed: list[Placed], wording: Wording, now: datetime) -> dict[str, Any]:
    """All that moves: incidents, people, drawings."""
    incidents = [incident_feature(one.incident, wording, one.inside) for one in placed]
    drawn = [drawing_feature(one.incident, it, wording) for one in placed for it in one.spot.drawings]
    return {
        "as_of": wire_instant(now),
        "incidents": collection(incidents),
        "people": collection(people_features(placed, wording, now)),
        "drawings": collection(drawn),
    }
