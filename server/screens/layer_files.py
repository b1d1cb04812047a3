"""Layers as files for other programs: GeoJSON, KML 2.2, a table that every spreadsheet opens. Pure.

What was brought in comes out again: the names of columns are those that the import knows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import orjson

from server.documents.tables import safe

Features = list[dict[str, Any]]
_ABOUT = ("layer_id", "version", "kind", "title", "source", "approval", "as_of", "unit")
_OF_THE_GEOMETRY = ("lon", "lat", "geometry")


def geojson(about: dict[str, Any], features: Features) -> bytes:
    said = {name: about[name] for name in _ABOUT}
    return orjson.dumps({"type": "FeatureCollection", **said, "features": features})


def table(about: dict[str, Any], features: Features) -> bytes:
    """Points, a line each; of lines and areas the first corner, which the column `geometry` says."""
    names = dict.fromkeys(name for one in features for name in one["properties"])
    names = {name: None for name in names if name not in _OF_THE_GEOMETRY}  # of layers kept before
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["lon", "lat", "geometry", *(_cell(name) for name in names)])
    for one in features:
        corner = one["geometry"]["coordinates"]
        while not isinstance(corner[0], int | float):
            corner = corner[0]
        cells = [_cell(one["properties"].get(name, "")) for name in names]
        writer.writerow([corner[0], corner[1], one["geometry"]["type"], *cells])
    return ("\ufeff" + out.getvalue()).encode()


def _cell(value: Any) -> Any:
    return safe(value) if isinstance(value, str) else value


def kml(about: dict[str, Any], features: Features) -> bytes:
    marks = "".join(_mark(one) for one in features)
    name = escape(_plain(about["title"]))
    said = escape(_plain(" ".join(filter(None, (about["source"], about["approval"])))))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"<name>{name}</name><description>{said}</description>{marks}</Document></kml>\n"
    ).encode()


def _plain(text: Any) -> str:
    """Without what XML has no way to say."""
    return "".join(one for one in str(text) if one >= " " or one in "\t\n\r")


def _mark(one: dict[str, Any]) -> str:
    said = one["properties"]
    more = "".join(
        f"<Data name={quoteattr(_plain(key))}><value>{escape(_plain(value))}</value></Data>"
        for key, value in said.items()
        if key != "name"
    )
    name = escape(_plain(said.get("name", "")))
    extended = f"<ExtendedData>{more}</ExtendedData>" if more else ""
    return f"<Placemark><name>{name}</name>{extended}{_shape(one['geometry'])}</Placemark>"


def _shape(geometry: dict[str, Any]) -> str:
    form, where = geometry["type"], geometry["coordinates"]
    if form.startswith("Multi"):
        parts = "".join(_shape({"type": form.removeprefix("Multi"), "coordinates": one}) for one in where)
        return f"<MultiGeometry>{parts}</MultiGeometry>"
    if form == "Point":
        return f"<Point><coordinates>{where[0]},{where[1]}</coordinates></Point>"
    if form == "LineString":
        return f"<LineString>{_corners(where)}</LineString>"
    outer, *holes = (f"<LinearRing>{_corners(ring)}</LinearRing>" for ring in where)
    inner = "".join(f"<innerBoundaryIs>{ring}</innerBoundaryIs>" for ring in holes)
    return f"<Polygon><outerBoundaryIs>{outer}</outerBoundaryIs>{inner}</Polygon>"


def _corners(line: list[list[float]]) -> str:
    return "<coordinates>" + " ".join(f"{one[0]},{one[1]}" for one in line) + "</coordinates>"


class Form(NamedTuple):
    """A form of file."""

    write: Callable[[dict[str, Any], Features], bytes]
    media_type: str
    ending: str


FORMS = {
    "geojson": Form(geojson, "application/geo+json", "geojson"),
    "kml": Form(kml, "application/vnd.google-earth.kml+xml", "kml"),
    "csv": Form(table, "text/csv; charset=utf-8", "csv"),
}
