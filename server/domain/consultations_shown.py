"""A consultation as the wire and the pages have it. Pure."""

from __future__ import annotations

from typing import Any

from schemas.fields import wire_instant
from server.domain.consultations import Consultation


def consultation_shown(one: Consultation) -> dict[str, Any]:
    told, concluded = one.told, one.concluded
    conclusion = None
    if concluded is not None:
        conclusion = {
            "at": wire_instant(concluded.at),
            "text": concluded.text,
            "area": concluded.area,
            "until": wire_instant(concluded.until) if concluded.until else None,
            "may_become_major": concluded.may_become_major,
            "orders": list(concluded.orders),
            "by": one.concluded_by,
        }
    return {
        "consultation_id": told.consultation_id,
        "kind": told.kind,
        "topic": told.topic,
        "convened_at": wire_instant(told.convened_at),
        "convener": told.convener,
        "host": told.host,
        "input": told.input,
        "by": one.by,
        "participants": list(told.participants),
        "missing": one.missing(),
        "meeting": one.meeting.model_dump() if one.meeting else None,
        "opinions": [
            {
                "opinion_id": said.opinion_id,
                "part_of": said.part_of,
                "name": said.name,
                "text": said.text,
                "at": wire_instant(said.at),
                "by": said.by,
                "recorded_at": wire_instant(said.recorded_at),
                "is_late": said.is_late,
            }
            for said in one.opinions.values()
        ],
        "conclusion": conclusion,
    }
