"""A unit's alarms and channels as its log tells them: who was called, who took it, what does not get out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas import alarms as al
from schemas.duty_parts import DutyEvent


@dataclass(slots=True)
class Alarm:
    """An alarm, and how far its calling has come. `calls`: how many of its steps have come."""

    raised: al.AlarmRaised
    raised_at: datetime
    calls: int = 0
    called: tuple[str, ...] = ()
    taken_by: str | None = None
    taken_at: datetime | None = None
    settled_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.taken_at is None and self.settled_at is None

    @property
    def next_step(self) -> al.AlarmStep | None:
        """What comes next if nobody takes it."""
        return self.raised.steps[self.calls] if self.is_open and self.calls < len(self.raised.steps) else None


@dataclass(frozen=True, slots=True)
class Silence:
    """A channel by which nothing gets out."""

    channel: str
    name: str
    fault: str
    since: datetime


def fold(alarms: dict[str, Alarm], silent: dict[str, Silence], event: DutyEvent, at: datetime) -> None:
    """Fold one entry of a duty in."""
    match event:
        case al.AlarmRaised():
            alarms[event.alarm_id] = Alarm(event, at)
        case al.AlarmCalled():
            alarm = alarms[event.alarm_id]
            alarm.calls = event.step + 1
            alarm.called = tuple(dict.fromkeys([*alarm.called, *event.to]))
        case al.AlarmTaken():
            alarm = alarms[event.alarm_id]
            alarm.taken_by, alarm.taken_at = event.name, event.at
        case al.AlarmSettled():
            alarms[event.alarm_id].settled_at = at
        case al.ChannelFailed():
            silent[event.channel] = Silence(event.channel, event.name, event.fault, at)
        case al.ChannelRestored():
            silent.pop(event.channel, None)
        case _:
            raise AssertionError(f"{event.type} is not folded")
