"""Events: what has happened, as it stands in the log for ever. One frozen class each; the tag is `type`.

An event freezes what must not change later: a deadline, a rule's words, whether a report was valid."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from schemas import attachments, consultations, duties, field_work, instructions, reports, scene
from schemas.bases import Event as Event
from schemas.fields import Facts, Frozen, Instant, OnBehalfOf, Source
from schemas.outposts import TakenAlong as TakenAlong
from schemas.outposts import Via
from schemas.terms import Level, Scale, Stage


class PlaceKept(Frozen):
    """A place with the unit that answers for it."""

    unit: str
    division: str | None = None
    text: str | None = None
    lon: float | None = None
    lat: float | None = None


class OneHourTerms(Frozen):
    """The one-hour rule as it stood when the incident was opened (domain.md 1.5.2). Spans in seconds."""

    limit_s: int
    phone_limit_s: int
    window_s: int
    recipients: list[str]


class IncidentOpened(Event):
    """An incident was logged. `number` counts within the unit of the place, so it tells nothing of others.
    `units` are those whose streams carry it: the unit of the place and all above it."""

    type: Literal["incident_opened"] = "incident_opened"
    number: str
    title: str
    category: str | None = None
    place: PlaceKept
    known_at: Instant
    known_by: str
    in_chain: bool
    occurred_at: Instant | None = None
    occurred_precision: str | None = None
    discovered_at: Instant | None = None
    nobody_could_know: bool | None = None
    source: Source | None = None
    facts: Facts | None = None
    drill: bool
    units: list[str]
    one_hour: OneHourTerms


class InformerNamed(Event):
    """Who gave a tip from the public. Goes into the restricted streams of `units` and nowhere else."""

    type: Literal["informer_named"] = "informer_named"
    name: str | None = None
    phone: str | None = None
    units: list[str]


class EntryAdded(Event):
    """A line of the duty log (值班日志)."""

    type: Literal["entry_added"] = "entry_added"
    entry_id: str
    kind: str
    text: str
    happened_at: Instant


class EntryStruck(Event):
    """A line was struck out (更正): shown struck through, never removed."""

    type: Literal["entry_struck"] = "entry_struck"
    entry_id: str
    reason: str


class FactsEstablished(Event):
    """What became known, when, to whom; whether that is somebody of our chain. Only what was said."""

    type: Literal["facts_established"] = "facts_established"
    known_at: Instant
    known_by: str
    in_chain: bool
    facts: Facts
    occurred_at: Instant | None = None
    occurred_precision: str | None = None
    discovered_at: Instant | None = None
    category: str | None = None
    place: PlaceKept | None = None
    source: Source | None = None
    explanation: str | None = None


class LevelJudged(Event):
    """A named officer judged the level (研判). `possible`: it may reach it."""

    type: Literal["level_judged"] = "level_judged"
    level: Level
    scale: Scale
    judged_at: Instant
    basis: str
    possible: bool


class LevelComputed(Event):
    """What the facts held by the chain amount to by the grading tables then in force (研判达级).

    `reached` gives for each level the earliest moment at which the facts known by then met it.
    """

    type: Literal["level_computed"] = "level_computed"
    level: Level | None = None
    near_miss: bool = False
    near_miss_at: Instant | None = None
    reached: dict[Level, Instant]
    because: list[str]


class ReportRecorded(Event):
    """A report went up. `lacks` names what keeps it from being valid (domain.md 1.5.2)."""

    type: Literal["report_recorded"] = "report_recorded"
    report_id: str
    stage: Stage
    channel: str
    recipient: str
    sent_at: Instant
    signed_by: str | None = None
    verbal_approval_by: str | None = None
    text: str | None = None
    valid: bool
    lacks: list[str]


class ReceiptRecorded(Event):
    """The other end has the report (签收)."""

    type: Literal["receipt_recorded"] = "receipt_recorded"
    report_id: str
    received_at: Instant
    received_by: str
    evidence: str | None = None


class ConcealmentDeclared(Event):
    """Facts had been kept from us (瞒报、漏报)."""

    type: Literal["concealment_declared"] = "concealment_declared"
    concealed_by: str
    basis: str
    declared_at: Instant


class IncidentShared(Event):
    """These units' streams carry the incident from here on, its past first."""

    type: Literal["incident_shared"] = "incident_shared"
    units: list[str]
    why: Literal["shared", "ordered", "moved", "merged"]


