"""The reporting clock (报送时限): which reports an incident owes, when they are met, and what time brings.

Three pure questions. `consequences`: what follows from the state (a level reached, a report owed, met or
excused). `passing`: what the hour has brought (prompts, due soon, overdue). `next_alarm`: when to look again.
Rules come in as data; a deadline is frozen when its clock starts, so regrading adds and never rewrites.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from schemas import events as ev
from schemas.rules import Prompt, Rule, RuleSet
from schemas.terms import Channel, Level, Scale, Stage, Standing
from server.domain import field_work, grading, instructions, scene
from server.domain.incident import Incident, Obligation, Report, Rest
from server.domain.onehour import official_start
from server.domain.periods import first_after_day, previous_cutoff, upcoming
from server.domain.triggers import answers_from, applied_since, clock_start, is_triggered
from server.domain.units import UnitTree

#: A tablet's outbox and a paper log arrive in one go: a deadline that had passed before it was entered is
#: called missed only after this long, so that the report standing next in the same batch is seen first.
LATE_ENTRY_GRACE = timedelta(seconds=5)
FOLLOW_UPS = frozenset({Stage.FOLLOW_UP, Stage.DAILY, Stage.UPGRADE, Stage.VERIFIED, Stage.FINAL})
ANSWERS: dict[Stage, frozenset[Stage]] = {
    Stage.INITIAL: frozenset({Stage.INITIAL, Stage.UPGRADE}),
    Stage.UPGRADE: frozenset({Stage.UPGRADE, Stage.INITIAL}),
    Stage.FOLLOW_UP: FOLLOW_UPS,
    Stage.DAILY: FOLLOW_UPS,
    Stage.VERIFIED: frozenset({Stage.VERIFIED}),
    Stage.FINAL: frozenset({Stage.FINAL}),
    Stage.CHECK_BACK: frozenset({Stage.CHECK_BACK}),
}
MAX_PERIODS_AT_ONCE = 60


@dataclass(frozen=True, slots=True)
class Setting:
    """What the clock works with: the rules in force, the unit tree, and the time."""

    rules: RuleSet
    tree: UnitTree
    now: datetime


def standing(owed: Obligation, now: datetime) -> Standing:
    """How an obligation stands at `now`. Met on the very second is in time."""
    if owed.excused is not None:
        return Standing.EXCUSED
    if owed.met_at is not None:
        return Standing.MET if owed.due_at is None or owed.met_at <= owed.due_at else Standing.MET_LATE
    if owed.due_at is not None and now > owed.due_at:
        return Standing.OVERDUE
    if owed.warn_at is not None and now >= owed.warn_at:
        return Standing.DUE_SOON
    return Standing.RUNNING


def resolve(setting_tree: UnitTree, code: str, place_unit: str) -> str:
    """The desk that an actor code means for an incident: only emergency bureaus are units of the tree."""
    return setting_tree.resolve(code, place_unit) if code in ("CTY_EMB", "CNT_EMB") else code


# ---------------------------------------------------------------- what follows from the state


def consequences(incident: Incident, setting: Setting) -> list[ev.Event]:
    """Events that the state itself calls for. Asked again after applying them, the answer is empty."""
    rest, rules, tree = incident.rest, setting.rules, setting.tree
    if rest is not None and rest.rules is rules and rest.tree is tree:
        if rest.until is None or setting.now < rest.until:
            return []
    following = _following(incident, setting)
    if not following:
        incident.rest = Rest(rules, tree, _next_opening(incident, setting))
    return following


def _following(incident: Incident, setting: Setting) -> list[ev.Event]:
    graded = _graded(incident, setting)
    if graded is not None:
        return [graded]
    started: list[ev.Event] = []
    if incident.is_open:
        for rule in setting.rules.rules_for(incident.category or "any"):
            if rule.opens and is_triggered(rule, incident):
                started += _owed_by(rule, incident, setting)
    if started:
        return started
    settled: list[ev.Event] = []
    for owed in incident.obligations.values():
        if not owed.is_open:
            continue
        answer = _answered(owed, incident, setting)
        if answer is not None:
            met_at, report = answer
            settled.append(
                ev.ObligationMet(obligation_id=owed.obligation_id, met_at=met_at, met_by=report.report_id)
            )
        elif reason := _excuse(owed, incident, setting):
            settled.append(ev.ObligationExcused(obligation_id=owed.obligation_id, reason=reason))
    return settled


def _graded(incident: Incident, setting: Setting) -> ev.LevelComputed | None:
    """A new computed level, if the facts held by the chain now amount to something else.

    Only facts are graded, when they come: another table in a later rule file regrades nothing by itself.
    The latest word is graded alone; what comes in between, or changes the kind, has all graded anew.
    """
    if incident.category is None or not incident.to_grade:
        return None
    ordered = sorted(incident.statements, key=lambda statement: statement.known_at)
    ordered = [said for said in ordered if said.in_chain]
    is_latest = not incident.is_other_kind and ordered[-1:] == incident.statements[-1:]
    known: dict[str, int | float | None] = {}
    reached = dict(incident.reached) if is_latest else {}
    near_at = incident.near_miss_at if is_latest else None
    grade = grading.Grade()
    for place, said in enumerate(ordered, start=1):
        known.update({name: number for name, number in said.facts.items() if number is not None})
        if is_latest and place < len(ordered):
            continue
        grade = grading.reporting_grade(setting.rules, incident.category, known)
        if grade.level is not None:
            reached.setdefault(grade.level, said.known_at)
        if grade.near_miss and near_at is None:
            near_at = said.known_at
    before = (incident.computed_level, incident.near_miss, incident.reached, incident.near_miss_at)
    if (grade.level, grade.near_miss, reached, near_at) == before:
        return None
    return ev.LevelComputed(
        level=grade.level,
        near_miss=grade.near_miss,
        near_miss_at=near_at,
        reached=reached,
        because=[f"{why.fact} {why.value:g} ≥ {why.threshold:g}" for why in grade.because],
    )


def _owed_by(rule: Rule, incident: Incident, setting: Setting) -> list[ev.Event]:
    """The obligations of this rule that have not started yet."""
    assert incident.place is not None
    sender = resolve(setting.tree, rule.sender, incident.place.unit)
    started: list[ev.Event] = []
    for actor in rule.to:
        recipient = resolve(setting.tree, actor, incident.place.unit)
        if recipient == sender:
            continue
        if rule.recurring is not None:
            started += _periods_owed(rule, incident, setting, sender, recipient)
            continue
        suffix = ""
        if rule.trigger == "casualty_changed":
            open_already = any(
                owed.rule == rule.id and owed.recipient == recipient and owed.is_open
                for owed in incident.obligations.values()
            )
            if open_already or incident.casualty_changed_at is None:
                continue
            suffix = incident.casualty_changed_at.isoformat()
        key = _obligation_id(incident, rule, recipient, suffix)
        if key in incident.obligations:
            continue
        start = clock_start(rule, incident, sender)
        if start is None:
            continue
        limit = None
        if rule.deadline_min is not None:
            limit = timedelta(minutes=rule.deadline_min)
        elif rule.deadline_days is not None:
            limit = timedelta(days=rule.deadline_days)
        due_at = None if limit is None else start + limit
        knowing = answers_from(rule, incident, start)
        started.append(_started(rule, key, sender, recipient, start, due_at, setting, knowing))
    return started


def _periods_owed(
    rule: Rule, incident: Incident, setting: Setting, sender: str, recipient: str
) -> list[ev.Event]:
    """The follow-up periods that have begun by now and are not in the log yet, oldest first."""
    begun = applied_since(rule, incident)
    if begun is None or rule.recurring is None:
        return []
    started: list[ev.Event] = []
    own = (owed.period for owed in incident.obligations.values() if owed.rule == rule.id)
    last = max((period for period in own if period is not None), default=None)
    for cutoff in upcoming(rule.recurring, begun, MAX_PERIODS_AT_ONCE, last):
        opens = max(begun, previous_cutoff(rule.recurring, cutoff, begun))
        if opens > setting.now:
            break
        if rule.until == "stable" and incident.stable_at is not None and opens >= incident.stable_at:
            break
        key = _obligation_id(incident, rule, recipient, cutoff.isoformat())
        if key not in incident.obligations:
            started.append(_started(rule, key, sender, recipient, opens, cutoff, setting, opens, cutoff))
    return started


def _started(
    rule: Rule,
    key: str,
    sender: str,
    recipient: str,
    started_at: datetime,
    due_at: datetime | None,
    setting: Setting,
    answers_from: datetime,
    period: datetime | None = None,
) -> ev.ObligationStarted:
    warn_at = None
    if due_at is not None:
        half = (due_at - started_at) // timedelta(milliseconds=2)  # the log keeps whole milliseconds
        warn_at = due_at - min(timedelta(minutes=setting.rules.due_soon_min), timedelta(milliseconds=half))
    return ev.ObligationStarted(
        obligation_id=key,
        rule=rule.id,
        rule_text=rule.text,
        rule_text_en=rule.text_en,
        source=rule.cite,
        evidence=rule.evidence,
        sender=sender,
        recipient=recipient,
        stage=rule.stage,
        channel=rule.channel,
        started_at=started_at,
        due_at=due_at,
        warn_at=warn_at,
        answers_from=answers_from,
        period=period,
    )


def _obligation_id(incident: Incident, rule: Rule, recipient: str, suffix: str) -> str:
    """The same duty has the same id for ever, so it can start only once."""
    return str(uuid5(UUID(incident.id), f"{rule.id}|{recipient}|{suffix}"))


def _answered(owed: Obligation, incident: Incident, setting: Setting) -> tuple[datetime, Report] | None:
    """The first report that fulfils this duty, and when it did: a written one when it was received."""
    answers: list[tuple[datetime, Report]] = []
    since: datetime | None = None
    for report in incident.reports.values():
        if report.recipient != owed.recipient or report.stage not in ANSWERS[owed.stage]:
            continue
        if report.channel == Channel.WRITTEN and not report.valid:
            continue
        if report.sent_at < owed.answers_from:
            since = since or _knowing_since(owed, incident, setting)
            if report.sent_at < since:
                continue
        if owed.channel == Channel.ANY or report.channel == Channel.PHONE == owed.channel:
            answers.append((report.sent_at, report))
        elif owed.channel == report.channel == Channel.WRITTEN and report.received_at is not None:
            answers.append((report.received_at, report))
    return min(answers, key=lambda pair: pair[0], default=None)


def _knowing_since(owed: Obligation, incident: Incident, setting: Setting) -> datetime:
    """From when on a report knew what the duty is about: earlier than was thought when its clock started,
    where an earlier fact was entered later, or came with a duplicate."""
    rule = setting.rules.rule(owed.rule)
    if rule is None or owed.period is not None or rule.trigger == "casualty_changed":
        return owed.answers_from
    return min(owed.answers_from, answers_from(rule, incident, owed.started_at))


def _excuse(
    owed: Obligation, incident: Incident, setting: Setting
) -> Literal["merged", "closed", "stable", "false_alarm", "outside_jurisdiction"] | None:
    if incident.state == "merged":
        return "merged"
    if incident.outcome == "false_alarm":
        return "false_alarm"
    if incident.outcome == "outside_jurisdiction":
        return "outside_jurisdiction"
    late = owed.due_at is not None and owed.due_at <= setting.now
    if owed.period is not None and not late:
        if not incident.is_open:
            return "closed"
        ended = incident.stable_at is not None and owed.started_at >= incident.stable_at
        rule = setting.rules.rule(owed.rule)
        if ended and rule is not None and rule.until == "stable":
            return "stable"
    return None


# ---------------------------------------------------------------- what time brings


def passing(incident: Incident, setting: Setting) -> tuple[datetime, list[ev.Event]] | None:
    """The earliest moment that has come and is not in the log yet, and what it brings. Asked again after
    applying that, it answers with the next one; None when nothing else is due by now."""
    due = [(at, make) for at, make in _stages(incident, setting) if at <= setting.now]
    first = min((at for at, _make in due), default=None)
    if first is None:
        return None
    return first, [make(setting.now) for at, make in due if at == first]


def next_alarm(incident: Incident, setting: Setting) -> datetime | None:
    """When this incident needs looking at next; None when nothing is to come."""
    moments = [at for at, _make in _stages(incident, setting)]
    opening = _next_opening(incident, setting)
    if opening is not None:
        moments.append(opening)
    return min(moments, default=None)


def _next_opening(incident: Incident, setting: Setting) -> datetime | None:
    """The next moment at which a period of a recurring duty opens or ends."""
    moments = []
    if incident.is_open:
        for rule in setting.rules.recurring_for(incident.category or "any"):
            if rule.recurring is not None and is_triggered(rule, incident):
                begun = applied_since(rule, incident)
                if begun is not None:
                    moments.append(first_after_day(rule.recurring, max(begun, setting.now)))
    return min(moments, default=None)


def to_come(incident: Incident, setting: Setting) -> list[datetime]:
    """Every moment that is not in the log yet, whether it has come or not."""
    return [at for at, _make in _stages(incident, setting)]


def _late(due_at: datetime, now: datetime) -> int:
    return max(0, int((now - due_at).total_seconds()))


Moment = tuple[datetime, Callable[[datetime], ev.Event]]


def earliest_frozen_alarm(incident: Incident) -> datetime | None:
    """The first moment to come that no rule of the day can move: a frozen deadline, an order's limit."""
    return min((at for at, _make in _frozen_stages(incident)), default=None)


