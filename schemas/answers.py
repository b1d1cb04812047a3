"""What the server says: answers, problems, reads and live messages (contract 3 to 5), for the documents."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.attachments import AttachmentShown
from schemas.bases import Shown
from schemas.consultation_answers import ConsultationShown
from schemas.events import LogEntry
from schemas.field_answers import FieldShown
from schemas.fields import Facts, Instant
from schemas.instruction_answers import InstructionShown
from schemas.outposts import Via
from schemas.report_answers import DraftShown
from schemas.scene_answers import SceneShown
from schemas.terms import Channel, Level, Post, Scale, Stage, Standing

# ---------------------------------------------------------------- commands


class Answer(Shown):
    """A command was done and is on disk. `offset` counts in the caller's stream; null: it is not in it.

    `number` is the incident's, where the caller's stream has it. `replayed`: it had been done before;
    `via`: and was brought by somebody else, in a bundle or through an outpost.
    """

    command_id: str
    epoch: str
    offset: int | None
    incident_id: str | None = None
    number: str | None = None
    recorded_at: Instant
    replayed: bool
    via: Via | None = None


class FieldProblem(Shown):
    """What is wrong with one field. `pointer` is a JSON pointer into the body, or `?name` of the query."""

    pointer: str
    detail: str


class Problem(Shown):
    """RFC 9457. `type` is a fixed word to program against."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldProblem] | None = None


class Done(Answer):
    """A command of a batch that was done."""

    status: Literal[200]


class NotDone(Problem):
    """A command of a batch that was refused."""

    command_id: str | None = None


class BatchAnswer(Shown):
    """One result for each command, in their order: what it would have got alone, and its `status`."""

    results: list[Done | NotDone]


# ---------------------------------------------------------------- reading


class Obligation(Shown):
    """A report owed. `due_at` is null where the law says "at once"; `met_by` is the report's id."""

    id: str
    incident_id: str
    rule: str
    rule_text: str
    rule_text_en: str
    source: str
    evidence: str
    from_: str = Field(alias="from")
    to: str
    stage: Stage
    channel: Channel
    started_at: Instant
    due_at: Instant | None
    warn_at: Instant | None
    met_at: Instant | None
    met_by: str | None
    excused: str | None
    standing: Standing


class ObligationListed(Obligation):
    """The same with the incident it belongs to."""

    number: str
    title: str
    drill: bool


class ObligationList(Shown):
    """A page; `next` is the `after` of the page that follows."""

    obligations: list[ObligationListed]
    next: str | None


class PhoneFigure(Shown):
    """The phone report's half hour."""

    start: Instant | None
    end: Instant | None
    elapsed_s: int | None
    result: Literal["pass", "fail", "running", "not_applicable"]


class OneHourFigure(Shown):
    """The one-hour figure; meaning of each field: domain.md 1.5. Spans in seconds."""

    applies: bool
    case: Literal["initial", "upgrade", "concealed"] | None
    start: Instant | None
    start_basis: Literal["occurred", "discovered", "known", "threshold"] | None
    known_at: Instant | None
    threshold_at: Instant | None
    end: Instant | None
    elapsed_s: int | None
    result: Literal["pass", "fail", "running", "not_applicable"]
    phone: PhoneFigure
    desk_elapsed_s: int | None
    grading_lag_s: int | None
    discovery_delay_s: int | None
    sent_in_time: bool


class PlaceShown(Shown):
    """A place and the unit that answers for it."""

    unit: str
    division: str | None = None
    text: str | None = None
    lon: float | None = None
    lat: float | None = None


class SourceShown(Shown):
    """Who told us, and how; a public informer's name is elsewhere."""

    channel: str | None = None
    name: str | None = None
    unit: str | None = None
    phone: str | None = None


class Incident(Shown):
    """An incident as a list shows it. `level` is the final one, else the reporting one; null: not judged."""

    id: str
    number: str
    title: str
    category: str | None
    place: PlaceShown
    unit: str
    drill: bool
    state: Literal["open", "closed", "merged"]
    outcome: str | None
    merged_into: str | None
    level: Level | None
    reporting_level: Level | None
    final_level: Level | None
    near_miss: bool
    judged: bool
    known_at: Instant
    occurred_at: Instant | None
    opened_at: Instant
    opened_by: str
    changed_at: Instant
    closed_at: Instant | None
    facts: Facts
    next_due_at: Instant | None
    version: int
    obligations: list[Obligation]


class IncidentPage(Shown):
    """A page; `next` is the `after` of the page that follows. Of obligations only the open ones."""

    incidents: list[Incident]
    next: str | None


class LiveEntry(LogEntry):
    """An entry on the socket and in /log: the stored line with its place in the stream."""

    model_config = ConfigDict(extra="allow")

    type: Literal["entry"]
    offset: int


class EntryShown(LiveEntry):
    """An entry of one incident; a person's line of the duty log has its own fields beside."""

    entry_id: str | None = None
    kind: str | None = None
    text: str | None = None
    happened_at: Instant | None = None
    struck: bool | None = None