class OrderIssued(Event):
    """An order (指令), with the limits for taking note of it and for answering it."""

    type: Literal["order_issued"] = "order_issued"
    order_id: str
    to: str
    text: str
    acknowledge_by: Instant | None = None
    report_by: Instant | None = None


class OrderAcknowledged(Event):
    """The order was taken note of (收到)."""

    type: Literal["order_acknowledged"] = "order_acknowledged"
    order_id: str
    text: str | None = None
    at: Instant


class OrderReported(Event):
    """What was done about the order (反馈)."""

    type: Literal["order_reported"] = "order_reported"
    order_id: str
    text: str | None = None
    at: Instant


class OrderOverdue(Event):
    """An order was not taken note of, or not answered, in time."""

    type: Literal["order_overdue"] = "order_overdue"
    order_id: str
    what: Literal["acknowledge", "report"]
    due_at: Instant
    late_by_s: int


class IncidentMerged(Event):
    """This incident goes on in another."""

    type: Literal["incident_merged"] = "incident_merged"
    into: str
    into_number: str


class ReportKept(Frozen):
    """A report that a duplicate had sent, with its receipt: who was told of the one was told of the other."""

    report_id: str
    stage: Stage
    channel: str
    recipient: str
    sent_at: Instant
    valid: bool
    lacks: list[str]
    by: str
    unit: str
    recorded_at: Instant
    signed_by: str | None = None
    verbal_approval_by: str | None = None
    text: str | None = None
    received_at: Instant | None = None
    received_by: str | None = None
    evidence: str | None = None


class DuplicateAbsorbed(Event):
    """A duplicate was merged into this incident, which keeps the earliest knowledge of both.

    `reached` gives the levels that the duplicate had reached and when, `reports` what it had reported,
    `judged_lower_at` when it was first judged to be below 重大: they are not lost with it.
    """

    type: Literal["duplicate_absorbed"] = "duplicate_absorbed"
    merged: str
    merged_number: str
    known_at: Instant
    known_by: str
    in_chain: bool
    reached: dict[Level, Instant] = Field(default_factory=dict)
    reports: list[ReportKept] = Field(default_factory=list)
    judged_lower_at: Instant | None = None


class IncidentClosed(Event):
    """Handling has ended (办结)."""

    type: Literal["incident_closed"] = "incident_closed"
    at: Instant
    reason: str
    outcome: str | None = None


class IncidentReopened(Event):
    """It was not over (重新打开)."""

    type: Literal["incident_reopened"] = "incident_reopened"
    at: Instant
    reason: str


class StabilityDeclared(Event):
    """The disaster is stable (灾情稳定)."""

    type: Literal["stability_declared"] = "stability_declared"
    at: Instant
    basis: str


class BreachExplained(Event):
    """Why a limit was missed (超时原因)."""

    type: Literal["breach_explained"] = "breach_explained"
    cause: str
    text: str


class ObligationStarted(Event):
    """A report is owed. Words and deadline are frozen here: editing a rule never changes who was late.

    `due_at` is absent where the law says "at once" (立即) and names no figure. A report sent before
    `answers_from` cannot fulfil it: it did not know yet.
    """

    type: Literal["obligation_started"] = "obligation_started"
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
    started_at: Instant
    due_at: Instant | None = None
    warn_at: Instant | None = None
    answers_from: Instant
    period: Instant | None = None


class ObligationMet(Event):
    """The duty was fulfilled, by the report `met_by`: a written one when it was received."""

    type: Literal["obligation_met"] = "obligation_met"
    obligation_id: str
    met_at: Instant
    met_by: str


class ObligationExcused(Event):
    """The duty fell away (免报)."""

    type: Literal["obligation_excused"] = "obligation_excused"
    obligation_id: str
    reason: Literal["merged", "closed", "stable", "false_alarm", "outside_jurisdiction"]


class ObligationDueSoon(Event):
    """The limit is near (即将到时)."""

    type: Literal["obligation_due_soon"] = "obligation_due_soon"
    obligation_id: str
    rule: str
    due_at: Instant
    late_by_s: int


class ObligationOverdue(Event):
    """The limit was passed without the report: written down by the clock, watched or not."""

    type: Literal["obligation_overdue"] = "obligation_overdue"
    obligation_id: str
    rule: str
    due_at: Instant
    late_by_s: int


