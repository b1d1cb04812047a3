"""Command on the spot (现场指挥) as the log of its incident tells it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from schemas import scene as sc
from server.domain.entered import Entered


@dataclass(slots=True)
class Term:
    """Who commanded, from when until when."""

    commander: sc.Commander
    since: datetime
    until: datetime | None = None
    transfer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed or declined, when, and by what it was said if not by their own account."""

    side: sc.Side
    name: str
    at: datetime
    by: str
    channel: str | None
    recorded_at: datetime


@dataclass(slots=True)
class Transfer:
    """A transfer of command, as far as it has come."""

    told: sc.TransferProposed
    by: str
    state: Literal["open", "done", "declined", "void"] = "open"
    signed: dict[sc.Side, Signature] = field(default_factory=dict)
    declined: Signature | None = None
    declined_reason: str | None = None
    taken_at: datetime | None = None


@dataclass(slots=True)
class Post:
    """A post on the spot."""

    post_id: str
    title: str
    place: sc.ScenePlace
    since: datetime
    terms: list[Term]
    moved_at: datetime
    transfers: dict[str, Transfer] = field(default_factory=dict)
    closed_at: datetime | None = None

    @property
    def term(self) -> Term:
        return self.terms[-1]

    def open_transfer(self) -> Transfer | None:
        return next((one for one in self.transfers.values() if one.state == "open"), None)


@dataclass(slots=True)
class Objective:
    """An objective, and what became of it."""

    told: sc.SceneObjectiveSet
    by: str
    ended: sc.SceneObjectiveEnded | None = None


@dataclass(slots=True)
class Scene:
    """Command on the spot of one incident. `given`: when the situation was reported, by entry or report."""

    posts: dict[str, Post] = field(default_factory=dict)
    groups: dict[str, sc.SceneGroupSet] = field(default_factory=dict)
    objectives: dict[str, Objective] = field(default_factory=dict)
    periods: dict[str, sc.ScenePeriodSet] = field(default_factory=dict)
    timer: sc.SitrepTimerSet | None = None
    given: dict[str, datetime] = field(default_factory=dict)
    overdue: set[datetime] = field(default_factory=set)

    def open_posts(self) -> list[Post]:
        return [post for post in self.posts.values() if post.closed_at is None]

    def last_sitrep(self) -> datetime | None:
        return max(self.given.values(), default=None)

    def sitrep_due(self) -> datetime | None:
        """When the next report of the situation is due; None when none is asked for."""
        if self.timer is None or self.timer.every_min is None:
            return None
        last = self.last_sitrep()
        start = self.timer.since if last is None else max(last, self.timer.since)
        return start + timedelta(minutes=self.timer.every_min)


Moment = tuple[datetime, Callable[[datetime], sc.SitrepOverdue]]


def moments(scene: Scene) -> Iterator[Moment]:
    """What the clock will have to say, if nobody reports until then."""
    due = scene.sitrep_due()
    if due is not None and due not in scene.overdue:
        yield (
            due + timedelta(milliseconds=1),
            lambda now: sc.SitrepOverdue(due_at=due, late_by_s=max(0, int((now - due).total_seconds()))),
        )


def apply(scene: Scene, event: sc.SceneEvent, entry: Entered) -> None:
    """Fold one entry in."""
    match event:
        case sc.ScenePostSetUp():
            first = Term(event.commander, event.since)
            scene.posts[event.post_id] = Post(
                event.post_id, event.title, event.place, event.since, [first], event.since
            )
        case sc.ScenePostMoved():
            post = scene.posts[event.post_id]
            post.place, post.moved_at = event.place, event.at
        case sc.TransferProposed():
            scene.posts[event.post_id].transfers[event.transfer_id] = Transfer(event, entry.by)
        case sc.TransferSigned():
            transfer = scene.posts[event.post_id].transfers[event.transfer_id]
            transfer.signed[event.side] = _signature(event, entry)
        case sc.TransferDeclined():
            transfer = scene.posts[event.post_id].transfers[event.transfer_id]
            transfer.state, transfer.declined = "declined", _signature(event, entry)
            transfer.declined_reason = event.reason
        case sc.CommandTakenOver():
            post = scene.posts[event.post_id]
            transfer = post.transfers[event.transfer_id]
            transfer.state, transfer.taken_at = "done", event.at
            post.term.until = event.at
            post.terms.append(Term(transfer.told.to, event.at, None, event.transfer_id))
        case sc.ScenePostClosed():
            post = scene.posts[event.post_id]
            post.closed_at = post.term.until = event.at
            if (waiting := post.open_transfer()) is not None:
                waiting.state = "void"
        case sc.SceneGroupSet():
            scene.groups[event.group] = event
        case sc.SceneObjectiveSet():
            scene.objectives[event.objective_id] = Objective(event, entry.by)
        case sc.SceneObjectiveEnded():
            scene.objectives[event.objective_id].ended = event
        case sc.ScenePeriodSet():
            scene.periods[event.period_id] = event
        case sc.SitrepTimerSet():
            scene.timer = event
        case sc.SitrepOverdue():
            scene.overdue.add(event.due_at)
        case _:
            raise AssertionError(f"{event.type} is not folded")


def _signature(event: sc.TransferSigned | sc.TransferDeclined, entry: Entered) -> Signature:
    return Signature(event.side, event.name, event.at, entry.by, event.channel, entry.recorded_at)
