"""When a written report is valid (contract 3; domain.md 1.5.2), and what it lacks. Pure."""

from __future__ import annotations

from schemas.terms import CASUALTIES, Channel
from server.domain.incident import Incident


def lacking(incident: Incident, channel: Channel, *approvals: str | None) -> list[str]:
    """What keeps a written report from being valid. A phone call needs none."""
    if channel is Channel.PHONE:
        return []
    present = recorded(incident)
    present["approval"] = any(is_said(name) for name in approvals)
    return [name for name, there in present.items() if not there]


def recorded(incident: Incident) -> dict[str, bool]:
    """Which of the things that a report needs are in the record."""
    place = incident.place
    said = incident.facts()
    timed = (
        incident.occurred()[0] is not None
        or incident.discovered_at() is not None
        or incident.known_at() is not None
    )
    return {
        "place": place is not None and bool(is_said(place.text) or place.division or place.lon is not None),
        "category": incident.category is not None,
        "source": any(is_said(part) for part in (incident.source or {}).values()),
        "time": timed,
        "casualties": any(name in said for name in CASUALTIES),
    }


def is_said(text: str | None) -> bool:
    """Whether a text says anything: spaces alone do not."""
    return bool((text or "").strip())
