"""A report as it is written (报送): its fields, how it travels, and the commands that move it.

A draft (起草) goes to review (送审), is signed (签发) or approved by word (先报后签), and is sent,
recipient by recipient. Every send that counts also becomes what `record-report` writes, so that clocks know
of one kind of report only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.bases import Command, Event
from schemas.fields import (
    Facts,
    Frozen,
    Id,
    Instant,
    Said60,
    Said2000,
    Text500,
    Text2000,
    Text20000,
    UnitCode,
)
from schemas.terms import Level, Stage


class Means(StrEnum):
    """By what a report was sent (送达方式)."""

    SYSTEM = "system"  # 系统
    FAX = "fax"  # 传真
    EMAIL = "email"  # 邮件
    MESSENGER = "messenger"  # 机要、专人、即时通讯
    PHONE = "phone"  # 电话


class Way(StrEnum):
    """How a leader gave his word before the signature (先报后签)."""

    PHONE = "phone"  # 电话
    IN_PERSON = "in_person"  # 当面
    MESSAGE = "message"  # 短信、即时通讯
    PAPER = "paper"  # 纸质签字


#: The fields of a report and how much each may hold.
FIELDS: dict[str, int] = {
    "title": 200,
    "addressees": 500,
    "body": 20_000,
    "attachments": 2_000,
    "copy_to": 500,
    "urgency": 20,
    "secrecy": 60,
    "drafted_by": 60,
    "reviewed_by": 60,
    "phone": 100,
}
FieldName = Literal[
    "title",
    "addressees",
    "body",
    "attachments",
    "copy_to",
    "urgency",
    "secrecy",
    "drafted_by",
    "reviewed_by",
    "phone",
]
FormSlug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,19}$")]
Recipients = Annotated[list[UnitCode], Field(max_length=20)]


class Content(Frozen):
    """What stands in a report. What is absent is drafted from the record."""

    title: Annotated[Text500, Field(max_length=200)] | None = None
    addressees: Text500 | None = None
    body: Text20000 | None = None
    attachments: Text2000 | None = None
    copy_to: Text500 | None = None
    urgency: Annotated[Text500, Field(max_length=20)] | None = None
    secrecy: Annotated[Text500, Field(max_length=60)] | None = None
    drafted_by: Annotated[Text500, Field(max_length=60)] | None = None
    reviewed_by: Annotated[Text500, Field(max_length=60)] | None = None
    phone: Annotated[Text500, Field(max_length=100)] | None = None


class Change(Frozen):
    """One field as it was when the person began to change it, and as they left it."""

    field: FieldName
    before: Text20000
    after: Text20000


class Splice(Frozen):
    """A change as the log keeps it: at `at`, `cut` characters (code points) made way for `put`."""

    field: FieldName
    at: int
    cut: int
    put: str


class OtherVersion(Frozen):
    """What somebody wrote in the place where another had just written: kept beside, until one is chosen."""

    version_id: str
    field: FieldName
    text: str


class Issue(Frozen):
    """The number of an issue (期号): dense within `series` (unit, form and year; drills apart)."""

    series: str
    number: int
    text: str


# ---------------------------------------------------------------- commands


class ReportCommand(Command):
    """Base of what is done with a report that is being written."""

    report_id: Id


class DraftReport(ReportCommand):
    """A report is begun (起草). What `content` leaves out is drafted from the record."""

    name = "draft-report"

    stage: Stage
    form: FormSlug | None = None
    recipients: Recipients | None = None
    content: Content | None = None


class EditReport(ReportCommand):
    """Its text is changed. Where two change the same words at once, both versions stay, until `settles`."""

    name = "edit-report"

    changes: Annotated[list[Change], Field(max_length=10)]
    recipients: Recipients | None = None
    settles: Annotated[list[Id], Field(max_length=20)] | None = None


class SubmitReport(ReportCommand):
    """It is ready to be signed (送审)."""

    name = "submit-report"


class ReturnReport(ReportCommand):
    """It is given back to be changed (退回)."""

    name = "return-report"

    reason: Said2000


class ApproveReport(ReportCommand):
    """A leader agreed by word, and it goes out before the signature (先报后签): who, when, how."""

    name = "approve-report"

    approved_by: Said60
    approved_at: Instant
    way: Way


class SignReport(ReportCommand):
    """It is signed (签发). With `version`, only if nothing was changed since that one was read."""

    name = "sign-report"

    signed_at: Instant
    signed_by: Said60 | None = None
    version: Annotated[int, Field(ge=1, strict=True)] | None = None


class SendReport(ReportCommand):
    """It was sent to one recipient (送达登记). The first valid one counts as the report (`record-report`)."""

    name = "send-report"

    send_id: Id
    recipient: UnitCode
    means: Means
    sent_at: Instant
    person: Text500 | None = None
    note: Text2000 | None = None


class EnterReport(ReportCommand):
    """It was typed into the national system (已录入), with the number it got there."""

    name = "enter-report"

    entered_at: Instant
    reference: Text500 | None = None


class DiscardReport(ReportCommand):
    """It will not be sent (作废). A number it had been given stays used."""

    name = "discard-report"

    reason: Said2000


COMMANDS: tuple[type[ReportCommand], ...] = (
    DraftReport,
    EditReport,
    SubmitReport,
    ReturnReport,
    ApproveReport,
    SignReport,
    SendReport,
    EnterReport,
    DiscardReport,
)


# ---------------------------------------------------------------- events


class ReportEvent(Event):
    """Base of what happened to a report that is being written."""

    report_id: str


class ReportDrafted(ReportEvent):
    """A report was begun. `figures` and `level` are what was known then, for the next one to compare."""

    type: Literal["report_drafted"] = "report_drafted"
    unit: str
    stage: Stage
    form: str
    form_name: str
    masthead: str
    issuer: str
    ordinal: int
    previous: str | None = None
    recipients: list[str]
    content: dict[str, str]
    figures: Facts
    level: Level | None = None
    began_at: Instant | None = None


class ReportEdited(ReportEvent):
    """Its text was changed. `kept` are versions that met another's words in the same place."""

    type: Literal["report_edited"] = "report_edited"
    changes: list[Splice] = Field(default_factory=list)
    kept: list[OtherVersion] = Field(default_factory=list)
    settled: list[str] = Field(default_factory=list)
    recipients: list[str] | None = None


