"""An incident as its log tells it: the state, and `apply`, which folds one entry into it.

It never refuses, and asks no clock, no rules and no unit tree: a replay gives the same state for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import events as ev
from schemas import field_work as fw
from schemas.attachments import AttachmentEvent
from schemas.consultations import ConsultationEvent
from schemas.events import OneHourTerms, PlaceKept
from schemas.instructions import InstructionEvent
from schemas.reports import ReportEvent
from schemas.scene import SceneEvent
from schemas.terms import EntryKind, Level, Scale, Stage
from server.domain import attachments, consultations, drafts, field_work, instructions, scene
from server.domain.drafts import Draft
from server.domain.entered import Entered
from server.domain.instructions import Book
from server.domain.orders import Order

#: Events that no rule looks at: what is written down beside the matter itself.
_NOTES = (
    *(ev.EntryAdded, ev.EntryStruck, ev.BreachExplained, ev.InformerNamed),
    *(AttachmentEvent, fw.FieldEvent, ConsultationEvent, SceneEvent),
)
#: Figures whose change has to be reported on (及时补报, WS-05).
_HURT = ("dead", "missing", "trapped", "seriously_injured")


@dataclass(slots=True)
class Statement:
    """Facts that somebody came to know at a moment (事实陈述)."""

    known_at: datetime
    known_by: str
    in_chain: bool
    facts: dict[str, int | float | None]
    occurred_at: datetime | None
    occurred_precision: str | None
    discovered_at: datetime | None
    recorded_at: datetime
    by: str
    source: dict[str, Any] | None
    explanation: str | None


@dataclass(slots=True)
class Judgement:
    """A named officer's judgement of the level (研判)."""

    level: Level
    scale: Scale
    judged_at: datetime
    basis: str
    possible: bool
    by: str
    recorded_at: datetime


@dataclass(slots=True)
class Report:
    """A report that went up, and its receipt."""

    report_id: str
    stage: Stage
    channel: str
    recipient: str
    sent_at: datetime
    valid: bool
    lacks: tuple[str, ...]
    by: str
    unit: str
    recorded_at: datetime
    signed_by: str | None
    verbal_approval_by: str | None
    text: str | None
    received_at: datetime | None = None
    received_by: str | None = None
    evidence: str | None = None


