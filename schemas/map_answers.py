"""The map as it is read: GeoJSON (RFC 7946) in CGCS2000, which GIS programs take for WGS 84."""

from __future__ import annotations

from typing import Any, Literal

from schemas.bases import Shown
from schemas.fields import Instant


class Feature(Shown):
    """A thing on the map. `geometry` is null where nobody knows where it is."""

    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class FeatureCollection(Shown):
    """Things of one kind."""

    type: Literal["FeatureCollection"]
    features: list[Feature]


class MapSnapshot(Shown):
    """What moves, all of one moment; the stream goes on from `head`."""

    as_of: Instant
    epoch: str
    head: int
    incidents: FeatureCollection
    people: FeatureCollection
    drawings: FeatureCollection


class FilmStep(Shown):
    """An entry of the log: when it was, when it was written down, what it says, what it moves."""

    at: Instant
    recorded_at: Instant
    label: str
    said: str
    by: str
    unit: str
    quiet: bool
    moves: dict[str, Any] | None


class Film(Shown):
    """An incident from its beginning; `cut`: it has more steps than are here."""

    incident: Feature
    begins_at: Instant
    ends_at: Instant
    cut: bool
    steps: list[FilmStep]
