"""Deciding on reports that are being written: begun, changed, signed, sent. Pure.

Nothing here blocks a first report: what is missing is listed elsewhere, an unsigned report may be sent (it
is recorded, says what it lacks, and ends no clock), and a leader's word stands for the signature until that
comes.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from schemas import events as ev
from schemas import reports as rep
from schemas.fields import Facts
from schemas.forms import Form
from schemas.reports import FIELDS, Issue, Means
from schemas.terms import Channel, Stage
from server.domain.context import Context, Refused, actor
from server.domain.drafts import Draft, splice_of
from server.domain.incident import Incident
from server.domain.merging import merged
from server.domain.periods import BEIJING
from server.domain.report_text import fill, in_characters, issuer, places, written
from server.domain.reporting import ANSWERS, resolve
from server.domain.units import Rank
from server.domain.validity import lacking

#: How an issue is numbered when the bureau has taken the form away meanwhile.
PLAIN_ISSUE = "〔{year}〕第{number}期"


def decide(incident: Incident, command: rep.ReportCommand, context: Context) -> list[ev.Event]:
    if isinstance(command, rep.DraftReport):
        return _draft(incident, command, context)
    draft = incident.drafts.get(command.report_id)
    if draft is None:
        raise Refused("no-such-draft", "/report_id", kind="missing")
    if draft.unit != context.author.unit:
        raise Refused("not-your-draft", "/report_id", kind="forbidden")
    if draft.state == "discarded":
        raise Refused("draft-discarded", "/report_id", kind="conflict")
    match command:
        case rep.EditReport():
            return _edit(draft, command, context)
        case rep.SubmitReport():
            _must_be(draft, "draft")
            return [rep.ReportSubmitted(report_id=draft.report_id)]
        case rep.ReturnReport():
            _must_be(draft, "review")
            return [rep.ReportReturned(report_id=draft.report_id, reason=command.reason)]
        case rep.ApproveReport():
            if not draft.is_open:
                raise Refused("draft-final", "/report_id", kind="conflict")
            return [
                rep.ReportApproved(
                    report_id=draft.report_id,
                    approved_by=command.approved_by,
                    approved_at=command.approved_at,
                    way=command.way,
                    issue=_issue(incident, draft, context),
                )
            ]
        case rep.SignReport():
            return _sign(incident, draft, command, context)
        case rep.SendReport():
            return _send(incident, draft, command, context)
        case rep.EnterReport():
            if draft.entered_at is not None:
                raise Refused("report-entered", "/report_id", kind="conflict")
            return [
                rep.ReportEntered(
                    report_id=draft.report_id, entered_at=command.entered_at, reference=command.reference
                )
            ]
        case rep.DiscardReport():
            if draft.sends:
                raise Refused("report-sent", "/report_id", kind="conflict")
            return [rep.ReportDiscarded(report_id=draft.report_id, reason=command.reason)]
        case _:
            raise AssertionError(f"no decision for {command.name}")


def _must_be(draft: Draft, state: str) -> None:
    if draft.state != state:
        code = "draft-final" if not draft.is_open else f"not-in-{state}"
        raise Refused(code, "/report_id", kind="conflict")


# ---------------------------------------------------------------- beginning


def _draft(incident: Incident, command: rep.DraftReport, context: Context) -> list[ev.Event]:
    if command.report_id in incident.drafts or command.report_id in incident.reports:
        raise Refused("report-exists", "/report_id", kind="conflict")
    form = context.forms().form_for(command.form, command.stage)
    if form is None:
        raise Refused("no-such-form", "/form" if command.form else "/stage")
    unit = context.author.unit
    recipients = _recipients(incident, command.recipients, command.stage, context)
    earlier = [one for one in incident.drafts.values() if one.unit == unit and one.state != "discarded"]
    ordinal = 1 + sum(one.stage is command.stage for one in earlier)
    before = max((one for one in earlier if one.is_settled), key=lambda one: one.drafted_at, default=None)
    content = drafted_content(incident, form, command.stage, context, ordinal, before, recipients)
    if command.content is not None:
        content |= command.content.model_dump(exclude_none=True)
    return [
        rep.ReportDrafted(
            report_id=command.report_id,
            unit=unit,
            stage=command.stage,
            form=form.form,
            form_name=form.name,
            masthead=fill(form.masthead, {"issuer": issuer(form, context.setting.tree, unit)}),
            issuer=issuer(form, context.setting.tree, unit),
            ordinal=ordinal,
            previous=before.report_id if before else None,
            recipients=recipients,
            content=content,
            figures=Facts.model_validate(incident.facts()),
            level=incident.reporting_level,
            began_at=_began(incident, command.stage),
        )
    ]


def drafted_content(
    incident: Incident,
    form: Form,
    stage: Stage,
    context: Context,
    ordinal: int,
    before: Draft | None,
    recipients: list[str],
    drafter: str | None = None,
) -> dict[str, str]:
    """What the record says, in the form's words."""
    setting = context.setting
    unit = context.author.unit
    drafter = context.author.name if drafter is None else drafter
    values = places(
        incident,
        context.forms().common,
        setting.tree,
        context.now,
        issued_by=issuer(form, setting.tree, unit),
        unit=unit,
        ordinal=ordinal,
        mark=mark_of(form, stage, ordinal),
        drafter=drafter,
        phone=form.defaults.get("phone") or None,  # type: ignore[arg-type]
        previous=before,
    )
    title, body = written(form.texts[stage], values)
    content = dict.fromkeys(FIELDS, "") | {str(name): text for name, text in form.defaults.items()}
    if recipients:
        named = "，".join(name_of_recipient(form, code, context) for code in recipients)
        content["addressees"] = f"{named}："[: FIELDS["addressees"]]
    content |= {"title": title, "body": body, "drafted_by": drafter[: FIELDS["drafted_by"]]}
    content["urgency"] = form.urgency.get(stage, content["urgency"])
    return content


