"""What the published documents say of the map: its reads, and how a layer is brought in and removed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from schemas import map_answers, map_layers

_TEXT: dict[str, Any] = {"type": "string"}
Query = tuple[tuple[str, dict[str, Any]], ...]
READS: tuple[tuple[str, str, type[BaseModel] | None, Query], ...] = (
    (
        "/map",
        "What moves on the map, as GeoJSON in CGCS2000: open incidents (geometry null where nobody said "
        "where), people on the spot where they were last, what is plotted",
        map_answers.MapSnapshot,
        (("incident", {**_TEXT, "description": "that one alone, closed too"}),),
    ),
    (
        "/map/around",
        "What lies within so many metres of a place: points of layers, people on the spot, open incidents, "
        "the nearest first, each with its phone; and who answers at the desks in whose area it lies",
        map_layers.Around,
        (
            ("lon", {"type": "number", "minimum": -180, "maximum": 180}),
            ("lat", {"type": "number", "minimum": -90, "maximum": 90}),
            ("m", {"type": "integer", "minimum": 1, "maximum": 200_000, "default": 3_000}),
        ),
    ),
    ("/map/layers", "The operator's layers that the caller's unit may see", map_layers.LayerList, ()),
    (
        "/map/layers/{layer_id}",
        "A layer as GeoJSON (CGCS2000), its source and approval number beside; or as KML or CSV",
        None,
        (("format", {**_TEXT, "enum": ["geojson", "kml", "csv"]}),),
    ),
    (
        "/map/replay/{incident_id}",
        "An incident's log as the steps of a film, in the order in which it was written down",
        map_answers.Film,
        (),
    ),
    ("/feeds/ogc", "OGC API Features: where it begins", None, ()),
    ("/feeds/ogc/conformance", "What of OGC API Features is kept to", None, ()),
    ("/feeds/ogc/collections", "incidents, positions, drawings: as the caller's unit sees them", None, ()),
    ("/feeds/ogc/collections/{collection}", "One of them", None, ()),
    (
        "/feeds/ogc/collections/{collection}/items",
        "Its features, a page at a time",
        None,
        (
            ("bbox", {**_TEXT, "description": "west,south,east,north"}),
            ("datetime", {**_TEXT, "description": "an instant, or two with / between, .. for an open end"}),
            ("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
            ("offset", {"type": "integer", "minimum": 0, "default": 0}),
        ),
    ),
    ("/feeds/ogc/collections/{collection}/items/{feature}", "One feature", None, ()),
    ("/feeds/cap", "The open incidents as CAP 1.2 in an Atom feed; of restricted scope", None, ()),
)
#: A wrong parameter is answered by 400 there, as OGC API Features has it.
AS_THE_STANDARD_HAS_IT = ("/feeds/ogc/collections/{collection}/items",)
_GEO = {"application/geo+json": {"schema": {"type": "object"}}}
#: What is answered that is no JSON of ours.
OTHERS: dict[str, dict[str, Any]] = {
    "/feeds/ogc/collections/{collection}/items": _GEO,
    "/feeds/ogc/collections/{collection}/items/{feature}": _GEO,
    "/feeds/cap": {"application/atom+xml": {"schema": _TEXT}},
    "/map/layers/{layer_id}": {
        "application/geo+json": {"schema": {"type": "object"}},
        "application/vnd.google-earth.kml+xml": {"schema": _TEXT},
        "text/csv": {"schema": _TEXT},
    },
}
_SAID: Query = (
    ("kind", {**_TEXT, "enum": [str(one) for one in map_layers.LayerKind]}),
    ("title", {**_TEXT, "maxLength": 120}),
    ("source", {**_TEXT, "maxLength": 300}),
    ("approval", {**_TEXT, "description": "the approval number (审图号); an outline needs one"}),
    ("datum", {**_TEXT, "enum": ["cgcs2000", "gcj02"], "default": "cgcs2000"}),
    ("below", {"type": "boolean", "description": "the units below see it, too"}),
    ("as_of", {**_TEXT, "maxLength": 40}),
    (
        "format",
        {**_TEXT, "enum": ["geojson", "kml", "csv"], "description": "told by its content if not said"},
    ),
    ("look", {"type": "boolean", "description": "nothing is kept, only said what is wrong with which row"}),
    ("without_faulty", {"type": "boolean", "description": "wrong rows are left out; else nothing is kept"}),
)


def layer_deeds(answer: dict[str, Any], problems: dict[str, Any]) -> dict[str, Any]:
    """PUT and DELETE of a layer. `answer`: the content of what is answered to a file."""
    which = {"name": "layer_id", "in": "path", "required": True, "schema": _TEXT}
    said = [
        {"name": name, "in": "query", "required": name in ("kind", "title", "source"), "schema": schema}
        for name, schema in _SAID
    ]
    return {
        "put": {
            "operationId": "keep-map-layer",
            "summary": "A file of places, as it lies, at most 8 MiB: a layer, or its next version",
            "parameters": [which, *said],
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            "responses": {"200": {"description": "What became of it", "content": answer}, **problems},
        },
        "delete": {
            "operationId": "remove-map-layer",
            "summary": "A layer of the caller's own unit is no longer shown",
            "parameters": [which],
            "responses": {"204": {"description": "Removed"}, **problems},
        },
    }
