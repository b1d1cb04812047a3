"""What lies within so many metres of a place (周边分析), each with its phone. Pure.

A phone is what a layer says, or for a person what the roster says of whoever bears the name in that unit.
Where nobody has said one it is null, and the screen says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.map_layers import LayerKind
from server.domain.geo import Point, contains, distance_m, metres_to
from server.screens.wording import Wording

MOST = 500
#: Where something happened, not what can be called on.
_HAPPENED = (LayerKind.EARTHQUAKE, LayerKind.TYPHOON, LayerKind.OUTLINE)

Thing = dict[str, Any]


def of_layer(
    about: dict[str, Any], features: Iterable[dict[str, Any]], here: Point, within_m: float
) -> list[Thing]:
    """The features of a layer that lie within, by their nearest part."""
    if about["kind"] in _HAPPENED:
        return []
    found = []
    for one in features:
        far = metres_to(one["geometry"], here)
        if far <= within_m:
            said, corner = one["properties"], one["geometry"]["coordinates"]
            while not isinstance(corner[0], int | float):
                corner = corner[0]
            found.append(
                {
                    "kind": about["kind"],
                    "name": said.get("name") or about["title"],
                    "detail": " · ".join(str(said[key]) for key in ("address", "note") if said.get(key)),
                    "phone": _text(said.get("phone")),
                    "contact": _text(said.get("contact")),
                    "distance_m": round(far),
                    "lon": corner[0],
                    "lat": corner[1],
                    "incident": None,
                    "layer_id": about["layer_id"],
                    "drill": False,
                }
            )
    return found


def of_people(
    people: Iterable[dict[str, Any]],
    phones: Mapping[tuple[str | None, str], str],
    here: Point,
    within_m: float,
) -> list[Thing]:
    """People on the spot, as the map has them."""
    found = []
    for one in people:
        where, said = one["geometry"]["coordinates"], one["properties"]
        far = distance_m(here, (where[0], where[1]))
        if far <= within_m:
            found.append(
                {
                    "kind": "person",
                    "name": said["person"],
                    "detail": " · ".join(filter(None, (said["unit_name"], said["status_name"]))),
                    "phone": phones.get((said["unit"], said["person"])),
                    "contact": None,
                    "distance_m": round(far),
                    "lon": where[0],
                    "lat": where[1],
                    "incident": said["incident"],
                    "layer_id": None,
                    "drill": said["drill"],
                }
            )
    return found


def of_incidents(incidents: Iterable[dict[str, Any]], here: Point, within_m: float) -> list[Thing]:
    found = []
    for one in incidents:
        if one["geometry"] is None:
            continue
        where, said = one["geometry"]["coordinates"], one["properties"]
        far = distance_m(here, (where[0], where[1]))
        if far <= within_m:
            found.append(
                {
                    "kind": "incident",
                    "name": said["title"],
                    "detail": " · ".join((said["level_name"], said["unit_name"])),
                    "phone": None,
                    "contact": None,
                    "distance_m": round(far),
                    "lon": where[0],
                    "lat": where[1],
                    "incident": one["id"],
                    "layer_id": None,
                    "drill": said["drill"],
                }
            )
    return found


def divisions_of(outlines: Iterable[Iterable[dict[str, Any]]], here: Point) -> list[str]:
    """The division codes of the outlines that a place lies in."""
    found: dict[str, None] = {}
    for features in outlines:
        for one in features:
            code = str(one["properties"].get("division") or "")
            if code and contains(one["geometry"], here):
                found[code] = None
    return list(found)


def desk(unit: str, standing: Mapping[str, Any], wording: Wording) -> dict[str, Any]:
    """Who answers at a desk now, with their phones."""
    on = standing.get("on") or {}
    people = [(wording.term("shift_post", one["post"]), one) for one in on.get("posts", [])]
    if on.get("leader"):
        people.append((wording.term("shift_post", "leader"), on["leader"]))
    return {
        "unit": unit,
        "name": wording.unit(unit),
        "people": [{"post": post, "name": one["name"], "phone": one.get("phone")} for post, one in people],
    }


def phones_of(standings: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str | None, str], str]:
    """The phones of everybody who is on or comes next, by unit and name."""
    found: dict[tuple[str | None, str], str] = {}
    for unit, standing in standings.items():
        for shift in (standing.get("next"), standing.get("on")):
            people = [*shift["posts"], *([shift["leader"]] if shift["leader"] else [])] if shift else []
            for one in people:
                if one.get("phone"):
                    found[unit, one["name"]] = one["phone"]
    return found


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)