def mark_of(form: Form, stage: Stage, ordinal: int) -> str:
    """（续报二）, behind the issue number."""
    return fill(form.marks.get(stage, ""), {"ordinal": in_characters(ordinal)})


def name_of_recipient(form: Form, code: str, context: Context) -> str:
    """A unit of the tree is told by its bureau's name."""
    tree = context.setting.tree
    found = tree.get(code)
    if found is None or found.rank is Rank.DEPARTMENT:
        return tree.name_of(code)
    return issuer(form, tree, code)


def _recipients(incident: Incident, asked: list[str] | None, stage: Stage, context: Context) -> list[str]:
    """Those asked for; else those to whom a written report of this kind is owed; else those above."""
    assert incident.place is not None
    tree, unit = context.setting.tree, context.author.unit
    if asked is not None:
        known = [actor(code, context, f"/recipients/{index}") for index, code in enumerate(asked)]
        return list(dict.fromkeys(resolve(tree, code, incident.place.unit) for code in known))
    owed = [
        one.recipient
        for one in incident.obligations.values()
        if one.is_open and one.sender == unit and one.channel != Channel.PHONE and stage in ANSWERS[one.stage]
    ]
    if owed:
        return list(dict.fromkeys(owed))[:20]
    above = tree.ancestors(unit)[1:]
    return [above[0]] if above else ["PRV_EMB", "CTY_GOV"]


def _began(incident: Incident, stage: Stage) -> datetime | None:
    """When what the report tells of was known: its minutes count from there."""
    if stage is Stage.INITIAL:
        return incident.known_at()
    level = incident.reporting_level
    if stage is Stage.UPGRADE and level is not None:
        return incident.level_reached_at(level)
    return max((said.known_at for said in incident.statements), default=None)


# ---------------------------------------------------------------- changing


def _edit(draft: Draft, command: rep.EditReport, context: Context) -> list[ev.Event]:
    if not draft.is_open:
        raise Refused("draft-final", "/report_id", kind="conflict")
    now = dict(draft.content)
    changes: list[rep.Splice] = []
    kept: list[rep.OtherVersion] = []
    for index, change in enumerate(command.changes):
        if len(change.after) > FIELDS[change.field]:
            raise Refused("string_too_long", f"/changes/{index}/after", max_length=FIELDS[change.field])
        theirs = now.get(change.field, "")
        both = merged(*map(_line_ends, (change.before, theirs, change.after)))
        own = _own_version(draft, change, context.author.name)
        if own is not None and change.after != theirs:  # who goes on with his own version goes on with it
            kept.append(rep.OtherVersion(version_id=own, field=change.field, text=change.after))
        elif both is None or len(both) > FIELDS[change.field]:
            version_id = str(uuid5(UUID(command.command_id), str(index)))
            kept.append(rep.OtherVersion(version_id=version_id, field=change.field, text=change.after))
        elif both != _line_ends(theirs):
            changes.append(splice_of(change.field, theirs, both))
            now[change.field] = both
    known = {one.version_id for one in draft.others}
    settled = [one for one in command.settles or () if one in known]
    recipients = None
    if command.recipients is not None:
        recipients = [actor(code, context, f"/recipients/{at}") for at, code in enumerate(command.recipients)]
        recipients = list(dict.fromkeys(recipients))
        if recipients == draft.recipients:
            recipients = None
    if not (changes or kept or settled or recipients is not None):
        return []
    return [
        rep.ReportEdited(
            report_id=draft.report_id, changes=changes, kept=kept, settled=settled, recipients=recipients
        )
    ]


