"""Places on the earth: how far, what lies within, and the datums that maps in China come in. Pure.

What is stored is CGCS2000, which for our purpose is WGS 84 (they differ by centimetres). GCJ-02, the datum of
the commercial maps, is shifted by 300 to 600 m on purpose: it is turned into CGCS2000 where it comes in and
back where something is drawn over such a map, nowhere else. Its formula is not published; the one everybody
uses is here. Measured: there and back differs by less than 0.01 m (`tests/test_geo.py`); against a survey's
own vertices the formula lies about 2 m off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import asin, cos, pi, radians, sin, sqrt
from typing import Any, Literal

EARTH_M = 6_371_008.8
Point = tuple[float, float]  # lon, lat
Datum = Literal["cgcs2000", "gcj02"]

_AXIS, _ECCENTRICITY = 6_378_245.0, 0.006_693_421_622_965_943  # of Krasovsky 1940, which the shift is made on
_INVERSE_ROUNDS = 12
_CLOSE_ENOUGH = 1e-9  # degrees: a tenth of a millimetre


def distance_m(here: Point, there: Point) -> float:
    """Along the sphere; over the distances of a city 0.3 % from the ellipsoid's at most."""
    lon1, lat1, lon2, lat2 = (radians(degrees) for degrees in (*here, *there))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_M * asin(min(1.0, sqrt(half)))


# ---------------------------------------------------------------- datums


def _is_shifted(lon: float, lat: float) -> bool:
    """Whether the shift is applied there at all: the usual box around China."""
    return 72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271


def _waves(x: float) -> float:
    return (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0


def to_gcj02(lon: float, lat: float) -> Point:
    """From CGCS2000 to where a map in GCJ-02 has it."""
    if not _is_shifted(lon, lat):
        return lon, lat
    x, y = lon - 105.0, lat - 35.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + _waves(x)
    north += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + _waves(x)
    east += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    curve = 1 - _ECCENTRICITY * sin(radians(lat)) ** 2
    down = (_AXIS * (1 - _ECCENTRICITY)) / (curve * sqrt(curve)) * pi
    return lon + east * 180.0 / (_AXIS / sqrt(curve) * cos(radians(lat)) * pi), lat + north * 180.0 / down


def from_gcj02(lon: float, lat: float) -> Point:
    """From GCJ-02 to CGCS2000: the place that is shifted to this one, found by closing in on it."""
    there_lon, there_lat = lon, lat
    for _ in range(_INVERSE_ROUNDS):
        shifted = to_gcj02(there_lon, there_lat)
        off_lon, off_lat = shifted[0] - lon, shifted[1] - lat
        there_lon, there_lat = there_lon - off_lon, there_lat - off_lat
        if abs(off_lon) < _CLOSE_ENOUGH and abs(off_lat) < _CLOSE_ENOUGH:
            break
    return there_lon, there_lat


def turned(geometry: dict[str, Any], turn: Callable[[float, float], Point]) -> dict[str, Any]:
    """A GeoJSON geometry with each of its points turned into another datum."""

    def deep(part: Any) -> Any:
        if part and isinstance(part[0], int | float):
            return [round(one, 7) for one in turn(part[0], part[1])]
        return [deep(one) for one in part]

    return {"type": geometry["type"], "coordinates": deep(geometry["coordinates"])}


# ---------------------------------------------------------------- what lies within


def metres_to(geometry: dict[str, Any], here: Point) -> float:
    """From a point to the nearest part of a geometry; 0 inside an area."""
    kind, where = geometry["type"], geometry["coordinates"]
    match kind:
        case "Point":
            return distance_m((where[0], where[1]), here)
        case "MultiPoint":
            return min(distance_m((one[0], one[1]), here) for one in where)
        case "LineString":
            return _to_line(where, here)
        case "MultiLineString":
            return min(_to_line(one, here) for one in where)
        case "Polygon":
            return 0.0 if has(where, here) else min(_to_line(ring, here) for ring in where)
        case "MultiPolygon":
            if any(has(rings, here) for rings in where):
                return 0.0
            return min(_to_line(ring, here) for rings in where for ring in rings)
    raise ValueError(f"no geometry: {kind}")


def contains(geometry: dict[str, Any], here: Point) -> bool:
    """Whether an area has a point inside; a line and a point have none."""
    if geometry["type"] == "Polygon":
        return has(geometry["coordinates"], here)
    return geometry["type"] == "MultiPolygon" and any(has(one, here) for one in geometry["coordinates"])


def has(rings: Sequence[Sequence[Sequence[float]]], here: Point) -> bool:
    """Inside the first ring and in none of the others, which are holes."""
    return bool(rings) and _in_ring(rings[0], here) and not any(_in_ring(one, here) for one in rings[1:])


def _in_ring(ring: Sequence[Sequence[float]], here: Point) -> bool:
    """Counted along a line to the east: an odd number of crossings is inside."""
    lon, lat = here
    inside = False
    x2, y2 = ring[-1][0], ring[-1][1]
    for corner in ring:
        x1, y1 = corner[0], corner[1]
        if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
            inside = not inside
        x2, y2 = x1, y1
    return inside


def _to_line(line: Sequence[Sequence[float]], here: Point) -> float:
    """To the nearest place of a line, on a plane that touches the earth at `here`, the short way round."""
    across = cos(radians(here[1]))
    flat = [(((one[0] - here[0] + 180) % 360 - 180) * across, one[1] - here[1]) for one in line]
    nearest = min(_to_segment(*pair) for pair in zip(flat, flat[1:] or flat, strict=False))
    return radians(nearest) * EARTH_M


def _to_segment(start: Point, end: Point) -> float:
    """From (0, 0) to a segment."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    long = dx * dx + dy * dy
    part = 0.0 if long == 0 else max(0.0, min(1.0, -(start[0] * dx + start[1] * dy) / long))
    return sqrt((start[0] + part * dx) ** 2 + (start[1] + part * dy) ** 2)


# ---------------------------------------------------------------- shapes


def circle(centre: Point, radius_m: float, corners: int = 64) -> list[list[float]]:
    """A closed ring of corners at this distance, for programs that know no circles."""
    lat = radians(centre[1])
    high = radius_m / EARTH_M
    ring = []
    for step in range(corners):
        way = 2 * pi * step / corners
        ring.append(
            [
                round(centre[0] + high * sin(way) / max(cos(lat), 1e-6) * 180 / pi, 7),
                round(centre[1] + high * cos(way) * 180 / pi, 7),
            ]
        )
    return [*ring, ring[0]]


def box_of(geometries: Iterable[dict[str, Any]]) -> tuple[float, float, float, float] | None:
    """West, south, east, north of all of them."""
    points = [point for one in geometries for point in points_of(one["coordinates"])]
    if not points:
        return None
    lons, lats = [one[0] for one in points], [one[1] for one in points]
    return min(lons), min(lats), max(lons), max(lats)


def points_of(part: Any) -> Iterable[Sequence[float]]:
    """Every point of a geometry's coordinates."""
    if part and isinstance(part[0], int | float):
        yield part
        return
    for one in part:
        yield from points_of(one)


def meets(geometry: dict[str, Any], box: Sequence[float]) -> bool:
    """Whether its own box touches the box asked for."""
    own = box_of([geometry])
    return own is not None and not (own[2] < box[0] or own[0] > box[2] or own[3] < box[1] or own[1] > box[3])
