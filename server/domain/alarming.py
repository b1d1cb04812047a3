"""What somebody has to be reached for, whom an alarm calls and when, and when it is over. Pure.

An event is what raises an alarm; the alarm's own id follows from what it is about, so that the same thing
never calls twice. It is over when somebody took it, or when what it is about is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from schemas import alarms as al
from schemas import duties as du
from schemas import events as ev
from schemas import field_work as fw
from schemas import instructions as ins
from schemas import joint as jd
from schemas import scene as sc
from schemas.bases import Event
from schemas.channels import ChannelBook
from schemas.duty_parts import DutyEvent, OnDuty
from schemas.rules import RuleSet
from schemas.terms import Level, Scale
from server.domain.alarm_state import Alarm
from server.domain.duty import Duty, Shift
from server.domain.incident import Incident
from server.domain.reporting import prompt_is_moot
from server.domain.units import UnitTree

_LEVELS = {
    Level.MAJOR: ("重大", "major"),
    Level.ESPECIALLY_MAJOR: ("特别重大", "especially major"),
}
_OWED: dict[al.AlarmKind, tuple[str, str]] = {
    "overdue": ("报送超时", "A report is overdue"),
    "due_soon": ("报送即将到时", "A report is due soon"),
}
_ORDER = {
    "acknowledge": ("指令逾期未签收", "An order was not acknowledged in time"),
    "report": ("指令逾期未反馈", "An order was not answered in time"),
}
_INSTRUCTION = {
    "receive": ("批示逾期未签收", "An instruction was not signed for in time"),
    "feedback": ("批示逾期未反馈", "An instruction was not answered in time"),
    "check": ("批示反馈逾期未核对", "An answer to an instruction was not looked at in time"),
}
_SITREP = ("情况报告逾期", "No report of the situation came in time")
_HELP = ("现场求援逾期未答复", "A request for help from the spot was not answered in time")
#: More desks than these are counted, not named, in what an alarm says.
MOST_NAMED = 5
_UNMANNED = {
    "nobody_planned": ("无人值班：没有排班", "Nobody is on duty: nobody is planned"),
    "not_taken_over": ("无人值班：本班无人接班", "Nobody is on duty: the shift was not taken over"),
}
_SEAT = ("联合值守席位无人", "Nobody is at its seat of the joint duty")


DutyOf = Callable[[str], Duty]


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that units have to be reached for. `raised_for`: its word in the operator's file."""

    kind: al.AlarmKind
    what: str
    units: tuple[str, ...]
    due_at: datetime
    text: str
    text_en: str
    causes: tuple[str, ...] = ()
    about: str | None = None
    drill: bool = False

    @property
    def raised_for(self) -> str:
        return f"prompt:{self.what.partition(':')[2]}" if self.kind == "prompt" else self.kind


def cause_of(event: Event, incident: Incident | None, tree: UnitTree) -> Cause | None:
    """What an event is to be called out for; None for nearly all events."""
    if isinstance(event, DutyEvent):
        return _of_a_duty(event, tree)
    if incident is None or incident.place is None:
        return None
    here = tree.ancestors(incident.place.unit)
    match event:
        case ev.PromptDue():
            what = f"{event.anchor}:{event.stage}"
            return Cause("prompt", what, here, event.due_at, event.text, event.text_en)
        case ev.ObligationOverdue() | ev.ObligationDueSoon():
            owed = incident.obligations[event.obligation_id]
            kind: al.AlarmKind = "overdue" if isinstance(event, ev.ObligationOverdue) else "due_soon"
            words = _OWED[kind]
            text, text_en = f"{words[0]}：{owed.rule_text}", f"{words[1]}: {owed.rule_text_en}"
            same = [
                one.obligation_id
                for one in incident.obligations.values()
                if (one.sender, one.due_at) == (owed.sender, owed.due_at)
            ]
            return Cause(kind, kind, (owed.sender,), event.due_at, text, text_en, tuple(same))
        case ev.LevelComputed() if event.level is not None and event.level.is_major:
            return _of_a_level(event.level, event.reached.get(event.level), incident, here)
        case ev.LevelJudged() if event.level.is_major and event.scale is Scale.REPORTING:
            return _of_a_level(event.level, event.judged_at, incident, here)
        case ev.OrderOverdue():
            units = tuple(dict.fromkeys([incident.orders[event.order_id].to, *here]))
            return Cause("order", event.what, units, event.due_at, *_ORDER[event.what], (event.order_id,))
        case fw.HelpOverdue():
            own = [
                one for one in incident.units if one == event.unit
            ]  # a unit that was only named sees nothing
            units = tuple(dict.fromkeys([*own, *here]))
            return Cause("help", "answer", units, event.due_at, *_HELP, (event.request_id,))
        case sc.SitrepOverdue():
            return Cause("sitrep", "sitrep", here, event.due_at, *_SITREP)
        case ins.InstructionOverdue():
            of = (event.instruction_id, event.addressee_id)
            said = _INSTRUCTION[event.waits_for]
            return Cause("instruction", event.waits_for, (event.owner,), event.due_at, *said, of)
        case _:
            return None


