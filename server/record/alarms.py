"""Alarms within a round: what its entries call people for, and the messages that go out for it.

Looked at once, when everything of the round is decided: an alarm, its call and its messages are then written
in the transaction of the entry that is their cause. The record comes first: a bug in here is logged whole,
costs the alarm of that one entry, and keeps no entry from being written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

import structlog
from sqlalchemy.exc import SQLAlchemyError

from schemas import alarms as al
from schemas.channels import DRILL_PREFIX, Base, ChannelBook, Sms, Smtp
from schemas.duties import RollUnanswered
from schemas.duty_parts import DutyEvent
from schemas.joint import JointEvent
from schemas.rules import RuleSet
from server.domain import alarming
from server.domain.alarm_state import Alarm
from server.domain.duty import Duty
from server.domain.incident import Incident
from server.domain.units import UnitTree
from server.record.lines import Line
from server.record.outbox import fresh

log = structlog.get_logger()

_NUMBER = re.compile(r"\+?[0-9]{5,15}")
_MOBILE = re.compile(r"1[0-9]{10}")
#: Faults are read by people of either language, and by whoever mends it.
NO_NUMBER = "没有电话号码 no phone number"
_RUNGS = {"on_duty": "值班员", "leader": "带班领导", "bureau": "局领导"}


class Duties(Protocol):
    """What is needed of the duties of a round."""

    def load(self, unit: str) -> Duty: ...

    def say(self, events: Iterable[DutyEvent]) -> None: ...

    def forget_unwritten(self) -> None: ...


class Alarms:
    """What a round's entries call for. `rules`: those in force at its moment."""

    def __init__(
        self,
        book: ChannelBook,
        tree: UnitTree,
        rules: RuleSet,
        now: datetime,
        duties: Duties,
        load_incident: Callable[[str], Incident | None],
    ) -> None:
        self._book, self._tree, self._rules, self._now = book, tree, rules, now
        self._duties, self._load_incident = duties, load_incident
        self._units = set(book.units())
        self._heard: list[Line] = []
        self.rows: list[dict[str, Any]] = []
        self.withdrawn: list[str] = []

    def hear(self, lines: Iterable[Line]) -> None:
        """Entries that were given their places."""
        self._heard += lines

    def follow(self) -> None:
        """Raise, call and settle what the entries heard so far ask for; and what those alarms ask for."""
        while self._heard:
            heard, self._heard = self._heard, []
            changed: dict[str, None] = {}
            for line in heard:
                self._guarded(line.event.type, lambda line=line: self._of(line))  # type: ignore[misc]
                if line.incident_id is not None:
                    changed[line.incident_id] = None
            for incident_id in changed:
                self._guarded("settling", lambda one=incident_id: self._settle(one))  # type: ignore[misc]

    def _guarded(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except SQLAlchemyError:
            raise
        except Exception:
            log.exception("no alarm could be made of this; the entry itself stands", what=what)
            self._duties.forget_unwritten()

    def _of(self, line: Line) -> None:
        event = line.event
        match event:
            case al.AlarmCalled():
                self._call(event)
            case al.AlarmTaken() | al.AlarmSettled():
                self.withdrawn.append(event.alarm_id)
            case al.AlarmRaised() | al.ChannelFailed() | al.ChannelRestored():
                return
            case _:
                self._raise(line)

    def _raise(self, line: Line) -> None:
        event = line.event
        incident = None if line.incident_id is None else self._load_incident(line.incident_id)
        if isinstance(event, DutyEvent):
            told = event.units if isinstance(event, JointEvent) else self._tree.ancestors(event.unit)
            for unit in self._units.intersection(told):
                over = [
                    one
                    for one in self._duties.load(unit).open_alarms()
                    if alarming.ended_by(event, one, self._duties.load)
                ]
                self._end(unit, over, "done")
        if isinstance(event, RollUnanswered):
            is_heard = event.caller in self._units
            cause = alarming.of_a_roll(event, self._duties.load, self._tree) if is_heard else None
        else:
            cause = alarming.cause_of(event, incident, self._tree)
        if cause is None:
            return
        for unit in cause.units:
            if unit in self._units:
                duty = self._duties.load(unit)
                self._duties.say(alarming.raised(cause, unit, duty, incident, self._book, self._now))

    def _settle(self, incident_id: str) -> None:
        incident: Incident | None = None
        for unit in self._units:
            for alarm in self._duties.load(unit).open_alarms():
                if alarm.raised.incident_id != incident_id:
                    continue
                incident = incident or self._load_incident(incident_id)
                reason = None if incident is None else alarming.over(alarm, incident, self._rules)
                if reason is not None:
                    self._end(unit, [alarm], reason)

    def _end(self, unit: str, alarms: Iterable[Alarm], reason: str) -> None:
        self._duties.say(
            al.AlarmSettled(
                unit=unit,
                units=[unit],
                alarm_id=alarm.raised.alarm_id,
                reason="closed" if reason == "closed" else "done",
            )
            for alarm in alarms
        )

    # ------------------------------------------------------------ messages

    def _call(self, event: al.AlarmCalled) -> None:
        duty = self._duties.load(event.unit)
        alarm = duty.alarms[event.alarm_id]
        too_old = timedelta(minutes=self._book.alarms.too_old_min)
        for channel in self._book.of(event.unit):
            if alarm.raised.drill and not channel.drills:
                continue
            text = message(alarm.raised, event, self._tree, full=channel.full)
            for to in recipients(channel, event, duty, self._book):
                whom = to.get("recipient") or to["recipient_name"]
                key = f"{event.alarm_id}:{event.step}:{channel.id}:{whom}"
                self.rows.append(
                    fresh(
                        str(uuid5(NAMESPACE_URL, f"fenghuo:{key}")),
                        key,
                        self._now,
                        event.due_at + too_old,
                        alarm_id=event.alarm_id,
                        unit=event.unit,
                        channel=channel.id,
                        text=text,
                        drill=alarm.raised.drill,
                        **to,
                    )
                )


def message(raised: al.AlarmRaised, called: al.AlarmCalled, tree: UnitTree, *, full: bool) -> str:
    """What is sent: of the incident its number, and its title only where the channel may have it."""
    parts = [f"【烽火告警】{tree.name_of(raised.unit)}"]
    if raised.number is not None:
        parts.append(f"事件{raised.number}")
    if full and raised.title is not None:
        parts.append(raised.title)
    parts.append(raised.text)
    names = "、".join(called.to) or "名单上无人"
    parts.append(f"第{called.step + 1}次呼叫 {_RUNGS[called.called]}：{names}")
    parts.append(f"请回值班台接单，无人接单将继续上呼。编号{raised.alarm_id[:8]}-{called.step + 1}")
    return marked(" ".join(" ".join(parts).split()), raised.drill)


def marked(text: str, drill: bool) -> str:
    """The text of a drill begins with the word for it."""
    return text if not drill or text.startswith(DRILL_PREFIX) else DRILL_PREFIX + text


def recipients(
    channel: Base, called: al.AlarmCalled, duty: Duty, book: ChannelBook
) -> Iterator[dict[str, Any]]:
    """To whom a call goes by a channel. Who cannot be reached by it stands there as failed, by name."""
    rostered = {one.name: one.phone for to in ("on_duty", "leader") for one in _people(duty, to, called)}
    phones: dict[str, str | None] = {}
    for name in called.to:
        known = book.person(name)
        phones[name] = _number(rostered.get(name)) or _number(known.phone if known else None)
    if isinstance(channel, Sms):
        for name, phone in phones.items():
            if phone is None:
                yield {"recipient_name": name, "fault": NO_NUMBER}
            else:
                yield {"recipient": phone, "recipient_name": name}
    elif isinstance(channel, Smtp):
        known_people = [(name, book.person(name)) for name in called.to]
        personal = {one.email: name for name, one in known_people if one is not None and one.email}
        for address in dict.fromkeys([*channel.to, *personal]):
            yield {"recipient": address, "recipient_name": personal.get(address, "")}
    else:
        found = [one for one in phones.values() if one is not None and _MOBILE.fullmatch(one)]
        yield {"recipient_name": "、".join(called.to), "mentions": found}


def _people(duty: Duty, to: str, called: al.AlarmCalled) -> list[Any]:
    return alarming.people_of(duty, "leader" if to == "leader" else "on_duty", called.due_at)


def _number(said: str | None) -> str | None:
    """A number as gateways take it; None when what was said is none."""
    bare = re.sub(r"[ ()-]", "", said or "")
    return bare if _NUMBER.fullmatch(bare) else None