class StatementShown(Shown):
    """Facts that somebody came to know at a moment, with their source."""

    known_at: Instant
    known_by: str
    in_chain: bool
    facts: Facts
    occurred_at: Instant | None
    occurred_precision: str | None
    discovered_at: Instant | None
    recorded_at: Instant
    by: str
    source: SourceShown | None
    explanation: str | None


class JudgementShown(Shown):
    """A named officer's judgement of the level."""

    level: Level
    scale: Scale
    judged_at: Instant
    basis: str
    possible: bool
    by: str
    recorded_at: Instant


class ReportShown(Shown):
    """A report that went up, what it lacks to be valid, and its receipt."""

    report_id: str
    stage: Stage
    channel: Channel
    recipient: str
    sent_at: Instant
    valid: bool
    lacks: list[str]
    by: str
    unit: str
    recorded_at: Instant
    signed_by: str | None
    verbal_approval_by: str | None
    text: str | None
    received_at: Instant | None
    received_by: str | None
    evidence: str | None


class OrderShown(Shown):
    """An order and what became of it. `overdue`: what was not done in time."""

    order_id: str
    to: str
    text: str
    by: str
    issued_at: Instant
    acknowledge_by: Instant | None
    report_by: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    reported_at: Instant | None
    reported_by: str | None
    report: str | None
    overdue: list[Literal["acknowledge", "report"]]


class BreachCause(Shown):
    """Why a limit was missed."""

    cause: str
    text: str
    by: str


class Informer(Shown):
    """Who gave a tip: for those posts of the place's unit, and of the units above it, that may know."""

    name: str | None
    phone: str | None


class IncidentWhole(Incident):
    """An incident with everything: facts' history, obligations, figure, entries, orders."""

    one_hour: OneHourFigure
    attachments: list[AttachmentShown]
    fact_history: list[StatementShown]
    judgements: list[JudgementShown]
    because: list[str]
    source: SourceShown | None
    informer: Informer | None
    nobody_could_know: bool
    discovered_at: Instant | None
    reports: list[ReportShown]
    drafts: list[DraftShown]
    orders: list[OrderShown]
    instructions: list[InstructionShown]
    consultations: list[ConsultationShown]
    scene: SceneShown
    field: FieldShown
    concealed_by: str | None
    breach_causes: list[BreachCause]
    units: list[str]
    entries: list[EntryShown]


class LogPage(Shown):
    """A part of the caller's stream."""

    stream: str
    epoch: str
    head: int
    entries: list[LiveEntry]


class UnitRate(Shown):
    """The rate of one county-rank desk's area."""

    unit: str
    name: str
    name_en: str
    numerator: int
    denominator: int
    rate: float | None


class OneHourRate(Shown):
    """The on-time rate; null when nothing was due (无应报事件). `incidents` are those of the denominator."""

    numerator: int
    denominator: int
    rate: float | None
    incidents: list[str]
    by_unit: list[UnitRate]
    scope: Literal["final", "initial", "drill"]
    unit: str
    as_of: Instant


class Here(Shown):
    """Somebody who listens, or a wall screen."""

    unit: str
    name: str
    post: Post
    kind: str
    screen: str | None
    since: Instant
    sockets: int


class Presence(Shown):
    """Who listens. `known` is false while other processes cannot be asked."""

    known: bool
    as_of: Instant
    listeners: list[Here]


class Me(Shown):
    """Whom the server takes the caller for."""

    person_id: str
    name: str
    post: Post
    unit: str
    unit_name: str
    lang: Literal["zh", "en"]
    read_only: bool
    epoch: str


class UnitShown(Shown):
    """A unit of the tree."""

    code: str
    name: str
    name_en: str
    rank: Literal["city", "county", "township", "department"]
    parent: str | None


class Units(Shown):
    """The unit tree, parents before children."""

    units: list[UnitShown]


# ---------------------------------------------------------------- listening


class Hello(BaseModel):
    """First message of a listener, within 5 s. Without `after`: from now on."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["hello"]
    epoch: str | None = None
    after: int | None = Field(default=None, ge=0)
    screen: Literal["desk", "field", "wall", "joint"] | None = None
    stream: Literal["restricted"] | None = None
    lang: Literal["zh", "en"] | None = None


class Welcome(Shown):
    """First message of the server. What `resume` promises: contract 5."""

    type: Literal["welcome"]
    stream: str
    epoch: str
    head: int
    resume: Literal["nothing", "replay", "refresh"]
    time: Instant


class Beat(Shown):
    """At least every 5 s. `clock_age_ms`: how long ago the reporting clock looked."""

    type: Literal["beat"]
    head: int
    time: Instant
    clock_age_ms: int


class Fragment(Shown):
    """Ready-made HTML for a screen; an older one never replaces a newer one."""

    type: Literal["fragment"]
    target: str
    offset: int
    html: str


class DraftsChanged(Shown):
    """To desk screens: what the unit's desks are writing down changed. No part of the record; no offset."""

    type: Literal["drafts"]


class LiveError(Shown):
    """What was said is not understood; the socket goes on."""

    type: Literal["error"]
    detail: str


FROM_SERVER: tuple[type[BaseModel], ...] = (Welcome, LiveEntry, Beat, Fragment, DraftsChanged, LiveError)