def _of_a_level(level: Level, at: datetime | None, incident: Incident, here: tuple[str, ...]) -> Cause | None:
    if at is None or incident.opened_at is None:
        return None
    text, text_en = _LEVELS[level]
    words = f"研判达到{text}级别", f"The level has become {text_en}"
    return Cause("level", str(level), here, incident.opened_at, *words)


def _of_a_duty(event: DutyEvent, tree: UnitTree) -> Cause | None:
    if isinstance(event, jd.JointSeatEmpty):
        words = f"{tree.name_of(event.seat)}{_SEAT[0]}", f"{tree.name_of(event.seat, 'en')}: {_SEAT[1]}"
        called = (event.unit, event.seat)
        of = (event.period_id, event.unit)
        return Cause("unmanned", "joint_seat", called, event.due_at, *words, of, event.seat, event.drill)
    if not isinstance(event, du.DutyUnmanned | du.HandoverLate):
        return None
    kind: al.AlarmKind = "handover"
    what, units = "late", [event.unit]
    text, text_en = "交接超时：下一班已到时", "The handover is late: the next shift has begun"
    if isinstance(event, du.DutyUnmanned):
        kind, what, units = "unmanned", event.why, event.units
        text, text_en = _UNMANNED[event.why]
    said = f"{tree.name_of(event.unit)}{text}", f"{tree.name_of(event.unit, 'en')}: {text_en}"
    return Cause(kind, what, tuple(units), event.due_at, *said, (event.shift_id,), event.unit)


def of_a_roll(event: du.RollUnanswered, duty_of: DutyOf, tree: UnitTree) -> Cause | None:
    """A roll-call that desks do not answer is one alarm of whoever made it, with the names of all of them."""
    silent = _silent(event.roll_id, duty_of(event.caller), duty_of)
    if not silent:
        return None
    rest = len(silent) - MOST_NAMED
    named, named_en = (
        comma.join(tree.name_of(one, lang) for one in silent[:MOST_NAMED])
        for comma, lang in (("、", "zh"), (", ", "en"))
    )
    text = f"点名无应答，请打电话：{named}" + (f"等{len(silent)}个单位" if rest > 0 else "")
    text_en = f"No answer to the roll-call, telephone: {named_en}" + (f" and {rest} more" if rest > 0 else "")
    drill = duty_of(event.unit).asked[event.roll_id].drill
    return Cause(
        "roll_call", event.roll_id, (event.caller,), event.due_at, text, text_en, tuple(silent), event.caller,
        drill,
    )  # fmt: skip


def _silent(roll_id: str, caller: Duty, duty_of: DutyOf) -> list[str]:
    """Who was asked and has neither answered nor been written down as absent."""
    roll = caller.rolls.get(roll_id)
    if roll is None or roll.closed_at is not None:
        return []
    return [unit for unit in roll.asked if duty_of(unit).asked[roll_id].is_open]


def raised(
    cause: Cause, unit: str, duty: Duty, incident: Incident | None, book: ChannelBook, now: datetime
) -> list[DutyEvent]:
    """An alarm of one unit and its first call; nothing when it was raised before, or nobody is to be told."""
    if cause.raised_for not in book.alarms.raised_for or not book.of(unit):
        return []
    subject = incident.id if incident is not None else cause.about
    if cause.what == "joint_seat":  # two periods may lack the same seat at the same moment
        subject = " ".join((str(cause.about), *cause.causes))
    name = f"fenghuo:{unit}|{subject}|{cause.kind}|{cause.what}|{cause.due_at.isoformat()}"
    alarm_id = str(uuid5(NAMESPACE_URL, name))
    if alarm_id in duty.alarms:
        return []
    made = al.AlarmRaised(
        unit=duty.unit,
        units=[duty.unit],
        alarm_id=alarm_id,
        kind=cause.kind,
        what=cause.what,
        text=cause.text,
        text_en=cause.text_en,
        incident_id=None if incident is None else incident.id,
        number=None if incident is None else incident.number,
        title=None if incident is None else incident.title,
        about=cause.about,
        drill=cause.drill if incident is None else bool(incident.drill),
        due_at=cause.due_at,
        causes=list(cause.causes),
        steps=_steps(book, duty, now),
    )
    return [made, _called(duty, Alarm(made, now), now)]