@dataclass(slots=True)
class Obligation:
    """A report owed (报送时限). All but the last five fields are frozen when its clock starts."""

    obligation_id: str
    rule: str
    rule_text: str
    rule_text_en: str
    source: str
    evidence: str
    sender: str
    recipient: str
    stage: Stage
    channel: str
    started_at: datetime
    due_at: datetime | None
    warn_at: datetime | None
    period: datetime | None
    answers_from: datetime
    recorded_at: datetime
    met_at: datetime | None = None
    met_by: str | None = None
    excused: str | None = None
    warned: bool = False
    breached: bool = False

    @property
    def is_open(self) -> bool:
        return self.met_at is None and self.excused is None


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing followed from the state under these rules, and by time alone nothing will before `until`.

    What the clock worked out last (`reporting.consequences`), kept so that a note, which changes nothing that
    it looks at, need not have it worked out again. No part of what the log tells.
    """

    rules: object
    tree: object
    until: datetime | None


@dataclass(slots=True)
class Incident:
    """Everything that deciding needs. Texts of log entries are not kept here: they are read from the log."""

    id: str
    number: str = ""
    title: str = ""
    category: str | None = None
    place: PlaceKept | None = None
    drill: bool = False
    one_hour: OneHourTerms | None = None
    nobody_could_know: bool = False
    source: dict[str, Any] | None = None
    opened_at: datetime | None = None
    opened_by: str = ""
    version: int = 0
    changed_at: datetime | None = None
    state: str = "none"
    closed_at: datetime | None = None
    reopened_at: datetime | None = None
    outcome: str | None = None
    merged_into: str | None = None
    merged_known: list[tuple[datetime, str, bool]] = field(default_factory=list)
    absorbed: dict[Level, datetime] = field(default_factory=dict)  # levels that merged duplicates had reached
    absorbed_judged_lower_at: datetime | None = None  # when a duplicate was first judged below 重大
    reporting_level: Level | None = None  # kept at hand by `apply`: every rule asks for it
    judged_before_merging: int = 0  # judgements that did not know the last duplicate yet
    units: dict[str, None] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    reports: dict[str, Report] = field(default_factory=dict)
    obligations: dict[str, Obligation] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    instructions: Book = field(default_factory=dict)
    consultations: consultations.Consultations = field(default_factory=dict)
    scene: scene.Scene = field(default_factory=scene.Scene)
    entries: dict[str, bool] = field(default_factory=dict)
    attachments: dict[str, attachments.Attachment] = field(default_factory=dict)
    on_scene: field_work.FieldWork = field(default_factory=field_work.FieldWork)
    deeds: dict[str, drafts.Told] = field(default_factory=dict)  # lines that a report may tell of
    drafts: dict[str, Draft] = field(default_factory=dict)  # reports that are being written
    to_grade: bool = False  # facts came with the last command and have not been graded yet
    is_other_kind: bool = False  # and its kind came with them
    computed_level: Level | None = None
    near_miss: bool = False
    near_miss_at: datetime | None = None  # when what amounts to it was known
    near_miss_since: datetime | None = None  # when the log first said so
    reached: dict[Level, datetime] = field(default_factory=dict)
    level_since: dict[Level, datetime] = field(default_factory=dict)  # when the log first said so
    because: tuple[str, ...] = ()
    concealed_by: str | None = None
    concealed_at: datetime | None = None
    stable_at: datetime | None = None
    casualty_changed_at: datetime | None = None
    prompts: set[str] = field(default_factory=set)
    breach_causes: list[tuple[str, str, str]] = field(default_factory=list)
    noticed: dict[str, datetime] = field(default_factory=dict)
    rest: Rest | None = field(default=None, compare=False)

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    def facts(self) -> dict[str, int | float | None]:
        """The latest word on each fact, by when it became known. null is an explicit unknown (核实中)."""
        latest: dict[str, int | float | None] = {}
        for statement in sorted(self.statements, key=lambda said: said.known_at):
            latest.update(statement.facts)
        return latest

    def judged(self, scale: Scale) -> Judgement | None:
        """The judgement that stands on this scale: the one judged last; of the same minute, the one
        entered last."""
        standing = None
        for judgement in self.judgements:
            if judgement.scale is scale and (standing is None or judgement.judged_at >= standing.judged_at):
                standing = judgement
        return standing

    def find_reporting_level(self) -> Level | None:
        """The higher of what was judged and what the facts amount to: over-reporting is never penalised.

        The level of a duplicate that was merged into it counts until an officer has judged both together.
        """
        judged = self.judged(Scale.REPORTING)
        levels = [level for level in (judged and judged.level, self.computed_level) if level]
        if not any(j.scale is Scale.REPORTING for j in self.judgements[self.judged_before_merging :]):
            levels += self.absorbed
        return max(levels, key=lambda level: level.rank, default=None)

    @property
    def final_level(self) -> Level | None:
        judged = self.judged(Scale.FINAL)
        return judged.level if judged else None

    @property
    def is_judged(self) -> bool:
        return self.judged(Scale.REPORTING) is not None

    def known_at(self) -> datetime | None:
        """本级获知: the earliest moment at which any actor of our chain held a fact of it.

        When nobody of the chain is named, what outsiders knew first stands in.
        """
        moments = [(said.known_at, said.in_chain) for said in self.statements]
        moments += [(known_at, in_chain) for known_at, _by, in_chain in self.merged_known]
        ours = [moment for moment, in_chain in moments if in_chain]
        return min(ours or [moment for moment, _ in moments], default=None)

    def occurred(self) -> tuple[datetime | None, bool]:
        """The best verified time of occurrence and whether only its minute is known (约).

        A later word that it cannot be known (不详) takes back what was said before.
        """
        said = [s for s in self.statements if s.occurred_at or s.occurred_precision == "unknown"]
        if not said:
            return None, False
        best = max(enumerate(said), key=lambda pair: (pair[1].known_at, pair[0]))[1]
        if best.occurred_precision == "unknown":
            return None, False
        return best.occurred_at, best.occurred_precision == "about"

    def discovered_at(self) -> datetime | None:
        said = [s for s in self.statements if s.discovered_at is not None]
        return max(enumerate(said), key=lambda p: (p[1].known_at, p[0]))[1].discovered_at if said else None

    def received_at(self, unit: str) -> datetime | None:
        """接报时间 of one desk: when it was told, or else when it came onto its screen."""
        told = [said.known_at for said in self.statements if said.known_by == unit]
        told += [known_at for known_at, by, _chain in self.merged_known if by == unit]
        told += [r.received_at or r.sent_at for r in self.reports.values() if r.recipient == unit]
        return min(told) if told else self.noticed.get(unit)

    def judged_lower_at(self) -> datetime | None:
        """When the reporting level was first judged to be below 重大, of a merged duplicate too."""
        moments = [
            judged.judged_at
            for judged in self.judgements
            if judged.scale is Scale.REPORTING and not judged.level.is_major
        ]
        if self.absorbed_judged_lower_at is not None:
            moments.append(self.absorbed_judged_lower_at)
        return min(moments, default=None)

    @property
    def was_reported_major(self) -> bool:
        """Whether the reporting level ever was 重大 or above (初判口径); a final judgement is none."""
        levels = [*self.reached, *self.absorbed]
        levels += [judged.level for judged in self.judgements if judged.scale is Scale.REPORTING]
        return any(level.is_major for level in levels)

    def level_reached_at(self, level: Level) -> datetime | None:
        """When the facts held by the chain, or a named officer's judgement, first reached this level."""
        moments = [at for reached, at in self.reached.items() if reached.rank >= level.rank]
        moments += [j.judged_at for j in self.judgements if j.level.rank >= level.rank]
        moments += [at for absorbed, at in self.absorbed.items() if absorbed.rank >= level.rank]
        return min(moments, default=None)