def _stages(incident: Incident, setting: Setting) -> Iterator[Moment]:
    """Every moment still to be written down: pairs of the moment and a maker of its event."""
    yield from _frozen_stages(incident)
    if incident.is_open:
        yield from _prompts(incident, setting)


def _frozen_stages(incident: Incident) -> Iterator[Moment]:
    """Those that were fixed when a report came to be owed, an order or an instruction was given."""
    if incident.state not in ("open", "closed"):
        return
    for owed in incident.obligations.values():
        if not owed.is_open or owed.due_at is None:
            continue
        if not owed.warned and owed.warn_at is not None and owed.warn_at > owed.recorded_at:
            yield owed.warn_at, _obligation_event(ev.ObligationDueSoon, owed, owed.warn_at)
        if not owed.breached:
            at = owed.due_at + timedelta(milliseconds=1)
            if owed.due_at <= owed.recorded_at:
                at = owed.recorded_at + LATE_ENTRY_GRACE
            yield at, _obligation_event(ev.ObligationOverdue, owed, owed.due_at)
    for order in incident.orders.values():
        waits: tuple[tuple[Literal["acknowledge", "report"], datetime | None, datetime | None], ...] = (
            ("acknowledge", order.acknowledge_by, order.acknowledged_at or order.reported_at),
            ("report", order.report_by, order.reported_at),
        )
        for what, due_at, done_at in waits:
            if due_at is not None and done_at is None and what not in order.overdue and incident.is_open:
                at = due_at + timedelta(milliseconds=1)
                yield at, _order_event(order.order_id, what, due_at)
    if incident.is_open:
        yield from instructions.moments(incident.instructions)
        yield from field_work.moments(incident.on_scene)
        yield from scene.moments(incident.scene)


