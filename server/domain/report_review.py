"""Looking at a report: what it lacks, what changed since the last one, where the minutes went. Pure.

Nothing here decides anything: a report that lacks something may be sent all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from schemas.forms import Common, Form
from schemas.terms import Channel, Scale, Stage
from server.domain.contradictions import contradicted
from server.domain.drafts import Draft
from server.domain.incident import Incident, Statement
from server.domain.report_text import figure
from server.domain.validity import recorded

#: Sentences of two texts, multiplied, up to which they are compared one by one.
MOST_COMPARED = 250_000
_ENDS = "。；！？\n"


def missing(incident: Incident, draft: Draft, form: Form, common: Common) -> list[str]:
    """The elements that this report should have and has not, in the form's order."""
    present = recorded(incident)
    present["level"] = incident.reporting_level is not None or incident.near_miss
    lacks = []
    for slug in form.elements.get(draft.stage, ()):
        element = common.elements[slug]
        match element.look:
            case "record":
                there = present[slug]
            case "field":
                there = bool(draft.content.get(slug, "").strip())
            case "approval":
                there = bool(draft.signed_by or draft.approved_by)
            case "text":
                there = any(word in draft.content.get("body", "") for word in element.words)
        if not there:
            lacks.append(slug)
    return lacks


# ---------------------------------------------------------------- differences


class Figure(NamedTuple):
    """A figure in two reports, in words; empty when it was not said."""

    name: str
    before: str
    after: str


def figures(common: Common, before: Draft | None, draft: Draft) -> list[Figure]:
    """The figures that are not the same in the last report and in this one."""
    return _figures(common, before.figures if before else {}, draft.figures)


def news(common: Common, draft: Draft, incident: Incident) -> list[Figure]:
    """The figures that became known since this one was begun."""
    return _figures(common, draft.figures, incident.facts())


@dataclass(frozen=True, slots=True)
class Doubt:
    """A figure of a report on which sources differ, until an officer chooses: its words, and theirs."""

    here: str
    others: tuple[tuple[str, Statement], ...]


def doubts(common: Common, draft: Draft, incident: Incident) -> list[Doubt]:
    """Which of the report's figures rest on a number that somebody contradicts."""
    return [
        Doubt(
            figure(common, name, draft.figures[name]),
            tuple(
                (figure(common, name, one.facts[name]), one)
                for one in (latest, *others)
                if one.facts[name] != draft.figures[name]
            ),
        )
        for name, (latest, others) in contradicted(incident.statements).items()
        if name in draft.figures
    ]


def _figures(
    common: Common, before: dict[str, int | float | None], after: dict[str, int | float | None]
) -> list[Figure]:
    return [
        Figure(
            common.facts[name],
            figure(common, name, before[name]) if name in before else "",
            figure(common, name, after[name]),
        )
        for name in common.facts
        if name in after and (name not in before or before[name] != after[name])
    ]


Piece = tuple[Literal["same", "gone", "new"], str]


def difference(before: str, after: str) -> list[Piece]:
    """Two texts as one, sentence by sentence: what stayed, what is gone, what is new."""
    old, new = _sentences(before), _sentences(after)
    if len(old) * len(new) > MOST_COMPARED:
        return [("gone", before), ("new", after)]
    made: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            made.append(("same", "".join(old[a:b])))
            continue
        if b > a:
            made.append(("gone", "".join(old[a:b])))
        if d > c:
            made.append(("new", "".join(new[c:d])))
    return made


def _sentences(text: str) -> list[str]:
    made, start = [], 0
    for index, character in enumerate(text):
        if character in _ENDS:
            made.append(text[start : index + 1])
            start = index + 1
    return [*made, text[start:]] if start < len(text) else made


# ---------------------------------------------------------------- where the minutes went


StepSlug = Literal["known", "judged", "drafted", "submitted", "approved", "sent", "received"]


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of a report's way: when it was reached, and how long after the one before; None: not yet."""

    slug: StepSlug
    at: datetime | None
    took_s: float | None


def steps(incident: Incident, draft: Draft) -> list[Step]:
    """获知 → 研判 → 起草 → 送审 → 审批 → 送达 → 签收. What came out of order took no time."""
    began = draft.began_at
    judged = [
        judgement.judged_at
        for judgement in incident.judgements
        if judgement.scale is Scale.REPORTING and (began is None or judgement.judged_at >= began)
    ]
    approvals = [at for at in (draft.approved_at, draft.signed_at) if at is not None]
    written = [one for one in draft.sends.values() if one.means != "phone"]
    received = [
        report.received_at
        for one in written
        if (report := incident.reports.get(one.send_id)) is not None and report.received_at is not None
    ]
    moments: list[tuple[StepSlug, datetime | None]] = [
        ("known", began),
        ("judged", min(judged, default=None) if draft.stage in (Stage.INITIAL, Stage.UPGRADE) else None),
        ("drafted", draft.drafted_at),
        ("submitted", draft.submitted_at),
        ("approved", min(approvals, default=None)),
        ("sent", min((one.sent_at for one in written), default=None)),
        ("received", min(received, default=None)),
    ]
    made: list[Step] = []
    last: datetime | None = None
    for slug, at in moments:
        took = None
        if at is not None:
            if last is not None:
                took = max(0.0, (at - last).total_seconds())
            last = at if last is None else max(last, at)
        made.append(Step(slug, at, took))
    return made


# ---------------------------------------------------------------- who has it


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recipient: how often it was sent there, what counts, and the receipt."""

    recipient: str
    sends: tuple[str, ...]
    counting: str | None  # the send under which the report is recorded
    valid: bool
    lacks: tuple[str, ...]
    received_at: datetime | None
    received_by: str | None
    evidence: str | None


def deliveries(incident: Incident, draft: Draft, also: Sequence[str] = ()) -> list[Delivery]:
    """The recipients it is for, and those it was sent to besides, in that order."""
    order = dict.fromkeys([*draft.recipients, *also, *(one.recipient for one in draft.sends.values())])
    made = []
    for recipient in order:
        sends = [one for one in draft.sends.values() if one.recipient == recipient]
        counted = [incident.reports[one.send_id] for one in sends if one.send_id in incident.reports]
        written = [one for one in counted if one.channel == Channel.WRITTEN]
        best = next((one for one in written if one.received_at is not None), None)
        best = best or next((one for one in written if one.valid), None) or next(iter(written), None)
        made.append(
            Delivery(
                recipient=recipient,
                sends=tuple(one.send_id for one in sends),
                counting=best.report_id if best else None,
                valid=best.valid if best else False,
                lacks=best.lacks if best else (),
                received_at=best.received_at if best else None,
                received_by=best.received_by if best else None,
                evidence=best.evidence if best else None,
            )
        )
    return made
