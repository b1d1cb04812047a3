"""What the server says: answers, problems, reads and live messages (contract 3 to 5), for the documents."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.events import LogEntry
from schemas.fields import Instant
from schemas.terms import Channel, Stage, Standing


class Shown(BaseModel):
    """Base of what is read. Clients ignore fields they do not know."""

    model_config = ConfigDict(extra="allow")


class Answer(Shown):
    """A command was done and is on disk. `offset` counts in the caller's stream."""

    command_id: str
    epoch: str
    offset: int | None
    incident_id: str | None = None
    number: str | None = None
    recorded_at: Instant
    replayed: bool


class FieldProblem(Shown):
    pointer: str
    detail: str


class Problem(Shown):
    """RFC 9457. `type` is a fixed word to program against."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldProblem] | None = None


class BatchResult(Shown):
    """An answer (`status` 200) or a problem, for one command of a batch."""

    status: int
    command_id: str | None = None


class BatchAnswer(Shown):
    results: list[BatchResult]


class Obligation(Shown):
    """A report owed. `due_at` is null where the law says "at once"."""

    rule: str
    rule_text: str
    source: str
    from_: str = Field(alias="from")
    to: str
    stage: Stage
    channel: Channel
    started_at: Instant
    due_at: Instant | None
    met_at: Instant | None
    met_by: str | None
    standing: Standing


class PhoneFigure(Shown):
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


class Incident(Shown):
    """An incident as a list shows it."""

    id: str
    number: str
    title: str
    category: str | None
    place: dict[str, Any]
    unit: str
    drill: bool
    state: Literal["open", "closed", "merged"]
    level: str | None
    reporting_level: str | None
    final_level: str | None
    known_at: Instant | None
    occurred_at: Instant | None
    opened_at: Instant
    closed_at: Instant | None
    facts: dict[str, float | None]
    next_due_at: Instant | None
    obligations: list[Obligation]


class IncidentPage(Shown):
    incidents: list[Incident]
    next: str | None


class LiveEntry(LogEntry):
    """An entry on the socket and in /log: the stored line with its place in the stream."""

    type: Literal["entry"]
    offset: int | None


class IncidentWhole(Incident):
    """An incident with everything: facts' history, obligations, figure, entries, orders."""

    one_hour: OneHourFigure
    fact_history: list[dict[str, Any]]
    judgements: list[dict[str, Any]]
    reports: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    entries: list[LiveEntry]


class LogPage(Shown):
    stream: str
    epoch: str
    head: int
    entries: list[LiveEntry]


class ObligationList(Shown):
    obligations: list[Obligation]


class UnitRate(Shown):
    unit: str
    numerator: int
    denominator: int
    rate: float | None


class OneHourRate(Shown):
    """The on-time rate; null when nothing was due (无应报事件), never 100 %."""

    numerator: int
    denominator: int
    rate: float | None
    incidents: list[str]
    by_unit: list[UnitRate]
    as_of: Instant


class Hello(BaseModel):
    """First message of a listener, within 5 s. Without `after`: from now on."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["hello"]
    epoch: str | None = None
    after: int | None = None
    screen: Literal["desk", "field", "wall", "joint"] | None = None
    stream: Literal["restricted"] | None = None
    lang: Literal["zh", "en"] | None = None


class Welcome(Shown):
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


class LiveError(Shown):
    type: Literal["error"]
    detail: str


FROM_SERVER: tuple[type[BaseModel], ...] = (Welcome, LiveEntry, Beat, Fragment, LiveError)