def _prompts(incident: Incident, setting: Setting) -> Iterator[Moment]:
    """The countdown of domain.md 1.5.5, for an incident that is unjudged or whose level is 较大 and above."""
    level = incident.reporting_level
    known = incident.known_at()
    below = incident.is_judged and level is not None and level.rank < Level.LARGER.rank
    if known is None or incident.opened_at is None or below:
        return
    begun = official_start(incident)
    upgraded = begun is not None and begun[0] == "upgrade"
    anchor: Literal["known", "threshold"] = "known"
    start, written_down = known, incident.opened_at
    if begun is not None and upgraded:
        anchor, start = "threshold", begun[1]
        majors = [at for level, at in incident.level_since.items() if level.is_major]
        written_down = min(majors, default=written_down)
    for prompt in setting.rules.prompts:
        due_at = start + timedelta(minutes=prompt.after_min)
        if f"{anchor}:{prompt.stage}" in incident.prompts or due_at <= written_down:
            continue
        if not _is_moot(prompt, incident, start):
            yield due_at, _prompt_event(prompt, anchor, due_at)


def prompt_is_moot(stage: str, anchor: str, incident: Incident, rules: RuleSet) -> bool:
    """Whether what a stage of the countdown asked for was done since, or is asked for no more."""
    prompt = next((one for one in rules.prompts if one.stage == stage), None)
    begun, known = official_start(incident), incident.known_at()
    start = begun[1] if anchor == "threshold" and begun is not None else known
    return prompt is None or start is None or _is_moot(prompt, incident, start)


