"""The operator's base maps (底图): where tiles come from, in which grid and datum, and who approved them.

A key never stands in the file: it is named where it is kept. Only the server speaks to the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, model_validator

from schemas.channels import Secret, Slug, Url, Words, _Part

_PLACES = re.compile(r"\{([^{}]*)\}")
WANTED = {"z", "x", "y"}
KNOWN = {*WANTED, "-y", "key"}
Zoom = Annotated[StrictInt, Field(ge=0, le=22)]
Degrees = StrictFloat | StrictInt


class Source(_Part):
    """A base map, or with `over: true` what is laid over one (labels).

    `matrix`: `w` is Web Mercator, `c` latitude and longitude (EPSG:4490), as 天地图 names them. `under` of a
    base names those that are laid over it.
    """

    id: Slug
    name: Words
    url: Url | None = None
    file: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    key: Secret | None = None
    matrix: Literal["w", "c"] = "w"
    datum: Literal["cgcs2000", "gcj02"]
    min_zoom: Zoom = 1
    max_zoom: Zoom = 18
    approval: Annotated[str, Field(min_length=1, max_length=60)]
    attribution: Annotated[str, Field(max_length=120)] = ""
    labels: list[Slug] = Field(default_factory=list, max_length=4)
    over: StrictBool = False
    keep_days: Annotated[StrictInt, Field(ge=0, le=3650)] = 90
    ca_file: Annotated[str, Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Source:
        if (self.url is None) == (self.file is None):
            raise ValueError("a base map has a `url` or a `file` (PMTiles), one of them")
        if self.url is not None:
            said = set(_PLACES.findall(self.url))
            if unknown := said - KNOWN:
                raise ValueError(
                    f"there is no {{{unknown.pop()}}}; an address has {{z}} {{x}} {{y}} or {{-y}}, {{key}}"
                )
            if not {"z", "x"} <= said or not said & {"y", "-y"}:
                raise ValueError("an address has {z}, {x} and {y}")
            if ("key" in said) != (self.key is not None):
                raise ValueError("{key} in the address and `key` belong together")
        if self.min_zoom > self.max_zoom:
            raise ValueError("min_zoom is larger than max_zoom")
        return self


class MapBook(_Part):
    """The file whole. `home`: west, south, east, north of what a map shows when nothing is on it."""

    home: Annotated[list[Degrees], Field(min_length=4, max_length=4)]
    cache_mb: Annotated[StrictInt, Field(ge=0, le=1_000_000)] = 2_000
    sources: list[Source] = Field(default_factory=list, max_length=40)

    def complaints(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong with the parts taken together, and where."""
        west, south, east, north = self.home
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            yield ("home",), "home is west, south, east, north, in degrees"
        names = [one.id for one in self.sources]
        for number, one in enumerate(self.sources):
            if one.id in names[:number]:
                yield ("sources", number, "id"), f"{one.id} appears twice"
            for at, label in enumerate(one.labels):
                found = next((other for other in self.sources if other.id == label), None)
                if found is None or not found.over:
                    yield ("sources", number, "labels", at), f"{label} is no source with over: true"
                elif (found.matrix, found.datum) != (one.matrix, one.datum):
                    yield ("sources", number, "labels", at), f"{label} has another matrix or datum"

    def source(self, name: str) -> Source | None:
        return next((one for one in self.sources if one.id == name), None)


NO_SOURCES = MapBook(home=[118.5, 39.3, 119.95, 40.65])
