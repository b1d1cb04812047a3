"""Decide: an incident's state and a command in, events or a refusal out. Pure.

Nothing here reads a clock, a file or a database; `Desk` (the context) carries the time, the person, the rules
and the unit tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial

from schemas import commands as cmd
from schemas import events as ev
from schemas.attachments import AttachmentCommand
from schemas.consultations import ConsultationCommand
from schemas.field_work import FieldCommand
from schemas.fields import Place, Source
from schemas.instructions import InstructionCommand
from schemas.reports import ReportCommand
from schemas.scene import SceneCommand
from schemas.terms import Level
from server.domain import (
    attaching,
    consultation_decide,
    field_decide,
    instruction_decide,
    report_drafts,
    scene_decide,
    short_decide,
)
from server.domain.context import Author as Author
from server.domain.context import Context as Context
from server.domain.context import Decided as Decided
from server.domain.context import Refused as Refused
from server.domain.context import actor
from server.domain.incident import Incident
from server.domain.instructions import unfinished
from server.domain.reporting import resolve
from server.domain.validity import is_said, lacking

FUTURE_TOLERANCE = timedelta(minutes=2)
#: The device's own clock may say what it likes; until when a conclusion holds is said beforehand.
_MAY_LIE_AHEAD = ("device_at", "device_sent_at", "until", "due", "begins")
#: Beyond these years days cannot be added and taken away any more, nor is there a way to write them down.
FIRST_YEAR, LAST_YEAR = 1900, 9998
#: Ways in which the public tips off (举报); who did so stays in the restricted stream.
INFORMER_CHANNELS = frozenset({"tip", "public_tip", "informer", "whistleblower", "internal_tip", "12350"})


def decide(incident: Incident | None, command: cmd.Command, context: Context) -> Decided:
    """What the command amounts to, or `Refused`. `incident` is None when there is none that one may see."""
    _refuse_impossible_times(command, context.now)
    if isinstance(command, cmd.OpenIncident):
        if incident is None:
            return _open(command, context)
        again = short_decide.opened_before(
            incident, command, context, lambda more: _establish(incident, more, context)
        )
        if again is None:
            raise Refused("incident-exists", "/incident_id", kind="conflict")
        return Decided(again)
    if incident is None:
        raise Refused("no-such-incident", "/incident_id", kind="missing")
    if isinstance(command, cmd.MergeIncident):
        return _merge(incident, command, context)
    plainly = partial(_ordinary, incident, command, context)
    if incident.state == "merged":
        return Decided(plainly())
    return Decided(short_decide.weigh(incident, command, context, plainly))


def _ordinary(incident: Incident, command: cmd.Command, context: Context) -> list[ev.Event]:
    """Commands on one incident: a flat match."""
    if incident.state == "merged":
        raise Refused("incident-merged", "/incident_id", kind="conflict", into=incident.merged_into)
    if isinstance(command, ReportCommand):
        return report_drafts.decide(incident, command, context)
    if isinstance(command, InstructionCommand):
        return list(instruction_decide.decide(incident, command, context))
    if isinstance(command, AttachmentCommand):
        return attaching.decide(incident, command, context)
    if isinstance(command, ConsultationCommand):
        return consultation_decide.decide(incident, command, context, _issue_order)
    if isinstance(command, SceneCommand):
        return list(scene_decide.decide(incident, command, context))
    if isinstance(command, FieldCommand):
        return field_decide.decide(incident, command, context)
    match command:
        case cmd.AddEntry():
            if command.entry_id in incident.entries:
                raise Refused("entry-exists", "/entry_id", kind="conflict")
            return [
                ev.EntryAdded(
                    entry_id=command.entry_id,
                    kind=command.kind,
                    text=command.text,
                    happened_at=command.happened_at,
                )
            ]
        case cmd.StrikeEntry():
            struck = incident.entries.get(command.entry_id)
            if struck is None:
                raise Refused("no-such-entry", "/entry_id", kind="missing")
            return [] if struck else [ev.EntryStruck(entry_id=command.entry_id, reason=command.reason)]
        case cmd.EstablishFacts():
            return _establish(incident, command, context)
        case cmd.JudgeLevel():
            return [
                ev.LevelJudged(
                    level=command.level,
                    scale=command.scale,
                    judged_at=command.judged_at,
                    basis=command.basis,
                    possible=command.possible,
                )
            ]
        case cmd.RecordReport():
            return _record_report(incident, command, context)
        case cmd.RecordReceipt():
            report = incident.reports.get(command.report_id)
            if report is None:
                raise Refused("no-such-report", "/report_id", kind="missing")
            if report.received_at is not None:
                raise Refused("receipt-exists", "/report_id", kind="conflict")
            if command.received_at < report.sent_at:
                raise Refused("received-before-sent", "/received_at")
            return [
                ev.ReceiptRecorded(
                    report_id=command.report_id,
                    received_at=command.received_at,
                    received_by=command.received_by,
                    evidence=command.evidence,
                )
            ]
        case cmd.DeclareConcealed():
            return [
                ev.ConcealmentDeclared(
                    concealed_by=command.concealed_by, basis=command.basis, declared_at=command.declared_at
                )
            ]
        case cmd.ShareIncident():
            return _share(incident, command.with_, "shared", context, "/with")
        case cmd.IssueOrder():
            return _issue_order(incident, command, context)
        case cmd.AcknowledgeOrder():
            order = incident.orders.get(command.order_id)
            if order is None:
                raise Refused("no-such-order", "/order_id", kind="missing")
            if order.acknowledged_at is not None:
                return []  # saying "received" twice is not an error
            return [ev.OrderAcknowledged(order_id=command.order_id, text=command.text, at=command.at)]
        case cmd.ReportOnOrder():
            if command.order_id not in incident.orders:
                raise Refused("no-such-order", "/order_id", kind="missing")
            return [ev.OrderReported(order_id=command.order_id, text=command.text, at=command.at)]
        case cmd.CloseIncident():
            if not incident.is_open:
                raise Refused("incident-closed", "/incident_id", kind="conflict")
            if command.outcome in (None, "handled"):
                _refuse_open_instructions(incident)
                if left := incident.on_scene.open_requests():
                    raise Refused("help-open", "/incident_id", kind="conflict", count=len(left))
            return [ev.IncidentClosed(at=command.at, reason=command.reason, outcome=command.outcome)]
        case cmd.ReopenIncident():
            if incident.is_open:
                raise Refused("incident-open", "/incident_id", kind="conflict")
            return [ev.IncidentReopened(at=command.at, reason=command.reason)]
        case cmd.DeclareStable():
            return [ev.StabilityDeclared(at=command.at, basis=command.basis)]
        case cmd.ExplainBreach():
            if command.cause not in {cause.cause for cause in context.setting.rules.delay_causes}:
                raise Refused("no-such-cause", "/cause")
            return [ev.BreachExplained(cause=command.cause, text=command.text)]
        case _:
            raise AssertionError(f"no decision for {command.name}")


def _open(command: cmd.OpenIncident, context: Context) -> Decided:
    tree, rules = context.setting.tree, context.setting.rules
    place = _place(command.place, context, context.author.unit)
    known_by = actor(command.known_by, context, "/known_by")
    opened = ev.IncidentOpened(
        number=context.number(place.unit, command.drill),  # taken only once nothing can be refused
        title=command.title,
        category=command.category,
        place=place,
        known_at=command.known_at,
        known_by=known_by,
        in_chain=tree.in_chain(command.known_by),
        occurred_at=command.occurred_at,
        occurred_precision=command.occurred_precision,
        discovered_at=command.discovered_at,
        nobody_could_know=command.nobody_could_know,
        source=_without_informer(command.source),
        facts=command.facts,
        drill=command.drill,
        units=list(tree.ancestors(place.unit)),
        one_hour=ev.OneHourTerms(
            limit_s=rules.one_hour.limit_min * 60,
            phone_limit_s=rules.one_hour.phone_limit_min * 60,
            window_s=rules.one_hour.initial_window_min * 60,
            recipients=list(rules.one_hour.recipients),
        ),
    )
    return Decided([opened, *_informer(command.source, place.unit, context)])


def _establish(incident: Incident, command: cmd.EstablishFacts, context: Context) -> list[ev.Event]:
    facts = command.facts.model_dump(exclude_unset=True)
    if not is_said(command.explanation) and (fallen := _fallen(incident, facts, command.known_at)):
        raise Refused("explanation-needed", "/explanation", fact=fallen)
    place = None
    shared: list[ev.Event] = []
    assert incident.place is not None
    if command.place is not None:
        place = _place(command.place, context, incident.place.unit)
        fresh = [unit for unit in context.setting.tree.ancestors(place.unit) if unit not in incident.units]
        if fresh:
            shared = [ev.IncidentShared(units=fresh, why="moved")]
    established = ev.FactsEstablished(
        known_at=command.known_at,
        known_by=actor(command.known_by, context, "/known_by"),
        in_chain=context.setting.tree.in_chain(command.known_by),
        facts=command.facts,
        occurred_at=command.occurred_at,
        occurred_precision=command.occurred_precision,
        discovered_at=command.discovered_at,
        category=command.category,
        place=place,
        source=_without_informer(command.source),
        explanation=command.explanation,
    )
    informer = _informer(command.source, (place or incident.place).unit, context)
    return [established, *informer, *shared]


def _fallen(incident: Incident, facts: Mapping[str, int | float | None], known_at: datetime) -> str | None:
    """Which of dead and missing would fall from one statement to the next, told by when they were known."""
    for name in ("dead", "missing"):
        value = facts.get(name)
        if value is None:
            continue
        said = [(s.known_at, s.facts[name]) for s in incident.statements if s.facts.get(name) is not None]
        said.sort(key=lambda pair: pair[0])
        before = [number for at, number in said if at <= known_at]
        after = [number for at, number in said if at > known_at]
        if (before and before[-1] > value) or (after and after[0] < value):  # type: ignore[operator]
            return name
    return None


def _record_report(incident: Incident, command: cmd.RecordReport, context: Context) -> list[ev.Event]:
    if command.report_id in incident.reports:
        raise Refused("report-exists", "/report_id", kind="conflict")
    assert incident.place is not None
    recipient = resolve(
        context.setting.tree, actor(command.recipient, context, "/recipient"), incident.place.unit
    )
    lacks = lacking(incident, command.channel, command.signed_by, command.verbal_approval_by)
    return [
        ev.ReportRecorded(
            report_id=command.report_id,
            stage=command.stage,
            channel=command.channel,
            recipient=recipient,
            sent_at=command.sent_at,
            signed_by=command.signed_by,
            verbal_approval_by=command.verbal_approval_by,
            text=command.text,
            valid=not lacks,
            lacks=lacks,
        )
    ]


def _issue_order(incident: Incident, command: cmd.IssueOrder, context: Context) -> list[ev.Event]:
    if command.order_id in incident.orders:
        raise Refused("order-exists", "/order_id", kind="conflict")

    def within(minutes: int | None) -> datetime | None:
        return None if minutes is None else context.given_at + timedelta(minutes=minutes)

    issued = ev.OrderIssued(
        order_id=command.order_id,
        to=command.to,
        text=command.text,
        acknowledge_by=within(command.acknowledge_within_min),
        report_by=within(command.report_within_min),
    )
    if command.to in context.setting.tree and command.to not in incident.units:
        return [*_share(incident, [command.to], "ordered", context, "/to"), issued]
    return [issued]


def _share(incident: Incident, units: list[str], why: str, context: Context, pointer: str) -> list[ev.Event]:
    for index, unit in enumerate(units):
        if unit not in context.setting.tree:
            place = f"{pointer}/{index}" if pointer == "/with" else pointer
            raise Refused("no-such-unit", place, unit=unit)
    fresh = [unit for unit in dict.fromkeys(units) if unit not in incident.units]
    return [ev.IncidentShared.model_validate({"units": fresh, "why": why})] if fresh else []


def _merge(incident: Incident, command: cmd.MergeIncident, context: Context) -> Decided:
    if incident.state == "merged":
        raise Refused("incident-merged", "/incident_id", kind="conflict", into=incident.merged_into)
    if command.into == incident.id:
        raise Refused("merge-into-itself", "/into")
    target = context.other(command.into)
    if target is None:
        raise Refused("no-such-incident", "/into", kind="missing")
    if target.state == "merged":
        raise Refused("incident-merged", "/into", kind="conflict", into=target.merged_into)
    if target.drill != incident.drill:
        raise Refused("drill-and-real", "/into")
    _refuse_open_instructions(incident)
    known = [(said.known_at, said.known_by, said.in_chain) for said in incident.statements]
    known += incident.merged_known
    first = min(known, key=lambda row: (not row[2], row[0]))
    elsewhere: list[ev.Event] = []
    fresh = [unit for unit in incident.units if unit not in target.units]
    if fresh:  # those who saw the duplicate go on seeing the incident
        elsewhere.append(ev.IncidentShared(units=fresh, why="merged"))
    elsewhere.append(
        ev.DuplicateAbsorbed(
            merged=incident.id,
            merged_number=incident.number,
            known_at=first[0],
            known_by=first[1],
            in_chain=first[2],
            reached={level: at for level in Level if (at := incident.level_reached_at(level)) is not None},
            reports=[ev.ReportKept(**asdict(report)) for report in incident.reports.values()],
            judged_lower_at=incident.judged_lower_at(),
        )
    )
    events: list[ev.Event] = []
    fresh = [unit for unit in target.units if unit not in incident.units]
    if fresh:  # whoever is told of the duplicate by name may read it
        events.append(ev.IncidentShared(units=fresh, why="merged"))
    events.append(ev.IncidentMerged(into=target.id, into_number=target.number))
    return Decided(events, elsewhere=(target.id, elsewhere))


def _refuse_open_instructions(incident: Incident) -> None:
    """What a leader asked for is not lost with the incident: each addressee is finished, with a word."""
    if left := unfinished(incident.instructions):
        raise Refused("instructions-open", "/incident_id", kind="conflict", count=len(left))


def _place(place: Place | None, context: Context, otherwise: str) -> ev.PlaceKept:
    """The place with the unit that answers for it; unknown division: the unit of whoever logs it."""
    if place is None or place.division is None:
        unit: str | None = otherwise
    else:
        unit = context.setting.tree.nearest(place.division)
        if unit is None:
            raise Refused("division-unknown", "/place/division", division=place.division)
    assert unit is not None
    kept = place.model_dump(exclude_none=True) if place is not None else {}
    return ev.PlaceKept(unit=unit, **kept)


def _is_tip(source: Source | None) -> bool:
    return source is not None and (source.channel or "").strip().casefold() in INFORMER_CHANNELS


def _without_informer(source: Source | None) -> Source | None:
    """The source without a public informer's name and number, which belong into the restricted stream."""
    if source is None or not _is_tip(source):
        return source
    return source.model_copy(update={"name": None, "phone": None})


def _informer(source: Source | None, place_unit: str, context: Context) -> list[ev.Event]:
    """Who gave a tip, for the restricted streams of the place's unit and those above it, and no others:
    a unit that the incident is shared with has no need of the name."""
    if source is None or not _is_tip(source) or not (source.name or source.phone):
        return []
    units = list(context.setting.tree.ancestors(place_unit))
    return [ev.InformerNamed(name=source.name, phone=source.phone, units=units)]


def _refuse_impossible_times(command: cmd.Command, now: datetime) -> None:
    """A time more than two minutes ahead is a typing error or a wrong clock: refused, the field named. So is
    a year that nobody can mean, of the device's clock too; otherwise that one may say what it likes."""
    latest = now + FUTURE_TOLERANCE
    for name, value in command.__dict__.items():
        if not isinstance(value, datetime):
            continue
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise Refused("time-out-of-range", f"/{name}")
        if value > latest and name not in _MAY_LIE_AHEAD:
            raise Refused("time-in-the-future", f"/{name}")