def _is_moot(prompt: Prompt, incident: Incident, start: datetime) -> bool:
    sent = [report for report in incident.reports.values() if report.sent_at >= start]
    written = any(report.channel == Channel.WRITTEN and report.valid for report in sent)
    match prompt.until:
        case "judged":
            return written or any(
                j.scale is Scale.REPORTING and j.judged_at >= start for j in incident.judgements
            )
        case "phoned":
            return written or any(report.channel == Channel.PHONE for report in sent)
        case "written":
            return written
        case "never":
            return False


def _obligation_event(
    kind: type[ev.ObligationDueSoon] | type[ev.ObligationOverdue], owed: Obligation, moment: datetime
) -> Callable[[datetime], ev.Event]:
    def make(now: datetime) -> ev.Event:
        assert owed.due_at is not None
        return kind(
            obligation_id=owed.obligation_id,
            rule=owed.rule,
            due_at=owed.due_at,
            late_by_s=_late(moment, now),
        )

    return make


def _order_event(
    order_id: str, what: Literal["acknowledge", "report"], due_at: datetime
) -> Callable[[datetime], ev.Event]:
    return lambda now: ev.OrderOverdue(
        order_id=order_id, what=what, due_at=due_at, late_by_s=_late(due_at, now)
    )


def _prompt_event(
    prompt: Prompt, anchor: Literal["known", "threshold"], due_at: datetime
) -> Callable[[datetime], ev.Event]:
    return lambda now: ev.PromptDue(
        anchor=anchor,
        stage=prompt.stage,
        text=prompt.text,
        text_en=prompt.text_en,
        due_at=due_at,
        late_by_s=_late(due_at, now),
    )
