"""Deeds of a consultation (会商) about an incident, as bodies of commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.consultations import EVENTS
from tests import words
from tests.joint_deeds import JOINT_KINDS, hold_a_joint_duty
from tests.room import Room
from tests.words import Body, new_id

#: What can be read of an incident's consultations, behind its own address.
CONSULTED = tuple(
    f"/consultations{part}"
    for part in ("", "/news", *(f"/{{consultation_id:uuid}}/minutes.{kind}" for kind in ("docx", "pdf")))
)


def convening(incident_id: str, *units: str, **over: Any) -> Body:
    return {
        "incident_id": incident_id,
        "consultation_id": new_id(),
        "kind": "special",
        "topic": "柳河湾险情会商",
        "convened_at": words.at("09:00"),
        "participants": list(units or ("130324", "130300-qx")),
        "host": "王局",
        "meeting": {"system": "市视频会议", "number": "770011", "link": "https://meet.example/770011"},
        **over,
    }


def concluding(convened: Body, *measures: tuple[str, str], **over: Any) -> Body:
    made = [
        {"order_id": new_id(), "to": to, "text": text, "acknowledge_within_min": 5, "report_within_min": 60}
        for to, text in measures
    ]
    said = {name: convened[name] for name in ("incident_id", "consultation_id")}
    return {**said, "at": words.at("09:30"), "text": "上游仍有强降雨, 风险高", "measures": made, **over}


def good_consultation(room: Room, name: str, incident_id: str) -> Body:
    convened = convening(incident_id, "130324")  # who takes part sees the incident already
    if name != "convene-consultation":
        room.told("Wu", "convene-consultation", convened)
    said = {"incident_id": incident_id, "consultation_id": convened["consultation_id"]}
    opinion = {**said, "opinion_id": new_id(), "text": "未来三小时仍有短时强降雨", "at": words.at("09:10")}
    bodies: dict[str, Body] = {
        "convene-consultation": convened,
        "note-meeting": {**said, "meeting": {"recording": "REC-1"}},
        "give-opinion": opinion,
        "conclude-consultation": concluding(convened, ("130324", "转移低洼地带群众")),
    }
    return {**bodies[name], "command_id": new_id()}


def consultation_deeds(incident_id: str, unit: str, mark: str) -> list[tuple[str, Body]]:
    """A consultation from its beginning to its end, within one unit."""
    convened = convening(incident_id, unit, topic=f"会商{mark}")
    said = {"incident_id": incident_id, "consultation_id": convened["consultation_id"]}
    opinion = {**said, "opinion_id": new_id(), "text": f"意见{mark}", "at": words.at("09:10")}
    return [
        ("convene-consultation", convened),
        ("note-meeting", {**said, "meeting": {"recording": f"录像{mark}"}}),
        ("give-opinion", opinion),
        ("conclude-consultation", concluding(convened, (unit, f"措施{mark}"), text=f"结论{mark}")),
    ]


def consult(room: Room) -> None:
    """A consultation to which a department brings its opinion; it may become major."""
    now = room.clock.ago(minutes=5)
    one = words.open_incident(known_at=now, occurred_at=room.clock.ago(minutes=90))
    room.told("Wu", "open-incident", one)
    convened = convening(one["incident_id"], convened_at=now)
    room.told("Wu", "convene-consultation", convened)
    said = {"incident_id": one["incident_id"], "consultation_id": convened["consultation_id"]}
    opinion = {**said, "opinion_id": new_id(), "text": "仍有强降雨", "at": room.clock.ago()}
    room.told("He", "give-opinion", opinion)
    room.told("Wu", "note-meeting", {**said, "meeting": {"recording": "REC-7"}})
    done = concluding(convened, ("130321", "待命"), at=room.clock.ago(), may_become_major=True)
    room.told("Wu", "conclude-consultation", done)


#: What both make happen, for `tests/projections.py`.
MADE: dict[str, Callable[[Room], None]] = {
    **dict.fromkeys(JOINT_KINDS, hold_a_joint_duty),
    **dict.fromkeys((one.model_fields["type"].default for one in EVENTS), consult),
}