class PromptDue(Event):
    """The countdown reached a stage (domain.md 1.5.5): judge the level, phone, draft, send, breach.

    `anchor` is what the minutes count from: knowledge, or the threshold when the incident was upgraded.
    """

    type: Literal["prompt_due"] = "prompt_due"
    anchor: Literal["known", "threshold"]
    stage: str
    text: str
    text_en: str
    due_at: Instant
    late_by_s: int


class ClockStepped(Event):
    """The machine's clock jumped. Deadlines kept running on the steady clock meanwhile."""

    type: Literal["clock_stepped"] = "clock_stepped"
    by_s: float
    noticed: Literal["running", "at_start"]


class RulesAccepted(Event):
    """These reporting rules are in force from here on."""

    type: Literal["rules_accepted"] = "rules_accepted"
    digest: str
    effective_from: list[str]


ALL: tuple[type[Event], ...] = (
    IncidentOpened,
    InformerNamed,
    EntryAdded,
    EntryStruck,
    FactsEstablished,
    LevelJudged,
    LevelComputed,
    ReportRecorded,
    ReceiptRecorded,
    ConcealmentDeclared,
    IncidentShared,
    OrderIssued,
    OrderAcknowledged,
    OrderReported,
    OrderOverdue,
    IncidentMerged,
    DuplicateAbsorbed,
    IncidentClosed,
    IncidentReopened,
    StabilityDeclared,
    BreachExplained,
    ObligationStarted,
    ObligationMet,
    ObligationExcused,
    ObligationDueSoon,
    ObligationOverdue,
    PromptDue,
    ClockStepped,
    RulesAccepted,
    TakenAlong,
    *reports.EVENTS,
    *instructions.EVENTS,
    *consultations.EVENTS,
    *scene.EVENTS,
    *attachments.EVENTS,
    *field_work.EVENTS,
    *duties.EVENTS,
)
EVENTS: dict[str, type[Event]] = {event.model_fields["type"].default: event for event in ALL}

AnyEvent = Annotated[
    IncidentOpened
    | InformerNamed
    | EntryAdded
    | EntryStruck
    | FactsEstablished
    | LevelJudged
    | LevelComputed
    | ReportRecorded
    | ReceiptRecorded
    | ConcealmentDeclared
    | IncidentShared
    | OrderIssued
    | OrderAcknowledged
    | OrderReported
    | OrderOverdue
    | IncidentMerged
    | DuplicateAbsorbed
    | IncidentClosed
    | IncidentReopened
    | StabilityDeclared
    | BreachExplained
    | ObligationStarted
    | ObligationMet
    | ObligationExcused
    | ObligationDueSoon
    | ObligationOverdue
    | PromptDue
    | ClockStepped
    | RulesAccepted
    | TakenAlong
    | reports.AnyReportEvent
    | instructions.AnyInstructionEvent
    | consultations.AnyConsultationEvent
    | scene.AnySceneEvent
    | attachments.AnyAttachmentEvent
    | field_work.AnyFieldEvent
    | duties.AnyDutyEvent,
    Field(discriminator="type"),
]


class LogEntry(Frozen):
    """A line of the log: an event, who wrote it down, when, and whose words it was.

    The canonical bytes of this are what is stored, hashed and sent; a socket frame adds `type` and `offset`.
    """

    incident_id: str | None = None
    event: AnyEvent
    by: str
    post: str
    unit: str
    recorded_at: Instant
    occurred_at: Instant | None = None
    late_s: int | None = None
    command_id: str | None = None
    device_at: Instant | None = None
    device_sent_at: Instant | None = None
    skew_ms: int | None = None
    on_behalf_of: OnBehalfOf | None = None
    words: str | None = None
    short_mark: str | None = None
    via: Via | None = None


LOG_ENTRY: TypeAdapter[LogEntry] = TypeAdapter(LogEntry)


def plain(event: Event) -> dict[str, Any]:
    """The event as it stands in the log: absent fields left out, an explicit unknown kept as null."""
    shown: dict[str, Any] = event.__pydantic_serializer__.to_python(event, mode="json", exclude_none=True)
    if isinstance(event, IncidentOpened | FactsEstablished) and event.facts is not None:
        shown["facts"] = event.facts.model_dump(mode="json", exclude_unset=True)
    return shown
