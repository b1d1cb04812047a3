"""Reports that are being written, as the log tells them: the state, and `apply`. Pure.

A draft's text is kept as it stands; every earlier word is in the log. A version that met another's words in
the same place is kept beside (`others`) until somebody settles which one stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from schemas import reports as rep
from schemas.reports import Issue, Means
from schemas.terms import EntryKind, Level, Stage
from server.domain.entered import Entered

#: Lines of the duty log that a report may tell of: what was done, and what leaders said.
DONE = (EntryKind.DISPATCH, EntryKind.ARRIVAL, EntryKind.FEEDBACK, EntryKind.ASSIGNMENT)
TOLD_OF = frozenset({*DONE, EntryKind.INSTRUCTION})


class Told(NamedTuple):
    """A line of the duty log with its words."""

    kind: str
    text: str
    at: datetime


class Other(NamedTuple):
    """Another version of one field, whose it is, and when it came."""

    version_id: str
    field: str
    text: str
    by: str
    at: datetime


@dataclass(slots=True)
class Send:
    """The report went to one recipient. `counts`: a report under `send_id` was recorded with it."""

    send_id: str
    recipient: str
    means: Means
    sent_at: datetime
    person: str | None
    note: str | None
    counts: bool
    by: str
    recorded_at: datetime


@dataclass(slots=True)
class Draft:
    """A report from its first word to its last receipt."""

    report_id: str
    unit: str
    stage: Stage
    form: str
    form_name: str
    masthead: str
    issuer: str
    ordinal: int
    previous: str | None
    recipients: list[str]
    content: dict[str, str]
    figures: dict[str, int | float | None]
    level: Level | None
    began_at: datetime | None
    drafted_at: datetime
    drafted_by: str
    state: str = "draft"  # draft, review, approved, signed, discarded
    version: int = 1
    edited_at: datetime | None = None
    edited_by: str | None = None
    others: list[Other] = field(default_factory=list)
    submitted_at: datetime | None = None
    submitted_by: str | None = None
    returns: list[tuple[datetime, str, str]] = field(default_factory=list)
    approved_by: str | None = None
    approved_at: datetime | None = None
    approved_way: str | None = None
    signed_by: str | None = None
    signed_at: datetime | None = None
    issue: Issue | None = None
    sends: dict[str, Send] = field(default_factory=dict)
    entered_at: datetime | None = None
    entered_by: str | None = None
    reference: str | None = None
    discarded: str | None = None

    @property
    def is_open(self) -> bool:
        """Its text may still change."""
        return self.state in ("draft", "review")

    @property
    def is_settled(self) -> bool:
        """It was signed, approved by word or sent: the next report follows it."""
        return self.state in ("approved", "signed") or bool(self.sends)


def spliced(text: str, change: rep.Splice) -> str:
    return text[: change.at] + change.put + text[change.at + change.cut :]


def splice_of(field_name: str, before: str, after: str) -> rep.Splice:
    """The one stretch in which two texts differ."""
    start = common_start(before, after)
    end = common_end(before[start:], after[start:])
    return rep.Splice(
        field=field_name,
        at=start,
        cut=len(before) - start - end,
        put=after[start : len(after) - end],
    )


def common_start(one: str, other: str) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))


def common_end(one: str, other: str) -> int:
    return common_start(one[::-1], other[::-1])


def apply(drafts: dict[str, Draft], event: rep.ReportEvent, entry: Entered) -> None:
    """Fold one event into the drafts of its incident: a flat match."""
    if isinstance(event, rep.ReportDrafted):
        drafts[event.report_id] = Draft(
            report_id=event.report_id,
            unit=event.unit,
            stage=event.stage,
            form=event.form,
            form_name=event.form_name,
            masthead=event.masthead,
            issuer=event.issuer,
            ordinal=event.ordinal,
            previous=event.previous,
            recipients=list(event.recipients),
            content=dict(event.content),
            figures=event.figures.model_dump(exclude_unset=True),
            level=event.level,
            began_at=event.began_at,
            drafted_at=entry.recorded_at,
            drafted_by=entry.by,
        )
        return
    draft = drafts[event.report_id]
    match event:
        case rep.ReportEdited():
            for change in event.changes:
                draft.content[change.field] = spliced(draft.content.get(change.field, ""), change)
            for kept in event.kept:
                draft.others = [one for one in draft.others if one.version_id != kept.version_id]
                draft.others.append(
                    Other(kept.version_id, kept.field, kept.text, entry.by, entry.recorded_at)
                )
            if event.settled:
                draft.others = [one for one in draft.others if one.version_id not in event.settled]
            if event.recipients is not None:
                draft.recipients = list(event.recipients)
            draft.edited_at, draft.edited_by = entry.recorded_at, entry.by
            draft.version += 1
        case rep.ReportSubmitted():
            draft.state = "review"
            draft.submitted_at, draft.submitted_by = entry.recorded_at, entry.by
        case rep.ReportReturned():
            draft.state = "draft"
            draft.returns.append((entry.recorded_at, entry.by, event.reason))
        case rep.ReportApproved():
            draft.state = "approved"
            draft.approved_by, draft.approved_at = event.approved_by, event.approved_at
            draft.approved_way = event.way
            draft.issue = event.issue or draft.issue
        case rep.ReportSigned():
            draft.state = "signed"
            draft.signed_by, draft.signed_at = event.signed_by, event.signed_at
            draft.issue = event.issue or draft.issue
        case rep.ReportSent():
            draft.sends[event.send_id] = Send(
                event.send_id,
                event.recipient,
                event.means,
                event.sent_at,
                event.person,
                event.note,
                event.counts,
                entry.by,
                entry.recorded_at,
            )
        case rep.ReportEntered():
            draft.entered_at, draft.entered_by = event.entered_at, entry.by
            draft.reference = event.reference
        case rep.ReportDiscarded():
            draft.state, draft.discarded = "discarded", event.reason
