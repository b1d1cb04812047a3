"""Files of places that an operator brings in: GeoJSON, KML and tables, row by row. Pure.

Every wrong row is named with its column and the reason; a file is taken whole or not at all, unless whoever
brings it in says that wrong rows are to be left out. What is kept is CGCS2000, seven decimals.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from xml.etree import ElementTree

from schemas.map_layers import LayerKind
from server.domain.geo import from_gcj02, points_of, turned

MOST_BYTES = 8 * 1024 * 1024
MOST_FEATURES, MOST_POINTS = 20_000, 400_000
MOST_PROPERTIES, LONGEST = 24, 500
MOST_DEEP = 60  # elements of a KML within one another
#: GS(2024)0650号, 冀S(2023)012号, 国审字(2021)第5632号.
APPROVAL = re.compile(r"[\u4e00-\u9fffA-Z]{1,6}\s?[(（\[〔]?20[0-9]{2}[)）\]〕]?\s?第?[0-9]{1,6}\s?号")

_COUNTRY = re.compile(r"^156(?=[0-9]{6}$)")

AREAS, LINES = ("Polygon", "MultiPolygon"), ("LineString", "MultiLineString")
_TYPES = {
    LayerKind.OUTLINE: AREAS,
    LayerKind.AREA: (*AREAS, *LINES),
    LayerKind.TYPHOON: ("Point", *LINES),
}
_DEEP = {"Point": 0, "LineString": 1, "Polygon": 2, "MultiLineString": 2, "MultiPolygon": 3, "MultiPoint": 1}

#: What a column or property may be called.
ALIASES = {
    "name": ("name", "名称", "名字", "title", "单位名称", "place"),
    "lon": ("lon", "lng", "longitude", "经度", "x", "东经"),
    "lat": ("lat", "latitude", "纬度", "y", "北纬"),
    "phone": ("phone", "tel", "telephone", "电话", "联系电话", "手机"),
    "contact": ("contact", "联系人", "负责人", "责任人"),
    "address": ("address", "地址", "位置"),
    "division": ("division", "adcode", "gb", "行政区划代码", "区划代码"),
    "track": ("track", "track_id", "sid", "台风编号", "编号"),
    "people": ("people", "人数", "威胁人数"),
    "capacity": ("capacity", "容量", "床位", "容纳人数"),
    "note": ("note", "备注", "说明", "description"),
    "magnitude": ("magnitude", "mag", "震级"),
    "at": ("at", "time", "时间", "iso_time"),
    "wind": ("wind", "wind_ms", "风速"),
}
_NAMED = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
#: What the geometry says. Said once more beside it, it would be a second column, in whatever datum.
OF_THE_GEOMETRY = ("lon", "lat", "geometry")
_HALVES = re.compile("[\ud800-\udfff]")  # JSON can say half a character; no text can
_QUOTED = re.compile(r"'(?=[\t\r\n]|\s*[=+\-@＝＋－＠|%])")  # as our own tables say what is no formula


class Fault(NamedTuple):
    """A wrong row: `code` is a word for which screens have a sentence."""

    row: int
    column: str | None
    code: str
    values: dict[str, Any]


@dataclass(slots=True)
class Read:
    """What a file came to."""

    rows: int = 0
    features: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class Unreadable(ValueError):
    """The file as a whole: no row of it can be looked at."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


class _Wrong(Exception):
    def __init__(self, column: str | None, code: str, **values: Any) -> None:
        super().__init__(code)
        self.column, self.code, self.values = column, code, values


