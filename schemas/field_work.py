"""What people on the spot (现场) say of themselves: where they are, how they stand, what they need.

Devices are cut off for hours and their entries arrive in any order: `at` says when it was, and of two words
of one person the later `at` counts, whenever it came. An event names the person it is about, which is not
who typed it when the words came by radio (`on_behalf_of`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from schemas.bases import Command, Event
from schemas.fields import Flag, Id, Instant, Said60, Text2000, whole


def _to(places: int) -> AfterValidator:
    return AfterValidator(lambda value: round(value, places))


#: Degrees as CGCS2000 has them (= WGS 84); six places are a hand's breadth.
Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True), _to(6)]
Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, strict=True), _to(6)]
Accuracy = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False, strict=True), _to(1)]
People = Annotated[int, Field(ge=1, le=100_000, strict=True), whole]


class FieldStatus(StrEnum):
    """How somebody on the way or on the spot stands (现场状态)."""

    EN_ROUTE = "en_route"  # 途中
    ARRIVED = "arrived"  # 到达
    ENGAGED = "engaged"  # 开展
    WITHDRAWN = "withdrawn"  # 撤离


class HelpKind(StrEnum):
    """What is asked for (求援)."""

    PEOPLE = "people"  # 人员
    MEDICAL = "medical"  # 医疗救护
    VEHICLES = "vehicles"  # 车辆
    BOATS = "boats"  # 船艇
    SUPPLIES = "supplies"  # 物资
    COMMUNICATIONS = "communications"  # 通信
    EVACUATION = "evacuation"  # 撤离接应
    OTHER = "other"  # 其他


Direction = Literal["in", "out"]


class DrawingKind(StrEnum):
    """What is plotted on the map of an incident (标绘)."""

    SYMBOL = "symbol"  # 标号: a sign of GB/T 35649
    PERIMETER = "perimeter"  # 灾害范围
    FRONT = "front"  # 前沿: 火线、水头
    CORDON = "cordon"  # 警戒区
    EVACUATION = "evacuation"  # 疏散区
    ROUTE = "route"  # 路线
    BLOCKED = "blocked"  # 断路、封控
    NOTE = "note"  # 注记


class Shape(StrEnum):
    """The form of something plotted."""

    POINT = "point"
    CIRCLE = "circle"
    LINE = "line"
    AREA = "area"


MOST_CORNERS = 500
Spot = tuple[Lon, Lat]
Radius = Annotated[float, Field(ge=1, le=500_000, allow_inf_nan=False, strict=True), _to(1)]
#: A code of GB/T 35649: a letter and five digits.
SymbolCode = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-D][0-9]{5}$", max_length=6)]


# ---------------------------------------------------------------- commands


class FieldCommand(Command):
    """A command of somebody on the spot. `at`: when it was."""

    at: Instant


class ReportPosition(FieldCommand):
    """Where somebody is (位置). One within 15 s of one that is there is answered, not written."""

    name = "report-position"

    lon: Lon
    lat: Lat
    accuracy_m: Accuracy | None = None


class SetFieldStatus(FieldCommand):
    """How somebody stands (途中、到达、开展、撤离)."""

    name = "set-field-status"

    status: FieldStatus
    text: Text2000 | None = None


class RequestHelp(FieldCommand):
    """Help is needed (求援). It waits until somebody answers; one for a closed incident opens it again."""

    name = "request-help"

    request_id: Id
    kind: HelpKind
    quantity: People | None = None
    text: Text2000 | None = None


class AnswerHelp(FieldCommand):
    """What becomes of a request for help (答复): it comes, or it cannot."""

    name = "answer-help"

    request_id: Id
    accepted: Flag
    text: Text2000 | None = None


class CountHeads(FieldCommand):
    """So many went in or came out (人员清点). More out than in is taken, and shown as a discrepancy."""

    name = "count-heads"

    count_id: Id
    direction: Direction
    people: People
    team: Said60 | None = None
    text: Text2000 | None = None


class DrawOnMap(FieldCommand):
    """Something is plotted (标绘): a sign, a perimeter, a cordon. The same id again moves or redraws it."""

    name = "draw-on-map"

    drawing_id: Id
    kind: DrawingKind
    shape: Shape
    points: Annotated[list[Spot], Field(min_length=1, max_length=MOST_CORNERS)]
    radius_m: Radius | None = None
    symbol: SymbolCode | None = None
    label: Said60 | None = None


class EraseFromMap(FieldCommand):
    """Something plotted no longer holds (撤除标绘). It stays in the log and in the replay."""

    name = "erase-from-map"

    drawing_id: Id


COMMANDS: tuple[type[FieldCommand], ...] = (
    ReportPosition,
    SetFieldStatus,
    RequestHelp,
    AnswerHelp,
    CountHeads,
    DrawOnMap,
    EraseFromMap,
)


# ---------------------------------------------------------------- events


class FieldEvent(Event):
    """Something on the spot."""


class DeedEvent(FieldEvent):
    """What a person did or said there: `person` of `unit`, at that time."""

    person: str
    unit: str | None = None
    at: Instant


class PositionReported(DeedEvent):
    """Where somebody was (位置)."""

    type: Literal["position_reported"] = "position_reported"
    lon: float
    lat: float
    accuracy_m: float | None = None


class FieldStatusSet(DeedEvent):
    """How somebody stood (现场状态)."""

    type: Literal["field_status_set"] = "field_status_set"
    status: FieldStatus
    text: str | None = None


class HelpRequested(DeedEvent):
    """Help is needed (求援). `answer_by` is frozen: so long after it came in."""

    type: Literal["help_requested"] = "help_requested"
    request_id: str
    kind: HelpKind
    quantity: int | None = None
    text: str | None = None
    answer_by: Instant


class HelpAnswered(DeedEvent):
    """A request for help was answered (答复求援), by `person`; `asked_by` had asked for it."""

    type: Literal["help_answered"] = "help_answered"
    request_id: str
    kind: HelpKind
    asked_by: str
    accepted: bool
    text: str | None = None


class HeadsCounted(DeedEvent):
    """So many went in or came out (人员清点)."""

    type: Literal["heads_counted"] = "heads_counted"
    count_id: str
    direction: Direction
    people: int
    team: str | None = None
    text: str | None = None


class MapDrawn(DeedEvent):
    """Something was plotted, or stands elsewhere now (标绘)."""

    type: Literal["map_drawn"] = "map_drawn"
    drawing_id: str
    kind: DrawingKind
    shape: Shape
    points: list[Spot]
    radius_m: float | None = None
    symbol: str | None = None
    label: str | None = None


class MapErased(DeedEvent):
    """Something plotted no longer holds (撤除标绘)."""

    type: Literal["map_erased"] = "map_erased"
    drawing_id: str
    kind: DrawingKind
    symbol: str | None = None
    label: str | None = None


class HelpOverdue(FieldEvent):
    """Nobody has answered a request for help in time (求援未答复)."""

    type: Literal["help_overdue"] = "help_overdue"
    request_id: str
    kind: HelpKind
    asked_by: str
    unit: str | None = None
    due_at: Instant
    late_by_s: int


class ShortReportConfirmed(FieldEvent):
    """The same command came again, once as a short report (短报) and once otherwise: nothing is done twice.

    `first` is the command_id of the one that stands; `came` says how this one came.
    """

    type: Literal["short_report_confirmed"] = "short_report_confirmed"
    mark: str
    person: str
    command: str
    first: str
    came: Literal["network", "short_report"]


class ShortReportDiffers(FieldEvent):
    """It came again and says something else in these fields: both stand, as a contradiction (短报不符)."""

    type: Literal["short_report_differs"] = "short_report_differs"
    mark: str
    person: str
    command: str
    first: str
    came: Literal["network", "short_report"]
    fields: list[str]


EVENTS: tuple[type[FieldEvent], ...] = (
    PositionReported,
    FieldStatusSet,
    HelpRequested,
    HelpAnswered,
    HeadsCounted,
    MapDrawn,
    MapErased,
    HelpOverdue,
    ShortReportConfirmed,
    ShortReportDiffers,
)
AnyFieldEvent = (
    PositionReported
    | FieldStatusSet
    | HelpRequested
    | HelpAnswered
    | HeadsCounted
    | MapDrawn
    | MapErased
    | HelpOverdue
    | ShortReportConfirmed
    | ShortReportDiffers
)
