"""The reporting clock as pure functions, over timelines nobody thought of.

Three promises: what follows from a state comes to an end and is not asked for twice; every stage is written
down once and in order; and an alarm never rings later than the first thing it should have rung for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import commands as cmd
from schemas import events as ev
from schemas.events import LogEntry
from schemas.rules import Recurring
from schemas.terms import Level, Post
from server.config.rulebook import defaults
from server.config.unit_file import default_units
from server.domain.decide import Author, Context, Refused, decide
from server.domain.incident import Incident, apply
from server.domain.periods import first_after_day, previous_cutoff, upcoming
from server.domain.reporting import (
    MAX_PERIODS_AT_ONCE,
    Setting,
    _graded,
    consequences,
    next_alarm,
    passing,
    standing,
)
from tests.words import BEIJING, DAY_ONE, new_id

pytestmark = pytest.mark.timeout(300)  # a timeline that breaks a promise is made as short as it can be

RULES = defaults().rule_sets[-1]
TREE = default_units()
WU = Author("Wu", Post.DUTY_OFFICER, "130300")


@dataclass
class Desk:
    """One incident, its log, and a clock."""

    now: datetime
    incident: Incident = field(default_factory=lambda: Incident(new_id()))
    log: list[LogEntry] = field(default_factory=list)

    @property
    def setting(self) -> Setting:
        return Setting(RULES, TREE, self.now)

    def take(self, event: Any, command: cmd.Command | None = None) -> None:
        entry = LogEntry(
            incident_id=self.incident.id,
            event=event,
            by="Wu" if command else "fenghuo",
            post="duty_officer",
            unit="130300",
            recorded_at=self.now,
            command_id=command.command_id if command else None,
        )
        apply(self.incident, entry)
        self.log.append(entry)

    def settle(self) -> None:
        """Write down what follows, and hold that it ends."""
        for _ in range(20):
            following = consequences(self.incident, self.setting)
            if not following:
                break
            for event in following:
                self.take(event)
        assert consequences(self.incident, self.setting) == [], "asked again, there is nothing more to say"
        unrested = replace(self.incident, rest=None)
        assert consequences(unrested, self.setting) == [], "worked out anew, there is nothing more either"
        anew = replace(self.incident, to_grade=True, is_other_kind=True)
        assert _graded(anew, self.setting) is None, "graded anew from the first fact on, it is the same"

    def tell(self, kind: type[cmd.Command], **said: Any) -> None:
        command = kind.model_validate({"command_id": new_id(), "incident_id": self.incident.id, **said})
        there = self.incident if self.incident.version else None
        context = Context(WU, self.setting, lambda unit, drill: "X-2026-0001", lambda _id: None)
        try:
            decided = decide(there, command, context)
        except Refused:
            return
        for number, event in enumerate(decided.events):
            self.take(event, command if number == 0 else None)
        self.settle()

    def look(self) -> list[datetime]:
        """What the watch does when it looks: the moments that it wrote down."""
        self.settle()
        moments = []
        while (due := passing(self.incident, self.setting)) is not None:
            assert due[0] <= self.now
            moments.append(due[0])
            assert len(moments) < 500, "a moment that was written down comes back"
            for event in due[1]:
                self.take(event)
            self.settle()
        assert moments == sorted(moments)
        alarm = next_alarm(self.incident, self.setting)
        assert alarm is None or alarm > self.now, "an alarm in the past would ring for ever"
        return moments

    def fired(self) -> set[tuple[str, ...]]:
        return {key for key in map(_key, self.log) if key is not None}


def _key(entry: LogEntry) -> tuple[str, ...] | None:
    match entry.event:
        case (
            ev.ObligationDueSoon()
            | ev.ObligationOverdue()
            | ev.ObligationStarted()
            | ev.ObligationMet() as event
        ):
            return (event.type, event.obligation_id)
        case ev.OrderOverdue() as event:
            return (event.type, event.order_id, event.what)
        case ev.PromptDue() as event:
            return (event.type, event.anchor, event.stage)
    return None


# ---------------------------------------------------------------- timelines

CATEGORIES = ["mine", "hazmat/leak", "flood", "drought", "fire_accident", "earthquake", None]
FIGURES = st.fixed_dictionaries(
    {},
    optional={
        "dead": st.one_of(st.none(), st.sampled_from([0, 1, 3, 10, 30])),
        "missing": st.sampled_from([0, 3, 9]),
        "trapped": st.sampled_from([0, 2, 10]),
        "evacuated": st.sampled_from([0, 500]),
        "affected": st.sampled_from([0, 40]),
    },
)
SPAN = st.integers(0, 36 * 60)  # minutes from one deed to the next
AGO = st.integers(0, 600)  # minutes between a deed and its writing down
DEEDS = st.one_of(
    st.tuples(st.just("facts"), SPAN, AGO, FIGURES),
    st.tuples(st.just("judge"), SPAN, AGO, st.tuples(st.sampled_from(Level), st.booleans())),
    st.tuples(
        st.just("report"), SPAN, AGO,
        st.tuples(
            st.sampled_from(["phone", "written"]),
            st.sampled_from(["PRV_EMB", "CTY_EMB", "MEM", "SC", "PRV_GOV"]),
            st.sampled_from(["initial", "upgrade", "follow_up", "daily", "verified"]), st.booleans(),
        ),
    ),
    st.tuples(st.just("order"), SPAN, AGO, st.integers(1, 90)),
    st.tuples(st.just("close"), SPAN, AGO, st.sampled_from([None, "handled", "false_alarm"])),
    st.tuples(st.just("reopen"), SPAN, AGO, st.none()),
    st.tuples(st.just("stable"), SPAN, AGO, st.none()),
    st.tuples(st.just("conceal"), SPAN, AGO, st.none()),
)  # fmt: skip
TIMELINES = st.tuples(
    st.sampled_from(CATEGORIES), AGO, FIGURES, st.booleans(), st.lists(DEEDS, max_size=8), SPAN
)


def lived(timeline: Any, watch: Any) -> Desk:
    """The timeline at a desk whose watch looks as it likes: `watch(desk, until)` brings it to a moment."""
    category, ago, facts, unseen, deeds, rest = timeline
    desk = Desk(DAY_ONE + timedelta(hours=14))
    known = desk.now - timedelta(minutes=ago)
    desk.tell(
        cmd.OpenIncident, title="x", category=category, place={"division": "130324"}, known_at=known,
        known_by="130324", occurred_at=known - timedelta(minutes=20), nobody_could_know=unseen,
        source={"channel": "110"}, facts=facts, drill=False,
    )  # fmt: skip
    for kind, span, late, what in deeds:
        watch(desk, desk.now + timedelta(minutes=span))
        at = desk.now - timedelta(minutes=late)
        match kind:
            case "facts":
                desk.tell(cmd.EstablishFacts, known_at=at, known_by="130324", facts=what, explanation="复核")
            case "judge":
                said = {"level": what[0], "scale": "reporting", "basis": "", "possible": what[1]}
                desk.tell(cmd.JudgeLevel, judged_at=at, **said)
            case "report":
                channel, recipient, stage, received = what
                sent = {"channel": channel, "recipient": recipient, "stage": stage, "signed_by": "赵"}
                report = new_id()
                desk.tell(cmd.RecordReport, report_id=report, sent_at=at, **sent)
                if received:
                    desk.tell(cmd.RecordReceipt, report_id=report, received_at=at, received_by="钱")
            case "order":
                limits = {"acknowledge_within_min": what, "report_within_min": what + 10}
                desk.tell(cmd.IssueOrder, order_id=new_id(), to="130324", text="x", **limits)
            case "close":
                desk.tell(cmd.CloseIncident, at=at, reason="", outcome=what)
            case "reopen":
                desk.tell(cmd.ReopenIncident, at=at, reason="")
            case "stable":
                desk.tell(cmd.DeclareStable, at=at, basis="")
            case "conceal":
                desk.tell(cmd.DeclareConcealed, concealed_by="矿方", basis="", declared_at=at)
    watch(desk, desk.now + timedelta(minutes=rest))
    return desk


def by_alarms(desk: Desk, until: datetime) -> None:
    """Looks only when an alarm rings."""
    while (alarm := next_alarm(desk.incident, desk.setting)) is not None and alarm <= until:
        desk.now = alarm
        moments = desk.look()
        assert all(moment >= alarm for moment in moments), "something had come before its alarm rang"
    desk.now = until


def by_the_hour(desk: Desk, until: datetime) -> None:
    """Looks all the time, alarms or not."""
    while desk.now < until:
        desk.now = min(until, desk.now + timedelta(minutes=47))
        desk.look()


def only_at_the_end(desk: Desk, until: datetime) -> None:
    """The desk was down: nobody looked in between."""
    desk.now = until
    desk.look()


def hold_lateness(desk: Desk) -> None:
    """Nothing is called late on the very moment of its limit, and how late it is told to the second."""
    for entry in desk.log:
        if isinstance(entry.event, ev.ObligationOverdue):
            owed = desk.incident.obligations[entry.event.obligation_id]
            assert owed.due_at is not None
            assert entry.recorded_at > owed.due_at, "never before the limit has passed"
            assert entry.event.late_by_s == int((entry.recorded_at - owed.due_at).total_seconds())


@settings(max_examples=60, deadline=None)
@given(TIMELINES)
def test_a_watch_that_wakes_only_for_its_alarms_misses_nothing(timeline: Any) -> None:
    desk = lived(timeline, by_alarms)
    hold_lateness(desk)
    written = desk.fired()
    end = desk.now
    desk.look()
    missed = desk.fired() - written
    assert not missed, f"found at {end} without an alarm: {missed}"


@settings(max_examples=30, deadline=None)
@given(TIMELINES)
def test_however_often_one_looks_every_stage_is_written_once_and_nothing_more(timeline: Any) -> None:
    desk = lived(timeline, by_the_hour)
    keys = [key for key in map(_key, desk.log) if key is not None]
    assert len(keys) == len(set(keys))
    starts = {
        entry.event.obligation_id for entry in desk.log if isinstance(entry.event, ev.ObligationStarted)
    }
    hold_lateness(desk)
    assert starts == set(desk.incident.obligations)


@settings(max_examples=30, deadline=None)
@given(TIMELINES)
def test_a_desk_that_was_down_owes_the_same_as_one_that_was_up(timeline: Any) -> None:
    """Deeds done while nobody looked are the same deeds; what fell due meanwhile is made up for."""
    up, down = lived(timeline, by_alarms), lived(timeline, only_at_the_end)
    up.look()
    down.incident.id = up.incident.id
    shown = [
        sorted(
            (owed.rule, owed.recipient, owed.started_at, owed.due_at, str(standing(owed, desk.now)))
            for owed in desk.incident.obligations.values()
        )
        for desk in (up, down)
    ]
    assert [len(rows) for rows in shown] == [len(shown[0])] * 2
    assert shown[0] == shown[1]


# ---------------------------------------------------------------- periods

RECURRING = st.one_of(
    st.builds(Recurring, per_day=st.integers(1, 24)),
    st.builds(Recurring, cutoff=st.sampled_from(["00:00", "09:00", "10:00", "23:59"])),
    st.builds(Recurring, every_days=st.integers(1, 30)),
)
MOMENTS = st.integers(0, 450 * 86_400).map(
    lambda passed: DAY_ONE - timedelta(days=90) + timedelta(seconds=passed)
)


def rows(recurring: Recurring, begun: datetime, count: int = 30) -> Iterator[tuple[datetime, datetime]]:
    for cutoff in upcoming(recurring, begun, count):
        yield max(begun, previous_cutoff(recurring, cutoff, begun)), cutoff


@given(RECURRING, MOMENTS)
def test_periods_follow_one_another_without_a_gap_from_the_next_day_on(
    recurring: Recurring, begun: datetime
) -> None:
    found = list(rows(recurring, begun))
    assert len(found) == 30
    for opens, cutoff in found:
        assert begun <= opens < cutoff
    for (_opens, cutoff), (opens, _cutoff) in pairwise(found):
        assert opens == cutoff
    assert found[0][1].astimezone(BEIJING).date() > begun.date(), "the first day has its first report"


@given(RECURRING, MOMENTS, st.integers(0, 400))
def test_a_long_row_goes_on_in_step(recurring: Recurring, begun: datetime, behind: int) -> None:
    whole = upcoming(recurring, begun, behind + MAX_PERIODS_AT_ONCE)
    last = whole[behind]
    tail = upcoming(recurring, begun, MAX_PERIODS_AT_ONCE, last)
    assert tail == [cutoff for cutoff in whole if cutoff >= tail[0]][: len(tail)]
    assert tail[0] <= last < tail[-1]


@given(RECURRING, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_no_period_opens_or_ends_between_a_moment_and_its_alarm(
    recurring: Recurring, begun: datetime, span: timedelta
) -> None:
    moment = begun + span
    alarm = first_after_day(recurring, moment)
    edges = [edge for row in rows(recurring, begun, 60) for edge in row]
    assert alarm > moment
    assert not [edge for edge in edges if moment < edge < alarm]


@pytest.mark.parametrize(
    ("recurring", "cutoffs"),
    [
        ({"per_day": 1}, ["2026-03-04T00:00", "2026-03-05T00:00"]),
        ({"per_day": 2}, ["2026-03-03T12:00", "2026-03-04T00:00"]),
        ({"cutoff": "09:00"}, ["2026-03-03T09:00", "2026-03-04T09:00"]),
        ({"every_days": 10}, ["2026-03-13T00:00", "2026-03-23T00:00"]),
    ],
)
def test_the_first_cut_offs_lie_where_a_duty_officer_expects_them(recurring: Any, cutoffs: list[str]) -> None:
    begun = DAY_ONE + timedelta(hours=8, minutes=40)
    found = upcoming(Recurring.model_validate(recurring), begun, 2)
    assert [one.astimezone(BEIJING).strftime("%Y-%m-%dT%H:%M") for one in found] == cutoffs
