"""A report that is being written, worked out for its page: what it lacks, what changed, who has it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.forms import Form, FormBook
from schemas.reports import FIELDS
from schemas.terms import Channel
from server.documents import plain
from server.documents.sheet import Sheet, issue_of, sheet
from server.domain import report_review as review
from server.domain.drafts import Draft, Send
from server.domain.incident import Incident, Obligation, Statement
from server.domain.report_text import issuer, places, written
from server.screens.fact_table import source_in_words
from server.screens.wording import Countdown, Wording, utc_text

#: Which key does what; letters work while nobody types.
KEYS = {
    "submit-report": "u",
    "approve-report": "v",
    "sign-report": "s",
    "return-report": "b",
    "send-report": "m",
    "record-receipt": "c",
    "enter-report": "e",
    "discard-report": "x",
}


@dataclass(frozen=True, slots=True)
class Act:
    """A command that may be given now. `primary`: what is done next."""

    command: str
    key: str
    primary: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """One recipient: what was sent there, and the receipt."""

    code: str
    name: str
    sends: tuple[Send, ...]
    counting: str | None
    lacks: str
    received_at: str | None
    received_by: str | None
    evidence: str | None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of its way, with the time it took."""

    name: str
    at: str | None
    took: str
    slow: bool


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Everything that the page of one report prints."""

    incident_id: str
    number: str
    title: str
    drill: bool
    draft: Draft
    stage_word: str
    state_word: str
    issue: str
    unit_name: str
    can_edit: bool
    acts: tuple[Act, ...]
    missing: tuple[str, ...]
    figures: tuple[review.Figure, ...]
    news: tuple[review.Figure, ...]
    doubts: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]  # figure: what others say, who, when
    difference: tuple[review.Piece, ...]
    previous: tuple[str, str] | None  # the last report: its id and its name
    stages: tuple[Stage, ...]
    deliveries: tuple[Delivered, ...]
    others: tuple[dict[str, Any], ...]
    script: tuple[str, ...]
    text: str
    fields: tuple[tuple[str, str], ...]
    anew: tuple[str, str]  # title and body as they would be drafted now
    sheet: Sheet
    state: dict[str, Any]  # what the page's script compares with
    due_id: str  # what this unit owes next for the incident
    due_label: str
    due_at: str | None
    due_clock: Countdown | None


def report_page(
    incident: Incident,
    draft: Draft,
    book: FormBook,
    wording: Wording,
    now: datetime,
    viewer: str,
    commands: tuple[str, ...],
) -> ReportPage:
    tree, common = wording.tree, book.common
    form = book.forms.get(draft.form) or book.form_for(None, draft.stage)
    previous = incident.drafts.get(draft.previous) if draft.previous else None
    own = draft.unit == viewer and incident.state != "merged"
    may = tuple(name for name in commands if own)
    paper = sheet(incident, draft, book, tree)
    delivered = review.deliveries(incident, draft)
    owed = _owed(incident, viewer)
    return ReportPage(
        incident_id=incident.id,
        number=incident.number,
        title=incident.title,
        drill=incident.drill,
        draft=draft,
        stage_word=stage_word(draft, wording),
        state_word=state_word(draft, wording),
        issue=issue_of(draft, book.forms.get(draft.form), now),
        unit_name=wording.unit(draft.unit),
        can_edit="edit-report" in may and draft.is_open,
        acts=_acts(draft, may, delivered),
        missing=_missing(incident, draft, form, book, wording),
        figures=tuple(review.figures(common, previous, draft)) if previous else (),
        news=tuple(review.news(common, draft, incident)),
        doubts=_doubts(incident, draft, book, wording),
        difference=_difference(previous, draft),
        previous=None if previous is None else (previous.report_id, stage_word(previous, wording)),
        stages=tuple(_stages(incident, draft, wording)),
        deliveries=tuple(_delivered(one, draft, wording) for one in delivered),
        others=tuple(
            {
                "id": one.version_id,
                "field": one.field,
                "name": wording.say(f"report.{one.field}"),
                "text": one.text,
                "by": one.by,
                "at": utc_text(one.at),
            }
            for one in draft.others
        ),
        script=plain.script(incident, draft, book, tree, now),
        text=plain.text(paper),
        fields=tuple(plain.fields(incident, draft, book, tree, now)),
        anew=_anew(incident, draft, form, book, wording, now, previous),
        sheet=paper,
        state={
            "version": draft.version,
            "open": draft.is_open,
            "fields": {name: draft.content.get(name, "") for name in FIELDS},
        },
        due_id=owed.obligation_id if owed else "",
        due_label=_due_label(owed, wording) if owed else "",
        due_at=utc_text(owed.due_at) if owed and owed.due_at else None,
        due_clock=wording.countdown(owed.due_at, now) if owed else None,
    )


def _owed(incident: Incident, viewer: str) -> Obligation | None:
    """The written report that this unit owes first."""
    waiting = [
        one
        for one in incident.obligations.values()
        if one.is_open and one.sender == viewer and one.channel != Channel.PHONE and one.due_at is not None
    ]
    return min(waiting, key=lambda one: (one.due_at, one.obligation_id), default=None)


def _due_label(owed: Obligation, wording: Wording) -> str:
    return wording.say(
        "event.duty",
        sender="",
        stage=wording.term("stage", owed.stage),
        channel=wording.term("channel_short", owed.channel),
        to=wording.short(owed.recipient),
    ).strip()


def stage_word(draft: Draft, wording: Wording) -> str:
    """续报 2: numbered where there are more than one."""
    word = wording.term("stage", draft.stage)
    return f"{word} {draft.ordinal}" if draft.stage in ("follow_up", "daily") else word


def state_word(draft: Draft, wording: Wording) -> str:
    sent = bool(draft.sends) and draft.state in ("approved", "signed")
    return wording.say(f"report.state.{'sent' if sent else draft.state}")


def _acts(draft: Draft, may: tuple[str, ...], delivered: list[review.Delivery]) -> tuple[Act, ...]:
    waiting = [one for one in delivered if not one.sends]
    unreceived = [one for one in delivered if one.counting and one.received_at is None]
    match draft.state:
        case "draft":
            names = ["submit-report", "approve-report", "sign-report"]
        case "review":
            names = ["sign-report", "approve-report", "return-report"]
        case "approved":
            names = ["sign-report"]
        case "signed":
            names = []
        case _:
            return ()
    settled = not draft.is_open
    names.append("send-report")
    if unreceived:
        names.append("record-receipt")
    if draft.entered_at is None:
        names.append("enter-report")
    if not draft.sends:
        names.append("discard-report")
    here = [name for name in names if name in may]
    first = next(iter(here), "")
    if settled:
        first = "send-report" if waiting else "record-receipt" if unreceived else ""
    return tuple(Act(name, KEYS[name], name == first) for name in here)


def _missing(
    incident: Incident, draft: Draft, form: Form | None, book: FormBook, wording: Wording
) -> tuple[str, ...]:
    if form is None:
        return ()
    lacks = review.missing(incident, draft, form, book.common)
    named = [book.common.elements[slug] for slug in lacks]
    return tuple(one.name_en if wording.lang == "en" else one.name for one in named)


def _doubts(
    incident: Incident, draft: Draft, book: FormBook, wording: Wording
) -> tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]:
    if draft.state == "discarded":
        return ()
    return tuple(
        (
            one.here,
            tuple(
                (said, _who(statement, wording), utc_text(statement.known_at))
                for said, statement in one.others
            ),
        )
        for one in review.doubts(book.common, draft, incident)
    )


def _who(statement: Statement, wording: Wording) -> str:
    said = (wording.short(statement.known_by), source_in_words(statement.source, wording))
    return " ".join(one for one in said if one)


def _difference(previous: Draft | None, draft: Draft) -> tuple[review.Piece, ...]:
    if previous is None:
        return ()
    return tuple(review.difference(previous.content.get("body", ""), draft.content.get("body", "")))


def _stages(incident: Incident, draft: Draft, wording: Wording) -> list[Stage]:
    return [
        Stage(
            name=wording.say(f"report.step.{step.slug}"),
            at=None if step.at is None else utc_text(step.at),
            took="" if step.took_s is None else wording.span(step.took_s),
            slow=step.took_s is not None and step.took_s > 15 * 60,
        )
        for step in review.steps(incident, draft)
    ]


def _delivered(one: review.Delivery, draft: Draft, wording: Wording) -> Delivered:
    return Delivered(
        code=one.recipient,
        name=wording.unit(one.recipient),
        sends=tuple(draft.sends[send] for send in one.sends),
        counting=one.counting,
        lacks=wording.say("list.comma").join(wording.term("lacks", slug) for slug in one.lacks),
        received_at=None if one.received_at is None else utc_text(one.received_at),
        received_by=one.received_by,
        evidence=one.evidence,
    )


def _anew(
    incident: Incident,
    draft: Draft,
    form: Form | None,
    book: FormBook,
    wording: Wording,
    now: datetime,
    previous: Draft | None,
) -> tuple[str, str]:
    if form is None or draft.stage not in form.texts:
        return "", ""
    values = places(
        incident,
        book.common,
        wording.tree,
        now,
        issued_by=issuer(form, wording.tree, draft.unit),
        unit=draft.unit,
        ordinal=draft.ordinal,
        mark="",
        drafter=draft.content.get("drafted_by") or draft.drafted_by,
        phone=draft.content.get("phone") or "",
        previous=previous,
    )
    return written(form.texts[draft.stage], values)
