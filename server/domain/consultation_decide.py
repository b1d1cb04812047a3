"""What commands on a consultation amount to, or why they cannot be done. Pure.

Who takes part speaks for itself. Whoever convened it writes down what was said aloud, and concludes: the
measures become orders in the same step, and "may become major" a judgement, which starts the duty to report.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from schemas import commands as cmd
from schemas import consultations as con
from schemas import events as ev
from schemas.terms import Level, Scale
from server.domain.consultations import Consultation
from server.domain.context import Context, Refused
from server.domain.incident import Incident

#: How an order of this incident comes to be, as `issue-order` does it.
Issue = Callable[[Incident, cmd.IssueOrder, Context], list[ev.Event]]


def decide(
    incident: Incident, command: con.ConsultationCommand, context: Context, issue: Issue
) -> list[ev.Event]:
    if isinstance(command, con.ConveneConsultation):
        return _convene(incident, command, context)
    one = incident.consultations.get(command.consultation_id)
    if one is None:
        raise Refused("no-such-consultation", "/consultation_id", kind="missing")
    match command:
        case con.GiveOpinion():
            return _opinion(one, command, context)
        case con.NoteMeeting():
            _refuse_others(one, context)
            return [con.MeetingNoted(consultation_id=command.consultation_id, meeting=command.meeting)]
        case con.ConcludeConsultation():
            _refuse_others(one, context)
            return _conclude(incident, one, command, context, issue)
        case _:
            raise AssertionError(f"no decision for {command.name}")


def _convene(incident: Incident, command: con.ConveneConsultation, context: Context) -> list[ev.Event]:
    if command.consultation_id in incident.consultations:
        raise Refused("consultation-exists", "/consultation_id", kind="conflict")
    if not incident.is_open:
        raise Refused("incident-closed", "/incident_id", kind="conflict")
    for index, unit in enumerate(command.participants):
        if unit not in context.setting.tree:
            raise Refused("no-such-unit", f"/participants/{index}", unit=unit)
    participants = list(dict.fromkeys(command.participants))
    convened = con.ConsultationConvened(
        consultation_id=command.consultation_id,
        kind=command.kind,
        topic=command.topic,
        convened_at=command.convened_at,
        convener=context.author.unit,
        participants=participants,
        host=command.host,
        input=command.input,
        meeting=command.meeting,
    )
    fresh = [unit for unit in participants if unit not in incident.units]
    return [*([ev.IncidentShared(units=fresh, why="shared")] if fresh else []), convened]


def _refuse_others(one: Consultation, context: Context) -> None:
    """Who sees the incident sees it; it is the convener's to conclude, or theirs above."""
    if context.author.unit not in context.setting.tree.ancestors(one.told.convener):
        raise Refused("not-your-consultation", "/consultation_id", kind="forbidden")


def _opinion(one: Consultation, command: con.GiveOpinion, context: Context) -> list[ev.Event]:
    if command.opinion_id in one.opinions:
        raise Refused("opinion-exists", "/opinion_id", kind="conflict")
    _refuse_before(one, command.at, "/at")
    mine, part_of = context.author.unit, command.part_of or context.author.unit
    told = one.told
    if part_of not in (*told.participants, told.convener):
        raise Refused("not-taking-part", "/part_of", kind="forbidden")
    if part_of != mine and not (mine == told.convener and command.on_behalf_of is not None):
        raise Refused("not-your-opinion", "/part_of", kind="forbidden")
    name = command.on_behalf_of.name if command.on_behalf_of else context.author.name
    return [
        con.OpinionGiven(
            consultation_id=told.consultation_id,
            opinion_id=command.opinion_id,
            part_of=part_of,
            name=name,
            text=command.text,
            at=command.at,
        )
    ]


def _refuse_before(one: Consultation, at: datetime, pointer: str) -> None:
    if at < one.told.convened_at:
        raise Refused("before-consultation", pointer)


def _conclude(
    incident: Incident,
    one: Consultation,
    command: con.ConcludeConsultation,
    context: Context,
    issue: Issue,
) -> list[ev.Event]:
    if one.concluded is not None:
        raise Refused("consultation-concluded", "/consultation_id", kind="conflict")
    if not incident.is_open:
        raise Refused("incident-closed", "/incident_id", kind="conflict")
    _refuse_before(one, command.at, "/at")
    concluded = con.ConsultationConcluded(
        consultation_id=command.consultation_id,
        at=command.at,
        text=command.text,
        area=command.area,
        until=command.until,
        may_become_major=command.may_become_major,
        orders=[said.order_id for said in command.measures or []],
    )
    return [concluded, *_judged(incident, command), *_orders(incident, command, context, issue)]


def _judged(incident: Incident, command: con.ConcludeConsultation) -> list[ev.Event]:
    """ "May become major" is a judgement of a named officer; one that stands already is not made smaller."""
    level = incident.reporting_level
    if not command.may_become_major or (level is not None and level.is_major):
        return []
    return [
        ev.LevelJudged(
            level=Level.MAJOR,
            scale=Scale.REPORTING,
            judged_at=command.at,
            basis=command.text[:2000],
            possible=True,
        )
    ]


def _orders(
    incident: Incident, command: con.ConcludeConsultation, context: Context, issue: Issue
) -> list[ev.Event]:
    """One order for each measure, by the same rules as any order; a unit is let in once."""
    made: list[ev.Event] = []
    seen: set[str] = set()
    for index, said in enumerate(command.measures or []):
        if said.order_id in seen:
            raise Refused("order-exists", f"/measures/{index}/order_id", kind="conflict")
        seen.add(said.order_id)
        order = cmd.IssueOrder(
            command_id=command.command_id,
            incident_id=command.incident_id,
            order_id=said.order_id,
            to=said.to,
            text=said.text,
            acknowledge_within_min=said.acknowledge_within_min,
            report_within_min=said.report_within_min,
        )
        try:
            issued = issue(incident, order, context)
        except Refused as refusal:
            raise Refused(
                refusal.code, f"/measures/{index}{refusal.pointer}", refusal.kind, **refusal.values
            ) from None
        known = {unit for one in made if isinstance(one, ev.IncidentShared) for unit in one.units}
        made += [
            one for one in issued if not (isinstance(one, ev.IncidentShared) and known.issuperset(one.units))
        ]
    return made
