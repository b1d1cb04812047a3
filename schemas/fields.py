"""Field types that commands and events share: instants, ids, texts, numbers of people."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, LiteralString
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from schemas.terms import Category

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_INSTANT_FORM = "must be RFC 3339 with an offset, as in 2026-11-23T14:05:00+08:00"


def _refused(code: LiteralString, words: LiteralString) -> PydanticCustomError:
    """A refusal with a fixed word, so that it can be said in the person's language."""
    return PydanticCustomError(code, words)


def parse_instant(value: Any) -> datetime:
    """RFC 3339 with an offset, to UTC whole milliseconds. A time without its offset names no instant."""
    # The server's own form by its punctuation: verification reads three of these in every entry.
    if type(value) is str and len(value) == 24 and value[4:20:3] == "--T::." and value[23] == "Z":
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return _read_closely(value)
    return _read_closely(value)


def _read_closely(value: Any) -> datetime:
    """Any form of it; what is wrong is said in words."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _refused("instant_form", _INSTANT_FORM)
        moment = value
    else:
        if not isinstance(value, str) or not _RFC3339.fullmatch(value):
            raise _refused("instant_form", _INSTANT_FORM)
        try:
            moment = datetime.fromisoformat(value.upper().replace(" ", "T")).astimezone(UTC)
        except (ValueError, OverflowError) as wrong:
            raise _refused("instant_unreal", "is no time that exists") from wrong
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    if moment.microsecond % 1000 == 0:
        return moment
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@lru_cache(maxsize=4_096)  # the same moment stands in an event, beside it, in its digest and in the answer
def wire_instant(moment: datetime) -> str:
    """UTC with milliseconds and Z: `2026-11-23T06:05:00.000Z`, the only form the server writes."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    PlainSerializer(wire_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise _refused("nul", "contains a NUL character")
    return text


_NO_NUL = AfterValidator(_no_nul)

# Texts are kept to the letter: nothing is trimmed, folded or normalised. The figure is the length at most;
# "Text" may be empty, "Said" may not.
Text500 = Annotated[str, StringConstraints(strict=True, max_length=500), _NO_NUL]
Text2000 = Annotated[str, StringConstraints(strict=True, max_length=2_000), _NO_NUL]
Text20000 = Annotated[str, StringConstraints(strict=True, max_length=20_000), _NO_NUL]
Said60 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=60), _NO_NUL]
Said200 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200), _NO_NUL]
Said500 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=500), _NO_NUL]
Said2000 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2_000), _NO_NUL]
Said20000 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=20_000), _NO_NUL]


_OWN_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.ASCII)


def _uuid(value: Any) -> str:
    if type(value) is str and _OWN_UUID.match(value):  # three of these in every command
        return value
    if not isinstance(value, str | UUID):
        raise _refused("uuid", "must be a UUID")
    try:
        parsed = UUID(str(value))
    except ValueError as wrong:
        raise _refused("uuid", "must be a UUID") from wrong
    if len(str(value)) != 36:
        raise _refused("uuid", "must be a UUID in its hyphenated form")
    return str(parsed)


Id = Annotated[str, BeforeValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]

_CATEGORY = re.compile(r"([a-z_]+)(/[a-z0-9_]{1,40})?", re.ASCII)


def _category(value: Any) -> str:
    match = _CATEGORY.fullmatch(value) if isinstance(value, str) else None
    if match is None or match.group(1) not in set(Category):
        raise PydanticCustomError(
            "category",
            "must be a category slug: {slugs}; a finer kind follows a slash",
            {"slugs": ", ".join(Category)},
        )
    return str(value)


CategorySlug = Annotated[
    str, BeforeValidator(_category), WithJsonSchema({"type": "string", "pattern": f"^{_CATEGORY.pattern}$"})
]

_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,39}", re.ASCII)


def _unit(value: Any) -> str:
    if not isinstance(value, str) or not _UNIT.fullmatch(value):
        raise _refused("unit_code", "must be a unit code, as in 130324")
    return value


