"""Commands: the only way to change anything (contract 3). One frozen class each, `name` on the wire.

A form is validated by the command itself; there is no second "form" class.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas import attachments, consultations, duties, field_work, instructions, reports, scene
from schemas.bases import AnyCommand as AnyCommand
from schemas.bases import Command as Command
from schemas.fields import (
    CategorySlug,
    Facts,
    Flag,
    Id,
    Instant,
    Minutes,
    Place,
    Said60,
    Said200,
    Said500,
    Said2000,
    Said20000,
    Source,
    Text500,
    Text2000,
    Text20000,
    UnitCode,
)
from schemas.terms import Channel, EntryKind, Level, Precision, Scale, Stage


class OpenIncident(Command):
    """Something happened (接报). Place, category and source may be null: a first report is never blocked."""

    name = "open-incident"

    title: Said200
    category: CategorySlug | None
    place: Place | None
    known_at: Instant
    known_by: UnitCode
    occurred_at: Instant | None = None
    occurred_precision: Precision | None = None
    discovered_at: Instant | None = None
    nobody_could_know: Flag | None = None
    source: Source | None
    facts: Facts | None = None
    drill: Flag


class AddEntry(Command):
    """A line of the duty log (值班日志)."""

    name = "add-entry"

    entry_id: Id
    kind: EntryKind
    text: Text20000
    happened_at: Instant


class StrikeEntry(Command):
    """A correction (更正): the entry is shown struck through, never removed."""

    name = "strike-entry"

    entry_id: Id
    reason: Said2000


class EstablishFacts(Command):
    """What became known, when, to whom. An explanation is needed when a count of dead or missing falls.

    `category` for an incident whose kind was unknown at first, or turns out to be another.
    """

    name = "establish-facts"

    known_at: Instant
    known_by: UnitCode
    facts: Facts
    occurred_at: Instant | None = None
    occurred_precision: Precision | None = None
    discovered_at: Instant | None = None
    category: CategorySlug | None = None
    place: Place | None = None
    source: Source | None = None
    explanation: Text2000 | None = None


class JudgeLevel(Command):
    """A named officer's judgement (研判). `possible` means "may reach" (可能达到)."""

    name = "judge-level"

    level: Level
    scale: Scale
    judged_at: Instant
    basis: Text2000
    possible: Flag = False


class RecordReport(Command):
    """A report went up (报送). Recorded even when it is not valid: then it ends no clock."""

    name = "record-report"

    report_id: Id
    stage: Stage
    channel: Literal[Channel.PHONE, Channel.WRITTEN]
    recipient: UnitCode
    sent_at: Instant
    signed_by: Text500 | None = None
    verbal_approval_by: Text500 | None = None
    text: Text20000 | None = None


class RecordReceipt(Command):
    """Someone at the other end has it (签收)."""

    name = "record-receipt"

    report_id: Id
    received_at: Instant
    received_by: Said500
    evidence: Text2000 | None = None


class DeclareConcealed(Command):
    """Facts were kept from us (瞒报、漏报), proven later: the clock counts from the occurrence."""

    name = "declare-concealed"

    concealed_by: Said500
    basis: Text2000
    declared_at: Instant


class ShareIncident(Command):
    """Other units may see it from now on (共享)."""

    name = "share-incident"

    with_: Annotated[list[UnitCode], Field(alias="with", min_length=1, max_length=200)]


class IssueOrder(Command):
    """An order (指令) to a unit or a person."""

    name = "issue-order"

    order_id: Id
    to: Said500
    text: Said20000
    acknowledge_within_min: Minutes | None = None
    report_within_min: Minutes | None = None


class AcknowledgeOrder(Command):
    """Taken note of (收到)."""

    name = "acknowledge-order"

    order_id: Id
    text: Text20000 | None = None
    at: Instant


class ReportOnOrder(Command):
    """What was done about it (反馈)."""

    name = "report-on-order"

    order_id: Id
    text: Text20000 | None = None
    at: Instant


class MergeIncident(Command):
    """The same incident was logged twice: this one goes on in `into`, which keeps the earliest knowledge."""

    name = "merge-incident"

    into: Id


class CloseIncident(Command):
    """Handling has ended (办结)."""

    name = "close-incident"

    at: Instant
    reason: Text2000
    outcome: Literal["handled", "false_alarm", "outside_jurisdiction"] | None = None


class ReopenIncident(Command):
    """It is not over (重新打开)."""

    name = "reopen-incident"

    at: Instant
    reason: Text2000


class DeclareStable(Command):
    """The disaster is stable (灾情稳定): daily loss reports end, the verified report's days begin."""

    name = "declare-stable"

    at: Instant
    basis: Text2000


class ExplainBreach(Command):
    """Why a limit was missed (超时原因): a coded cause from the rules and free text."""

    name = "explain-breach"

    cause: Said60
    text: Text2000


ALL: tuple[type[AnyCommand], ...] = (
    OpenIncident,
    AddEntry,
    StrikeEntry,
    EstablishFacts,
    JudgeLevel,
    RecordReport,
    RecordReceipt,
    DeclareConcealed,
    ShareIncident,
    IssueOrder,
    AcknowledgeOrder,
    ReportOnOrder,
    MergeIncident,
    CloseIncident,
    ReopenIncident,
    DeclareStable,
    ExplainBreach,
    *reports.COMMANDS,
    *instructions.COMMANDS,
    *consultations.COMMANDS,
    *scene.COMMANDS,
    *attachments.COMMANDS,
    *field_work.COMMANDS,
    *duties.COMMANDS,
)
COMMANDS: dict[str, type[AnyCommand]] = {command.name: command for command in ALL}
