"""What commands and events of a unit's duty share: people on shifts, places on a roster, lines of a sheet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.bases import AnyCommand, Event
from schemas.fields import Frozen, Id, Instant, Said60, UnitCode

#: Posts of a shift (岗位) as standards name them; any other word may stand there, too.
SHIFT_POSTS = ("shift_leader", "dispatcher", "information", "technical", "duty_officer", "driver")
#: The place of the leader of a shift (带班领导), where a swap names a post.
LEADER = "leader"

ItemKind = Literal[
    "instruction",  # 领导批示指示
    "warning",  # 生效预警
    "response",  # 应急响应
    "superior_requirement",  # 上级要求
    "promise",  # 答应过的事
    "force",  # 重点部位与力量
    "evacuation",  # 转移安置
    "equipment",  # 设备状况
    "material",  # 交接物品
    "weather",  # 天气
    "note",  # 其他
]
#: What stands on a handover sheet: the desk's own items, and what the open record adds.
Block = ItemKind | Literal["incident", "report", "order", "roll_call", "joint"]


class DutyCommand(AnyCommand):
    """A command on a unit's duty."""

    unit: UnitCode


class DutyEvent(Event):
    """Base of what happens to a unit's duty."""

    unit: str
    units: list[str]


class OnDuty(Frozen):
    """Somebody on a shift. `person_id` when they have an account here."""

    name: Said60
    phone: Annotated[str, Field(max_length=60)] | None = None
    person_id: Id | None = None


class Posted(OnDuty):
    """Somebody on a shift, at a post (岗位)."""

    post: Said60


class ShiftSaid(Frozen):
    """A shift (班次): from when to when, who at which post, and the leader (带班领导)."""

    shift_id: Id
    starts_at: Instant
    ends_at: Instant
    posts: Annotated[list[Posted], Field(min_length=1, max_length=30)]
    leader: OnDuty | None = None


class ShiftPlace(Frozen):
    """One person's place on a shift: where they stand, and who."""

    shift_id: Id
    post: Said60
    name: Said60


class SealedFigure(Frozen):
    """A figure of the one-hour rule as it was when its month was sealed: met, of how many."""

    numerator: int
    denominator: int


class SealedIncident(Frozen):
    """An incident that counted when a month was sealed: by which level, and whether it was in time."""

    incident_id: str
    number: str
    final: bool
    initial: bool
    passed: bool


class SheetItem(Frozen):
    """A line of the handover sheet, frozen as it stood when the sheet was made."""

    item_id: str
    block: Block
    incident_id: str | None = None
    number: str | None = None
    title: str | None = None
    drill: bool | None = None
    level: str | None = None
    stage: str | None = None
    channel: str | None = None
    recipient: str | None = None
    text: str | None = None
    source: str | None = None
    due_at: Instant | None = None
    last_stage: str | None = None
    last_sent_at: Instant | None = None
    evacuated: float | None = None
    to_evacuate: float | None = None
    answered: int | None = None
    absent: list[str] | None = None
    leader: str | None = None
    given_at: Instant | None = None
    post: str | None = None
    step: str | None = None