def fold(incident_id: str, entries: Iterable[Entered]) -> Incident:
    """The state that these entries of one incident, in order, amount to."""
    incident = Incident(incident_id)
    for entry in entries:
        apply(incident, entry)
    return incident


def apply(incident: Incident, entry: Entered) -> None:  # a flat match over events
    """Fold one entry into the incident."""
    if isinstance(entry.event, ev.InformerNamed):
        return  # stands in the restricted streams alone: no figure may tell that there is one
    incident.version += 1
    incident.changed_at = entry.recorded_at
    if entry.unit not in incident.noticed:
        incident.noticed[entry.unit] = entry.recorded_at
        incident.rest = None
    incident.to_grade = incident.to_grade and entry.command_id is None
    if entry.short_mark is not None:
        field_work.hear(incident.on_scene.said, entry)
    if not isinstance(entry.event, _NOTES):
        incident.rest = None
    match entry.event:
        case ev.IncidentOpened() as event:
            incident.number, incident.title, incident.category = event.number, event.title, event.category
            incident.place, incident.drill, incident.one_hour = event.place, event.drill, event.one_hour
            incident.nobody_could_know = bool(event.nobody_could_know)
            incident.opened_at, incident.opened_by, incident.state = entry.recorded_at, entry.by, "open"
            incident.units = dict.fromkeys(event.units)
            _on_their_desks(incident, event.units, entry.recorded_at)
            incident.source = event.source.model_dump(exclude_none=True) if event.source else None
            incident.statements.append(_statement(event, entry))
            incident.to_grade = True
        case ev.FactsEstablished() as event:
            if event.place is not None:
                incident.place = event.place
            if event.source is not None:
                incident.source = event.source.model_dump(exclude_none=True)
            incident.is_other_kind = event.category is not None
            if event.category is not None:
                incident.category = event.category
            said, before = _statement(event, entry), incident.facts()
            incident.statements.append(said)
            incident.to_grade = True
            now = incident.facts()
            if any(now.get(name) is not None and now.get(name) != before.get(name) for name in _HURT):
                incident.casualty_changed_at = said.known_at
        case ev.EntryAdded() as event:
            incident.entries[event.entry_id] = False
            if event.kind == EntryKind.SITREP:
                incident.scene.given[event.entry_id] = event.happened_at
            if event.kind in drafts.TOLD_OF:
                incident.deeds[event.entry_id] = drafts.Told(event.kind, event.text, event.happened_at)
        case ev.EntryStruck() as event:
            incident.entries[event.entry_id] = True
            incident.deeds.pop(event.entry_id, None)
            incident.scene.given.pop(event.entry_id, None)
        case AttachmentEvent() as event:
            attachments.apply(incident.attachments, event, entry)
        case ev.LevelJudged() as event:
            incident.level_since.setdefault(event.level, entry.recorded_at)
            told = (event.level, event.scale, event.judged_at, event.basis, event.possible)
            incident.judgements.append(Judgement(*told, entry.by, entry.recorded_at))
            incident.reporting_level = incident.find_reporting_level()
        case ev.LevelComputed() as event:
            incident.to_grade = False
            incident.computed_level, incident.near_miss = event.level, event.near_miss
            incident.near_miss_at = event.near_miss_at
            if event.near_miss and incident.near_miss_since is None:
                incident.near_miss_since = entry.recorded_at
            for level in event.reached:
                incident.level_since.setdefault(level, entry.recorded_at)
            incident.reached, incident.because = dict(event.reached), tuple(event.because)
            incident.reporting_level = incident.find_reporting_level()
        case ev.ReportRecorded() as event:
            said_how = (event.stage, event.channel, event.recipient, event.sent_at, event.valid)
            written = (tuple(event.lacks), entry.by, entry.unit, entry.recorded_at)
            signed = (event.signed_by, event.verbal_approval_by, event.text)
            incident.reports[event.report_id] = Report(event.report_id, *said_how, *written, *signed)
            if event.stage == Stage.FOLLOW_UP:
                incident.scene.given[event.report_id] = event.sent_at
        case ev.ReceiptRecorded() as event:
            report = incident.reports[event.report_id]
            report.received_at, report.received_by = event.received_at, event.received_by
            report.evidence = event.evidence
        case ev.ConcealmentDeclared() as event:
            incident.concealed_by, incident.concealed_at = event.concealed_by, event.declared_at
        case ev.IncidentShared() as event:
            incident.units.update(dict.fromkeys(event.units))
            _on_their_desks(incident, event.units, entry.recorded_at)
        case ev.OrderIssued() as event:
            incident.orders[event.order_id] = Order(
                event.order_id,
                event.to,
                event.text,
                entry.by,
                entry.recorded_at,
                event.acknowledge_by,
                event.report_by,
            )
        case ev.OrderAcknowledged() as event:
            order = incident.orders[event.order_id]
            order.acknowledged_at, order.acknowledged_by = event.at, entry.by
            order.came_in_time("acknowledge", order.acknowledge_by, event.at)
        case ev.OrderReported() as event:
            order = incident.orders[event.order_id]
            order.reported_at, order.reported_by, order.report = event.at, entry.by, event.text
            order.came_in_time("acknowledge", order.acknowledge_by, event.at)
            order.came_in_time("report", order.report_by, event.at)
        case ev.OrderOverdue() as event:
            incident.orders[event.order_id].overdue.add(event.what)
        case ev.IncidentMerged() as event:
            incident.state, incident.closed_at, incident.merged_into = "merged", entry.recorded_at, event.into
        case ev.DuplicateAbsorbed() as event:
            incident.merged_known.append((event.known_at, event.known_by, event.in_chain))
            incident.judged_before_merging = len(incident.judgements)
            for level, at in event.reached.items():
                incident.absorbed[level] = min(at, incident.absorbed.get(level, at))
                incident.level_since.setdefault(level, entry.recorded_at)
            for kept in event.reports:
                report = Report(**{**dict(kept), "lacks": tuple(kept.lacks)})
                incident.reports.setdefault(kept.report_id, report)
            lower = (incident.absorbed_judged_lower_at, event.judged_lower_at)
            incident.absorbed_judged_lower_at = min((at for at in lower if at is not None), default=None)
            incident.reporting_level = incident.find_reporting_level()
        case ev.IncidentClosed() as event:
            incident.state, incident.closed_at, incident.outcome = "closed", event.at, event.outcome
        case ev.IncidentReopened():
            incident.state, incident.closed_at, incident.outcome = "open", None, None
            incident.reopened_at = entry.recorded_at
        case ev.StabilityDeclared() as event:
            incident.stable_at = event.at
        case ev.BreachExplained() as event:
            incident.breach_causes.append((event.cause, event.text, entry.by))
        case ev.ObligationStarted() as event:
            incident.obligations[event.obligation_id] = Obligation(
                event.obligation_id,
                event.rule,
                event.rule_text,
                event.rule_text_en,
                event.source,
                event.evidence,
                event.sender,
                event.recipient,
                event.stage,
                event.channel,
                event.started_at,
                event.due_at,
                event.warn_at,
                event.period,
                event.answers_from,
                entry.recorded_at,
            )
        case ev.ObligationMet() as event:
            owed = incident.obligations[event.obligation_id]
            owed.met_at, owed.met_by = event.met_at, event.met_by
        case ev.ObligationExcused() as event:
            incident.obligations[event.obligation_id].excused = event.reason
        case ev.ObligationDueSoon() as event:
            incident.obligations[event.obligation_id].warned = True
        case ev.ObligationOverdue() as event:
            incident.obligations[event.obligation_id].breached = True
        case ev.PromptDue() as event:
            incident.prompts.add(f"{event.anchor}:{event.stage}")
        case ReportEvent() as event:
            drafts.apply(incident.drafts, event, entry)
        case InstructionEvent() as event:
            instructions.apply(incident.instructions, incident.deeds, event, entry)
        case ConsultationEvent() as event:
            consultations.apply(incident.consultations, event, entry)
        case SceneEvent() as event:
            scene.apply(incident.scene, event, entry)
        case fw.FieldEvent() as event:
            field_work.apply(incident.on_scene, event, entry)
        case ev.InformerNamed() | ev.ClockStepped() | ev.RulesAccepted() | ev.TakenAlong():
            pass


def _on_their_desks(incident: Incident, units: Iterable[str], at: datetime) -> None:
    """From here on the incident stands on these units' screens: nobody can say it was not received."""
    for unit in units:
        incident.noticed.setdefault(unit, at)


def _statement(event: ev.IncidentOpened | ev.FactsEstablished, entry: Entered) -> Statement:
    facts: dict[str, int | float | None] = event.facts.model_dump(exclude_unset=True) if event.facts else {}
    return Statement(
        known_at=event.known_at,
        known_by=event.known_by,
        in_chain=event.in_chain,
        facts=facts,
        occurred_at=event.occurred_at,
        occurred_precision=event.occurred_precision,
        discovered_at=event.discovered_at,
        recorded_at=entry.recorded_at,
        by=entry.by,
        source=event.source.model_dump(exclude_none=True) if event.source else None,
        explanation=event.explanation if isinstance(event, ev.FactsEstablished) else None,
    )
