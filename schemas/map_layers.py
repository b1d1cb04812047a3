"""Layers that an operator brings in (地图数据): outlines, points, earthquakes, typhoon tracks."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from schemas.bases import Shown
from schemas.fields import Instant
from schemas.terms import Post


class LayerKind(StrEnum):
    """What a layer holds. An outline (界线) needs a source and an approval number (审图号)."""

    OUTLINE = "outline"  # 行政区划界线
    HAZARD = "hazard"  # 风险隐患点
    SHELTER = "shelter"  # 避难场所
    HOSPITAL = "hospital"  # 医疗机构
    DEPOT = "depot"  # 物资储备库
    TEAM = "team"  # 救援队伍
    PLACE = "place"  # 其他重点部位
    AREA = "area"  # 其他范围、线路
    EARTHQUAKE = "earthquake"  # 地震
    TYPHOON = "typhoon"  # 台风路径


#: Who brings layers in: a desk keeps its own map.
KEEPERS = (Post.DUTY_OFFICER, Post.DUTY_LEADER, Post.ADMIN)
Datum = Literal["cgcs2000", "gcj02"]
Format = Literal["geojson", "kml", "csv"]


class LayerShown(Shown):
    """A layer without what is in it. `datum`: the one in which it came; what is kept is CGCS2000."""

    layer_id: str
    version: int
    unit: str
    unit_name: str
    kind: LayerKind
    title: str
    source: str
    approval: str | None
    datum: Datum
    below: bool
    as_of: str | None
    features: int
    made_by: str
    made_at: Instant
    own: bool


class LayerList(Shown):
    """The layers that the caller's unit may see."""

    layers: list[LayerShown]


class RowFault(Shown):
    """What is wrong with a row of a file: a line of a table, a feature, a placemark, counted from 1."""

    row: int
    column: str | None
    detail: str


class LayerTaken(Shown):
    """What became of a file: kept, or only looked at. `faults` are the first 200 of `faulty` rows."""

    kept: bool
    version: int | None
    rows: int
    features: int
    faulty: int
    faults: list[RowFault]
    box: list[float] | None


class Near(Shown):
    """Something that lies within; `phone` null: nobody has said one."""

    kind: str
    name: str
    detail: str
    phone: str | None
    contact: str | None
    distance_m: int
    lon: float
    lat: float
    incident: str | None
    layer_id: str | None
    drill: bool


class NearDesk(Shown):
    """A desk in whose area the place lies, and who answers there now."""

    unit: str
    name: str
    people: list[dict[str, str | None]]


class Around(Shown):
    """What lies within so many metres of a place, the nearest first."""

    lon: float
    lat: float
    within_m: int
    things: list[Near]
    desks: list[NearDesk]
    cut: bool