#: A month in Beijing's calendar: 2026-11.
Month = Annotated[
    str, StringConstraints(strict=True, pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$", max_length=7)
]

UnitCode = Annotated[
    str, BeforeValidator(_unit), WithJsonSchema({"type": "string", "pattern": f"^{_UNIT.pattern}$"})
]


def _measure(value: float) -> float | int:
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded


def _whole(value: Any) -> Any:
    """3.0 is the whole number 3 (JSON does not tell them apart); 3.5 and "3" are none."""
    return int(value) if type(value) is float and value.is_integer() else value


whole = BeforeValidator(_whole)
Count = Annotated[int, Field(ge=0, le=100_000_000, strict=True), whole]
Minutes = Annotated[int, Field(ge=1, le=43_200, strict=True), whole]  # a month at most
Flag = Annotated[bool, Field(strict=True)]
Measure = Annotated[
    float, Field(ge=0, le=1_000_000_000, allow_inf_nan=False, strict=True), AfterValidator(_measure)
]


class _Kind(ModelMetaclass):
    """Asks a class whether it has an instance, and no registry of virtual subclasses: we have none.

    A log is folded by some thirty such questions for each entry; each of them costs a fifth of what it did.
    """

    __instancecheck__ = type.__instancecheck__


class Frozen(BaseModel, metaclass=_Kind):
    """Base of what crosses the wire: unknown fields are refused by name, nothing changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)


class Facts(Frozen):
    """Numbers, each a number or null (核实中). A fact that was not said is absent, which is not null.

    Counts are whole; measures have at most four decimals: loss in 万元, areas in hectares.
    """

    dead: Count | None = None  # 死亡
    missing: Count | None = None  # 失联、下落不明
    trapped: Count | None = None  # 被困
    endangered: Count | None = None  # 涉险
    seriously_injured: Count | None = None  # 重伤
    lightly_injured: Count | None = None  # 轻伤
    injured: Count | None = None  # 受伤 (轻重待核)
    poisoned: Count | None = None  # 中毒
    hospital_observed: Count | None = None  # 住院观察
    evacuated: Count | None = None  # 已转移
    to_evacuate: Count | None = None  # 应转移
    resettled: Count | None = None  # 已安置
    to_resettle: Count | None = None  # 需安置
    affected: Count | None = None  # 受灾人口
    houses_collapsed: Count | None = None  # 倒塌房屋 (间)
    houses_damaged: Count | None = None  # 损坏房屋 (间)
    forces_people: Count | None = None  # 投入人员
    forces_vehicles: Count | None = None  # 投入车辆
    serious_pollution: Count | None = None  # 严重环境污染 (1 yes, 0 no)
    important_place_endangered: Count | None = None  # 危及重要场所设施 (1 yes, 0 no)
    loss_wan: Measure | None = None  # 直接经济损失, 万元
    forest_ha: Measure | None = None  # 受害森林面积, 公顷
    burnt_ha: Measure | None = None  # 过火面积, 公顷
    crops_ha: Measure | None = None  # 农作物受灾面积, 公顷
    magnitude: Measure | None = None  # 震级


class Place(Frozen):
    """Where it happened. Division is a 6-, 9- or 12-digit code; degrees are CGCS2000 (= WGS 84)."""

    division: Annotated[str, Field(pattern=r"^[0-9]{6}([0-9]{3}){0,2}$")] | None = None
    text: Text500 | None = None
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True)] | None = None
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, strict=True)] | None = None


class Source(Frozen):
    """Who told us (信息来源), and how."""

    channel: Text500 | None = None
    name: Text500 | None = None
    unit: Text500 | None = None
    phone: Text500 | None = None


#: By what a short report is known again: of a command eight digits, of an incident ten.
ShortMark = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{8}([0-9]{2})?$", max_length=10)]


class OnBehalfOf(Frozen):
    """Whose words these are, when they came by phone, radio, satellite or on paper."""

    name: Said500
    post: Text500 | None = None
    unit: Text500 | None = None
    channel: Said500