def read(raw: bytes, form: str, kind: LayerKind, datum: str) -> Read:
    """The features of a file in CGCS2000, and what is wrong with which of its rows."""
    if len(raw) > MOST_BYTES:
        raise Unreadable("file_large", most=MOST_BYTES // 1024 // 1024)
    rows = {"geojson": _of_geojson, "kml": _of_kml, "csv": _of_table}[form](_text(raw))
    found, points = Read(), 0
    for number, made in rows:
        found.rows += 1
        if found.rows > MOST_FEATURES:
            raise Unreadable("too_many_rows", most=MOST_FEATURES)
        try:
            if isinstance(made, _Wrong):
                raise made
            geometry = _geometry(made["geometry"], kind)
            points += sum(1 for _one in points_of(geometry["coordinates"]))
            if points > MOST_POINTS:
                raise Unreadable("too_many_points", most=MOST_POINTS)
            properties = _properties(made["properties"])
            if (
                kind not in (LayerKind.AREA, LayerKind.EARTHQUAKE, LayerKind.TYPHOON)
                and not properties["name"]
            ):
                raise _Wrong("name", "no_name")
            where = turned(geometry, from_gcj02 if datum == "gcj02" else lambda lon, lat: (lon, lat))
            one = {"type": "Feature", "id": number, "geometry": where, "properties": properties}
            found.features.append(one)
        except _Wrong as wrong:
            found.faults.append(Fault(number, wrong.column, wrong.code, wrong.values))
    if not found.rows:
        raise Unreadable("no_rows")
    return found


def _text(raw: bytes) -> str:
    """UTF-8, or what Chinese spreadsheets save when nobody asks them."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable("no_text")


Row = tuple[int, dict[str, Any] | _Wrong]


def _of_geojson(text: str) -> Iterator[Row]:
    try:
        said = json.loads(text, parse_constant=lambda _word: None)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise Unreadable("no_json", line=line) from None
    if isinstance(said, dict) and said.get("type") == "Feature":
        said = {"type": "FeatureCollection", "features": [said]}
    if not isinstance(said, dict) or not isinstance(said.get("features"), list):
        raise Unreadable("no_features")
    for number, one in enumerate(said["features"], start=1):
        if not isinstance(one, dict) or not isinstance(one.get("geometry"), dict):
            yield number, _Wrong("geometry", "no_geometry")
            continue
        properties = one.get("properties")
        yield (
            number,
            {"geometry": one["geometry"], "properties": properties if isinstance(properties, dict) else {}},
        )


def _of_table(text: str) -> Iterator[Row]:
    head = text.partition("\n")[0]
    mark = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        header = [_unquoted(cell.strip()) for cell in next(reader, [])]
        names = [_NAMED.get(cell.casefold(), cell) for cell in header]
        for wanted in ("lon", "lat"):
            column = "经度 lon" if wanted == "lon" else "纬度 lat"
            if wanted not in names:
                raise Unreadable("no_column", column=column)
            if names.count(wanted) > 1:
                raise Unreadable("column_twice", column=column)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            number = reader.line_num
            if len(cells) > len(names):
                yield number, _Wrong(None, "too_many_cells", count=len(cells), wanted=len(names))
                continue
            said = dict(zip(names, (_unquoted(cell).strip() for cell in cells), strict=False))
            try:
                point = [_degrees(said.pop(name, ""), name) for name in ("lon", "lat")]
            except _Wrong as wrong:
                yield number, wrong
                continue
            yield number, {"geometry": {"type": "Point", "coordinates": point}, "properties": said}
    except csv.Error as error:
        raise Unreadable("no_table", line=reader.line_num, error=str(error)) from None


def _unquoted(cell: str) -> str:
    return cell[1:] if _QUOTED.match(cell) else cell


def _degrees(cell: str, column: str) -> float:
    if not cell:
        raise _Wrong(column, "empty")
    try:
        if "_" in cell:  # a number to Python alone
            raise ValueError
        return float(cell)
    except ValueError:
        raise _Wrong(column, "no_number", cell=cell[:40]) from None


_DECLARED = re.compile(r"^\s*<\?xml[^>]*\?>")


class _Shallow(ElementTree.TreeBuilder):
    """Elements in elements in elements would each be looked through once for each around it."""

    deep = 0

    def start(self, tag: Any, attrs: Any, /) -> Any:
        self.deep += 1
        if self.deep > MOST_DEEP:
            raise Unreadable("too_deep", most=MOST_DEEP)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self.deep -= 1
        return super().end(tag)


def _of_kml(text: str) -> Iterator[Row]:
    """Placemarks. A document type could make a small file large: none is looked at."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Unreadable("doctype")
    try:
        parser = ElementTree.XMLParser(target=_Shallow())  # noqa: S314 no document type, no entities
        root = ElementTree.fromstring(_DECLARED.sub("", text), parser)  # noqa: S314
    except (ElementTree.ParseError, RecursionError) as error:
        raise Unreadable("no_xml", line=getattr(error, "position", (1, 0))[0]) from None
    for number, mark in enumerate(_named(root, "Placemark"), start=1):
        said = {"name": _content(mark, "name"), "note": _content(mark, "description")}
        for one in _named(mark, "Data"):
            said[one.get("name", "")] = _content(one, "value")
        for one in _named(mark, "SimpleData"):
            said[one.get("name", "")] = (one.text or "").strip()
        try:
            yield number, {"geometry": _kml_geometry(mark), "properties": said}
        except _Wrong as wrong:
            yield number, wrong


def _named(element: ElementTree.Element, name: str) -> Iterable[ElementTree.Element]:
    return (one for one in element.iter() if one.tag.rpartition("}")[2] == name)


def _content(element: ElementTree.Element, name: str) -> str:
    return next(((one.text or "").strip() for one in element if one.tag.rpartition("}")[2] == name), "")


def _kml_geometry(mark: ElementTree.Element) -> dict[str, Any]:
    areas = [[_corners(ring) for ring in _named(one, "coordinates")] for one in _named(mark, "Polygon")]
    if areas:
        return _single("Polygon", areas)
    lines = [_corners(ring) for one in _named(mark, "LineString") for ring in _named(one, "coordinates")]
    if lines:
        return _single("LineString", lines)
    points = [_corners(ring)[0] for one in _named(mark, "Point") for ring in _named(one, "coordinates")]
    if len(points) == 1:
        return {"type": "Point", "coordinates": points[0]}
    raise _Wrong("geometry", "no_geometry")


def _single(kind: str, parts: list[Any]) -> dict[str, Any]:
    if len(parts) == 1:
        return {"type": kind, "coordinates": parts[0]}
    return {"type": f"Multi{kind}", "coordinates": parts}


def _corners(element: ElementTree.Element) -> list[list[float]]:
    made = []
    for corner in (element.text or "").split():
        try:
            made.append([float(part) for part in corner.split(",")[:2]])
        except ValueError:
            raise _Wrong("coordinates", "no_number", cell=corner[:40]) from None
    if not made:
        raise _Wrong("coordinates", "empty")
    return made


def _geometry(said: dict[str, Any], kind: LayerKind) -> dict[str, Any]:
    """The geometry with its numbers looked at, of a type that the layer takes."""
    wanted = _TYPES.get(kind, ("Point",))
    form = said.get("type")
    if not isinstance(form, str) or form not in _DEEP or form not in wanted:
        told = _HALVES.sub("", str(form)[:40])
        raise _Wrong("geometry", "wrong_geometry", form=told, wanted=" ".join(wanted))
    return {"type": form, "coordinates": _checked(said.get("coordinates"), _DEEP[form], form)}


def _checked(part: Any, deep: int, form: str) -> Any:
    if not isinstance(part, list) or not part:
        raise _Wrong("coordinates", "no_coordinates")
    if deep:
        made = [_checked(one, deep - 1, form) for one in part]
        if deep == 1 and form in LINES and len(made) < 2:
            raise _Wrong("coordinates", "short_line")
        if deep == 1 and form in AREAS:
            if made[0] != made[-1]:
                made.append(made[0])
            if len(made) < 4:
                raise _Wrong("coordinates", "short_ring")
        return made
    if len(part) < 2 or not all(_is_number(one) for one in part[:2]):
        raise _Wrong("coordinates", "no_coordinates")
    lon, lat = (float(max(-1e9, min(1e9, one))) for one in part[:2])  # a whole number may be of any length
    if abs(lat) > 90 and abs(lon) <= 90 and abs(lat) <= 180:
        raise _Wrong("coordinates", "swapped", lon=lon, lat=lat)
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise _Wrong("coordinates", "off_earth", lon=lon, lat=lat)
    return [lon, lat]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # NaN is not


def _properties(said: dict[str, Any]) -> dict[str, Any]:
    """What a feature says of itself, by our names where we know them; texts and numbers alone."""
    made: dict[str, Any] = {"name": ""}
    for key, value in said.items():
        said_name = _HALVES.sub("", str(key)).replace("\x00", "").strip()
        name = _NAMED.get(said_name.casefold(), said_name)[:60]
        if (
            not name
            or name in OF_THE_GEOMETRY
            or value is None
            or value == ""
            or isinstance(value, dict | list)
        ):
            continue
        if name in made and made[name] != "":
            continue
        if len(made) >= MOST_PROPERTIES:
            break
        made[name] = value if isinstance(value, int | float) and abs(value) < 1e15 else str(value)[:LONGEST]
        if isinstance(made[name], str):
            made[name] = _HALVES.sub("", made[name]).replace("\x00", "")
    made["name"] = str(made["name"])[:120]
    if "division" in made:  # 天地图 writes the country's number before the code
        made["division"] = _COUNTRY.sub("", str(made["division"]))
    return made