class ReportSubmitted(ReportEvent):
    """It was put up for signature (送审)."""

    type: Literal["report_submitted"] = "report_submitted"


class ReportReturned(ReportEvent):
    """It was given back (退回)."""

    type: Literal["report_returned"] = "report_returned"
    reason: str


class ReportApproved(ReportEvent):
    """A leader's word stands for the signature (先报后签). `issue` is the number it got with it."""

    type: Literal["report_approved"] = "report_approved"
    approved_by: str
    approved_at: Instant
    way: Way
    issue: Issue | None = None


class ReportSigned(ReportEvent):
    """It was signed (签发). `issue` is absent when its number had been given before."""

    type: Literal["report_signed"] = "report_signed"
    signed_by: str
    signed_at: Instant
    issue: Issue | None = None


class ReportSent(ReportEvent):
    """It was sent to one recipient. `counts`: a report under `send_id` is recorded with it."""

    type: Literal["report_sent"] = "report_sent"
    send_id: str
    recipient: str
    means: Means
    sent_at: Instant
    person: str | None = None
    note: str | None = None
    counts: bool


class ReportEntered(ReportEvent):
    """It was typed into the national system (已录入)."""

    type: Literal["report_entered"] = "report_entered"
    entered_at: Instant
    reference: str | None = None


class ReportDiscarded(ReportEvent):
    """It will not be sent (作废)."""

    type: Literal["report_discarded"] = "report_discarded"
    reason: str


EVENTS: tuple[type[ReportEvent], ...] = (
    ReportDrafted,
    ReportEdited,
    ReportSubmitted,
    ReportReturned,
    ReportApproved,
    ReportSigned,
    ReportSent,
    ReportEntered,
    ReportDiscarded,
)
AnyReportEvent = (
    ReportDrafted
    | ReportEdited
    | ReportSubmitted
    | ReportReturned
    | ReportApproved
    | ReportSigned
    | ReportSent
    | ReportEntered
    | ReportDiscarded
)
