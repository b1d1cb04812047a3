"""Command on the spot as the wire and the pages have it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.fields import wire_instant
from server.domain.scene import Objective, Post, Scene, Signature, Transfer


def scene_shown(scene: Scene, now: datetime) -> dict[str, Any]:
    due = scene.sitrep_due()
    sitrep = None
    if scene.timer is not None:
        sitrep = {
            "every_min": scene.timer.every_min,
            "since": wire_instant(scene.timer.since),
            "last_at": _wire(scene.last_sitrep()),
            "due_at": _wire(due),
            "overdue": due is not None and due < now,
        }
    return {
        "posts": [_post(one) for one in scene.posts.values()],
        "groups": [
            {
                "group": one.group,
                "leader": one.leader,
                "unit": one.unit,
                "phone": one.phone,
                "forces": one.forces,
                "since": wire_instant(one.at),
            }
            for one in scene.groups.values()
        ],
        "objectives": [_objective(one) for one in scene.objectives.values()],
        "periods": [
            {
                "period_id": one.period_id,
                "since": wire_instant(one.since),
                "until": wire_instant(one.until),
                "emphasis": one.emphasis,
            }
            for one in scene.periods.values()
        ],
        "sitrep": sitrep,
    }


def _wire(at: datetime | None) -> str | None:
    return wire_instant(at) if at is not None else None


def _post(post: Post) -> dict[str, Any]:
    return {
        "post_id": post.post_id,
        "title": post.title,
        "place": post.place.model_dump(),
        "since": wire_instant(post.since),
        "commander": post.term.commander.model_dump() if post.closed_at is None else None,
        "terms": [
            {
                "commander": one.commander.model_dump(),
                "since": wire_instant(one.since),
                "until": _wire(one.until),
                "transfer_id": one.transfer_id,
            }
            for one in post.terms
        ],
        "transfers": [_transfer(one) for one in post.transfers.values()],
        "closed_at": _wire(post.closed_at),
    }


def _transfer(one: Transfer) -> dict[str, Any]:
    return {
        "transfer_id": one.told.transfer_id,
        "outgoing": one.told.outgoing,
        "to": one.told.to.model_dump(),
        "at": wire_instant(one.told.at),
        "reason": one.told.reason,
        "by": one.by,
        "state": one.state,
        "signed": [_signature(said) for said in one.signed.values()],
        "declined": _signature(one.declined) if one.declined else None,
        "declined_reason": one.declined_reason,
        "missing": [side for side in ("outgoing", "incoming") if side not in one.signed],
        "taken_at": _wire(one.taken_at),
    }


def _signature(said: Signature) -> dict[str, Any]:
    return {
        "side": said.side,
        "name": said.name,
        "at": wire_instant(said.at),
        "by": said.by,
        "channel": said.channel,
        "recorded_at": wire_instant(said.recorded_at),
    }


def _objective(one: Objective) -> dict[str, Any]:
    told, ended = one.told, one.ended
    return {
        "objective_id": told.objective_id,
        "text": told.text,
        "priority": told.priority,
        "who": told.who,
        "due": _wire(told.due),
        "set_at": wire_instant(told.at),
        "by": one.by,
        "outcome": ended.outcome if ended else None,
        "why": ended.why if ended else None,
        "ended_at": wire_instant(ended.at) if ended else None,
    }
