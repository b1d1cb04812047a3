"""What a unit's wall screens show (态势屏): scenes that its desk arranges, and which of them stands now.

Scenes are entries like everything else: a change is told to every wall by the stream that it listens to, and
the log says who turned the wall to what, and when.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.duty_parts import DutyCommand, DutyEvent
from schemas.fields import Frozen, Id, Said60

#: What a scene is put together from. `incident` is one incident large, `incidents` the list of the open ones.
Panel = Literal[
    "map",  # 地图
    "incidents",  # 在办事件
    "incident",  # 一案放大
    "people",  # 人员数字
    "news",  # 一小时内
    "command",  # 谁在指挥
    "forces",  # 力量
    "duty",  # 今日值班
    "month",  # 本月一小时
    "warnings",  # 生效预警
    "joint",  # 联合值守
]


class Scene(Frozen):
    """A scene (场景): what is large, what stands beside it, and for how long before the next one comes.

    `incident_id`: which incident is large, and in the middle of the map; without it the most serious one.
    """

    scene_id: Id
    title: Said60
    main: Panel
    side: Annotated[list[Panel], Field(max_length=3)]
    incident_id: Id | None = None
    seconds: Annotated[int, Field(ge=10, le=600)] = 30


class ArrangeWall(DutyCommand):
    """The unit's walls are arranged (布置态势屏): scenes that take turns; none: those made by itself."""

    name = "arrange-wall"

    scenes: Annotated[list[Scene], Field(max_length=12)]


class ShowOnWall(DutyCommand):
    """One scene stays on the unit's walls (定屏) until another is chosen; null lets them take turns."""

    name = "show-on-wall"

    scene_id: Id | None


COMMANDS: tuple[type[DutyCommand], ...] = (ArrangeWall, ShowOnWall)


class WallArranged(DutyEvent):
    """The scenes of the walls are these (布置态势屏)."""

    type: Literal["wall_arranged"] = "wall_arranged"
    scenes: list[Scene]


class WallShown(DutyEvent):
    """The walls were turned to a scene, or take turns again (切换态势屏). `title` is that scene's."""

    type: Literal["wall_shown"] = "wall_shown"
    scene_id: str | None = None
    title: str | None = None


EVENTS: tuple[type[DutyEvent], ...] = (WallArranged, WallShown)
AnyWallEvent = WallArranged | WallShown
