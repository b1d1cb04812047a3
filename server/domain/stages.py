"""Where the minutes went: 获知 → 研判 → 起草 → 审批 → 送达, of the first report in writing. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.terms import Stage
from server.domain.incident import Incident
from server.domain.onehour import one_hour

#: From one moment to the next; the last is the whole way.
SPANS = (
    ("known", "judged"),
    ("judged", "drafted"),
    ("drafted", "approved"),
    ("approved", "received"),
    ("known", "received"),
)


def moments(incident: Incident, now: datetime) -> dict[str, datetime | None]:
    """When each stage was reached; None where it was not, or the record does not say.

    A draft that was thrown away took nobody's minutes on the way to this report: the first that was not.
    """
    drafts = [
        draft
        for draft in incident.drafts.values()
        if draft.stage in (Stage.INITIAL, Stage.UPGRADE) and draft.state != "discarded"
    ]
    first = min(drafts, key=lambda draft: draft.drafted_at, default=None)
    approved = [at for at in (first.approved_at, first.signed_at) if at is not None] if first else []
    return {
        "known": incident.known_at(),
        "judged": min((one.judged_at for one in incident.judgements), default=None),
        "drafted": first.drafted_at if first else None,
        "approved": min(approved, default=None),
        "received": one_hour(incident, now).end,
    }


def spans(reached: dict[str, datetime | None]) -> dict[str, float]:
    """Seconds between neighbours that were both reached, in that order; by `known_judged` and the like."""
    made = {}
    for begins, ends in SPANS:
        begin, end = reached[begins], reached[ends]
        if begin is not None and end is not None and end >= begin:
            made[f"{begins}_{ends}"] = (end - begin).total_seconds()
    return made