def _line_ends(text: str) -> str:
    """A browser's field knows one kind of line end: another kind is no change of words."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _own_version(draft: Draft, change: rep.Change, author: str) -> str | None:
    """The version kept beside that this change goes on from, if it is the author's own."""
    if change.before == draft.content.get(change.field, ""):
        return None
    mine = (
        one.version_id
        for one in draft.others
        if one.field == change.field and one.by == author and one.text == change.before
    )
    return next(mine, None)


# ---------------------------------------------------------------- signing


def _sign(incident: Incident, draft: Draft, command: rep.SignReport, context: Context) -> list[ev.Event]:
    if draft.state == "signed":
        raise Refused("report-signed", "/report_id", kind="conflict")
    if command.version is not None and command.version != draft.version:
        raise Refused("draft-changed", "/version", kind="conflict")
    return [
        rep.ReportSigned(
            report_id=draft.report_id,
            signed_by=command.signed_by or context.author.name[:60],
            signed_at=command.signed_at,
            issue=_issue(incident, draft, context),
        )
    ]


def _issue(incident: Incident, draft: Draft, context: Context) -> Issue | None:
    """Its number, given once, when it is signed or approved: dense within unit, form and year. An outpost
    counts for itself, with its mark (第F1期): the desk above gives the report its own when it comes to it."""
    if draft.issue is not None:
        return None
    year = context.now.astimezone(BEIJING).year
    series = f"report:{draft.unit}:{draft.form}:{year}{':D' if incident.drill else ''}"
    series, number, as_written = context.issue(series)
    form = context.forms().forms.get(draft.form)
    pattern = form.issue if form is not None else PLAIN_ISSUE
    text = fill(
        pattern,
        {
            "year": str(year),
            "number": as_written,
            "issuer": draft.issuer,
            "unit": context.setting.tree.name_of(draft.unit),
            "ordinal": in_characters(draft.ordinal),
            "mark": "",
            "date": "",
        },
    )
    return Issue(series=series, number=number, text=text)


# ---------------------------------------------------------------- sending


def _send(incident: Incident, draft: Draft, command: rep.SendReport, context: Context) -> list[ev.Event]:
    if command.send_id in draft.sends or command.send_id in incident.reports:
        raise Refused("report-exists", "/send_id", kind="conflict")
    assert incident.place is not None
    tree = context.setting.tree
    recipient = resolve(tree, actor(command.recipient, context, "/recipient"), incident.place.unit)
    channel = Channel.PHONE if command.means is Means.PHONE else Channel.WRITTEN
    earlier = [incident.reports[one] for one in draft.sends if one in incident.reports]
    counts = not any(one.valid and one.recipient == recipient and one.channel == channel for one in earlier)
    sent = rep.ReportSent(
        report_id=draft.report_id,
        send_id=command.send_id,
        recipient=recipient,
        means=command.means,
        sent_at=command.sent_at,
        person=command.person,
        note=command.note,
        counts=counts,
    )
    if not counts:
        return [sent]
    lacks = lacking(incident, channel, draft.signed_by, draft.approved_by)
    recorded = ev.ReportRecorded(
        report_id=command.send_id,
        stage=draft.stage,
        channel=channel,
        recipient=recipient,
        sent_at=command.sent_at,
        signed_by=draft.signed_by,
        verbal_approval_by=draft.approved_by,
        text=draft.content.get("title") or None,
        valid=not lacks,
        lacks=lacks,
    )
    return [sent, recorded]
