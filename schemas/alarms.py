"""An alarm that calls people until a named one takes it (告警、呼叫、接单), and the channels it goes out by.

An alarm belongs to a unit's duty: who is called follows from that unit's roster. Its steps are frozen when it
is raised, so editing the operator's file never changes who should have been called when.
"""

from __future__ import annotations

from typing import Literal

from schemas.duty_parts import DutyCommand, DutyEvent
from schemas.fields import Frozen, Id, Instant, Text2000

AlarmKind = Literal[
    "prompt",  # 倒计时提示
    "due_soon",  # 报送即将到时
    "overdue",  # 报送超时
    "level",  # 达到重大以上
    "order",  # 指令逾期
    "instruction",  # 批示逾期
    "help",  # 求援未答复
    "sitrep",  # 情况报告超时
    "unmanned",  # 无人值班
    "handover",  # 交接超时
    "roll_call",  # 点名无应答
]
#: Whom a step calls: who is on duty, the leader of the shift (带班领导), the leaders of the bureau (局领导).
Rung = Literal["on_duty", "leader", "bureau"]


class AlarmStep(Frozen):
    """A step of an alarm: whom it calls and when. `names` where the roster does not say it: the bureau's."""

    to: Rung
    at: Instant
    names: list[str]


class TakeAlarm(DutyCommand):
    """A named person takes an alarm (接单): nobody further is called. Of who was phoned: `on_behalf_of`."""

    name = "take-alarm"

    alarm_id: Id
    at: Instant
    text: Text2000 | None = None


COMMANDS: tuple[type[DutyCommand], ...] = (TakeAlarm,)


class AlarmRaised(DutyEvent):
    """Somebody has to be reached (告警): about what, and the steps by which people are called.

    `causes` are the obligations, the order, the addressee or the silent desks that it is about; `about` the
    unit whose duty.
    """

    type: Literal["alarm_raised"] = "alarm_raised"
    alarm_id: str
    kind: AlarmKind
    what: str
    text: str
    text_en: str
    incident_id: str | None = None
    number: str | None = None
    title: str | None = None
    about: str | None = None
    drill: bool
    due_at: Instant
    causes: list[str]
    steps: list[AlarmStep]


class AlarmCalled(DutyEvent):
    """An alarm's step has come (呼叫): these are called. Whether they were reached is not said by this."""

    type: Literal["alarm_called"] = "alarm_called"
    alarm_id: str
    step: int
    called: Rung
    to: list[str]
    due_at: Instant
    late_by_s: int


class AlarmTaken(DutyEvent):
    """A named person took the alarm (接单)."""

    type: Literal["alarm_taken"] = "alarm_taken"
    alarm_id: str
    name: str
    at: Instant
    text: str | None = None


class AlarmSettled(DutyEvent):
    """What the alarm was about is done, or no longer holds: nobody further is called (告警解除)."""

    type: Literal["alarm_settled"] = "alarm_settled"
    alarm_id: str
    reason: Literal["done", "closed"]


class ChannelFailed(DutyEvent):
    """Messages do not get out by this channel (渠道不通): since now, and why."""

    type: Literal["channel_failed"] = "channel_failed"
    channel: str
    name: str
    fault: str


class ChannelRestored(DutyEvent):
    """Messages get out by this channel again (渠道恢复)."""

    type: Literal["channel_restored"] = "channel_restored"
    channel: str
    name: str


EVENTS: tuple[type[DutyEvent], ...] = (
    AlarmRaised,
    AlarmCalled,
    AlarmTaken,
    AlarmSettled,
    ChannelFailed,
    ChannelRestored,
)
AnyAlarmEvent = AlarmRaised | AlarmCalled | AlarmTaken | AlarmSettled | ChannelFailed | ChannelRestored