def _steps(book: ChannelBook, duty: Duty, now: datetime) -> list[al.AlarmStep]:
    """From one to the next. Whom nobody could name now is passed over at once: a call to nobody is none."""
    wanted = [(one.to, timedelta(minutes=one.after_min)) for one in book.alarms.steps]
    leaders = book.leaders(duty.unit)
    while len(wanted) > 1 and not _names(wanted[0][0], duty, leaders, now):
        skipped = wanted[1][1]
        wanted = [(to, after - skipped) for to, after in wanted[1:]]
    last, after = wanted[-1]
    every = timedelta(minutes=book.alarms.repeat_min)
    wanted += [(last, after + every * times) for times in range(1, book.alarms.repeat + 1)]
    return [
        al.AlarmStep(to=to, at=now + after, names=leaders if to == "bureau" else []) for to, after in wanted
    ]


def _names(to: al.Rung, duty: Duty, leaders: list[str], now: datetime) -> list[str]:
    if to == "bureau":
        return leaders
    return [one.name for one in people_of(duty, to, now)]


def people_of(duty: Duty, to: al.Rung, now: datetime) -> list[OnDuty]:
    """Whom the roster names: of the shift that answers, or if none does of the one that should."""
    shift: Shift | None = duty.on() or duty.planned(now)
    if shift is None:
        return []
    if to == "leader":
        return [shift.leader] if shift.leader else []
    return list(shift.posts) if to == "on_duty" else []


def moments(duty: Duty) -> Iterator[tuple[datetime, Callable[[datetime], DutyEvent]]]:
    """Every next step of an alarm that nobody has taken."""
    for alarm in duty.open_alarms():
        step = alarm.next_step
        if step is not None:
            yield step.at, lambda now, alarm=alarm: _called(duty, alarm, now)  # type: ignore[misc]


def _called(duty: Duty, alarm: Alarm, now: datetime) -> al.AlarmCalled:
    step = alarm.next_step
    assert step is not None
    return al.AlarmCalled(
        unit=duty.unit,
        units=[duty.unit],
        alarm_id=alarm.raised.alarm_id,
        step=alarm.calls,
        called=step.to,
        to=list(dict.fromkeys(_names(step.to, duty, list(step.names), now))),
        due_at=step.at,
        late_by_s=max(0, int((now - step.at).total_seconds())),
    )


def over(alarm: Alarm, incident: Incident, rules: RuleSet) -> str | None:
    """Why an alarm about an incident is over: `done`, `closed`; None while it stands."""
    said = alarm.raised
    if said.kind in ("overdue", "due_soon"):
        owed = [incident.obligations[one] for one in said.causes if one in incident.obligations]
        return None if any(one.is_open for one in owed) else "done"
    if not incident.is_open:
        return "closed"
    match said.kind:
        case "prompt":
            anchor, _, stage = said.what.partition(":")
            return "done" if prompt_is_moot(stage, anchor, incident, rules) else None
        case "order":
            order = incident.orders[said.causes[0]]
            answered = order.reported_at or (order.acknowledged_at if said.what == "acknowledge" else None)
            return None if answered is None else "done"
        case "help":
            return None if incident.on_scene.requests[said.causes[0]].is_open else "done"
        case "sitrep":
            return None if incident.scene.sitrep_due() == said.due_at else "done"
        case "instruction":
            instruction_id, addressee_id = said.causes
            clock = incident.instructions[instruction_id].addressees[addressee_id].clock
            is_same = clock is not None and (clock.waits_for, clock.due_at) == (said.what, said.due_at)
            return None if is_same else "done"
        case _:
            return None


def ended_by(event: DutyEvent, alarm: Alarm, duty_of: DutyOf) -> bool:
    """Whether this is what an alarm about a duty has waited for: somebody took the shift over, or the last
    desk that was silent has answered or was telephoned, or the roll-call was closed."""
    said = alarm.raised
    if said.kind == "roll_call" and isinstance(event, du.RollAnswered | du.RollClosed):
        return said.what == event.roll_id and not _silent(said.what, duty_of(said.unit), duty_of)
    if said.what == "joint_seat":
        if not isinstance(event, jd.JointEvent):
            return False
        is_over = isinstance(event, jd.JointDutyClosed | jd.JointDutyRanOut)
        is_taken = isinstance(event, jd.JointSeatTaken) and event.seat == said.about
        # entries of before name the period alone: ids are only good within a unit
        return (is_over or is_taken) and said.causes in ([event.period_id, event.unit], [event.period_id])
    return (
        isinstance(event, du.ShiftTakenOver)
        and said.kind in ("unmanned", "handover")
        and said.about == event.unit
    )
