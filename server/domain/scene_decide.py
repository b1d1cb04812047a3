"""What commands on command on the spot amount to, or why they cannot be done. Pure.

Whoever commands a post signs with their own account; the desk signs for one who said so by phone or radio, by
their name. A post has one commander at any time: one transfer is open at a time, and both signatures end it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from schemas import events as ev
from schemas import scene as sc
from schemas.terms import Post as Seat
from server.domain.context import Context, Refused
from server.domain.incident import Incident
from server.domain.scene import Post, Transfer

_DESK = (Seat.DUTY_OFFICER, Seat.DUTY_LEADER)


def decide(incident: Incident, command: sc.SceneCommand, context: Context) -> Sequence[ev.Event]:
    if not incident.is_open and not isinstance(command, sc.CloseScenePost | sc.EndSceneObjective):
        raise Refused("incident-closed", "/incident_id", kind="conflict")
    if isinstance(command, sc.SetUpScenePost):
        return _set_up(incident, command, context)
    if isinstance(command, sc.PostCommand):
        return _on_post(incident, _post(incident, command.post_id), command, context)
    _refuse_who_does_not_command(incident.scene.open_posts(), context)
    match command:
        case sc.SetSceneGroup():
            return _group(incident, command)
        case sc.SetSceneObjective():
            return _objective(incident, command)
        case sc.EndSceneObjective():
            return _end(incident, command)
        case sc.SetScenePeriod():
            if command.until <= command.begins:
                raise Refused("period-ends-before", "/until")
            known = incident.scene.periods
            if command.period_id not in known:
                _refuse_more(known, sc.MOST_PERIODS, "/period_id")
            said = _said(command)
            return [sc.ScenePeriodSet(since=said.pop("begins"), **said)]
        case sc.SetSitrepTimer():
            return [sc.SitrepTimerSet(since=command.since, every_min=command.every_min)]
        case _:
            raise AssertionError(f"no decision for {command.name}")


def _said(command: sc.SceneCommand) -> dict[str, Any]:
    """What a command says of its own, beside what every body has."""
    common = sc.SceneCommand.model_fields
    return {name: getattr(command, name) for name in type(command).model_fields if name not in common}


def _refuse_more(known: Iterable[object], most: int, pointer: str) -> None:
    if len(list(known)) >= most:
        raise Refused("scene-full", pointer, kind="conflict", most=most)


def _post(incident: Incident, post_id: str) -> Post:
    post = incident.scene.posts.get(post_id)
    if post is None:
        raise Refused("no-such-scene-post", "/post_id", kind="missing")
    return post


def _refuse_who_does_not_command(posts: Iterable[Post], context: Context) -> None:
    """The desk may; of those on the spot, who commands."""
    if context.author.post in _DESK:
        return
    if context.author.name not in {post.term.commander.account for post in posts}:
        raise Refused("not-in-command", kind="forbidden")


def _let_in(incident: Incident, commander: sc.Commander, context: Context, pointer: str) -> list[ev.Event]:
    """Who is to command sees the incident."""
    if commander.unit is None:
        return []
    if commander.unit not in context.setting.tree:
        raise Refused("no-such-unit", f"{pointer}/unit", unit=commander.unit)
    return (
        [] if commander.unit in incident.units else [ev.IncidentShared(units=[commander.unit], why="shared")]
    )


def _set_up(incident: Incident, command: sc.SetUpScenePost, context: Context) -> list[ev.Event]:
    if command.post_id in incident.scene.posts:
        raise Refused("scene-post-exists", "/post_id", kind="conflict")
    _refuse_more(incident.scene.posts, sc.MOST_POSTS, "/post_id")
    shared = _let_in(incident, command.commander, context, "/commander")
    return [*shared, sc.ScenePostSetUp(**_said(command))]


def _on_post(incident: Incident, post: Post, command: sc.PostCommand, context: Context) -> list[ev.Event]:
    if isinstance(command, sc.SignTransfer | sc.DeclineTransfer):
        return _answer(post, command, context)
    if post.closed_at is not None:
        raise Refused("scene-post-closed", "/post_id", kind="conflict")
    _refuse_who_does_not_command([post], context)
    match command:
        case sc.MoveScenePost():
            _refuse_before(command.at, post.moved_at)
            return [sc.ScenePostMoved(**_said(command))]
        case sc.CloseScenePost():
            _refuse_before(command.at, max(post.term.since, post.moved_at))
            return [sc.ScenePostClosed(**_said(command))]
        case sc.ProposeTransfer():
            return _propose(incident, post, command, context)
        case _:
            raise AssertionError(f"no decision for {command.name}")


def _refuse_before(at: datetime, earliest: datetime, pointer: str = "/at") -> None:
    if at < earliest:
        raise Refused("before-command", pointer)


def _propose(incident: Incident, post: Post, command: sc.ProposeTransfer, context: Context) -> list[ev.Event]:
    if command.transfer_id in post.transfers:
        raise Refused("transfer-exists", "/transfer_id", kind="conflict")
    if (waiting := post.open_transfer()) is not None:
        raise Refused("transfer-open", "/transfer_id", kind="conflict", to=waiting.told.to.name)
    _refuse_more(post.transfers, sc.MOST_TRANSFERS, "/transfer_id")
    now = post.term.commander
    same_account = command.to.account is not None and command.to.account == now.account
    if same_account or (command.to.name, command.to.unit) == (now.name, now.unit):
        raise Refused("commands-already", "/to/name")
    _refuse_before(command.at, post.term.since)
    proposed = sc.TransferProposed(outgoing=now.name, **_said(command))
    return [*_let_in(incident, command.to, context, "/to"), proposed]


def _answer(post: Post, command: sc.SignTransfer | sc.DeclineTransfer, context: Context) -> list[ev.Event]:
    transfer = post.transfers.get(command.transfer_id)
    if transfer is None:
        raise Refused("no-such-transfer", "/transfer_id", kind="missing")
    who = transfer.told.to
    if command.side == "outgoing":  # who commanded when it was proposed: one transfer is open at a time
        who = _outgoing(post, transfer)
    channel = _channel(who, command, context)
    if isinstance(command, sc.SignTransfer) and command.side in transfer.signed:
        return []  # signing twice is signing once
    if transfer.state != "open":
        raise Refused(
            f"transfer-{transfer.state}", "/transfer_id", kind="conflict", now=post.term.commander.name
        )
    _refuse_before(command.at, transfer.told.at)
    said = {**_said(command), "name": who.name, "channel": channel}
    if isinstance(command, sc.DeclineTransfer):
        return [sc.TransferDeclined(**said)]
    signed = sc.TransferSigned(**said)
    others = [one.at for side, one in transfer.signed.items() if side != command.side]
    if not others:
        return [signed]
    taken = sc.CommandTakenOver(
        post_id=post.post_id,
        transfer_id=command.transfer_id,
        name=transfer.told.to.name,
        at=max(command.at, *others),
    )
    return [signed, taken]


def _outgoing(post: Post, transfer: Transfer) -> sc.Commander:
    """Who commanded when it was proposed."""
    for before, after in zip(post.terms, post.terms[1:], strict=False):
        if after.transfer_id == transfer.told.transfer_id:
            return before.commander
    at = transfer.told.at
    return next((t.commander for t in post.terms if t.until is None or t.until > at), post.term.commander)


def _channel(
    who: sc.Commander, command: sc.SignTransfer | sc.DeclineTransfer, context: Context
) -> str | None:
    """Nobody signs for another but the desk, for one who said so aloud: by what, and by their name."""
    behalf = command.on_behalf_of
    if behalf is None:
        if who.account is None or who.account != context.author.name:
            raise Refused("not-your-signature", "/side", kind="forbidden", name=who.name)
        return None
    if context.author.post not in _DESK:
        raise Refused("not-your-signature", "/on_behalf_of", kind="forbidden", name=who.name)
    if behalf.name != who.name:
        raise Refused("not-that-commander", "/on_behalf_of/name", name=who.name)
    if behalf.channel not in sc.BY_WORD:
        raise Refused("signature-channel", "/on_behalf_of/channel")
    return behalf.channel


def _group(incident: Incident, command: sc.SetSceneGroup) -> list[ev.Event]:
    before = incident.scene.groups.get(command.group)
    if before is None:
        if command.leader is None:
            raise Refused("no-such-group", "/group", kind="missing")
        _refuse_more(incident.scene.groups, sc.MOST_GROUPS, "/group")
    elif command.at < before.at:
        raise Refused("before-command", "/at")
    return [sc.SceneGroupSet(**_said(command))]


def _objective(incident: Incident, command: sc.SetSceneObjective) -> list[ev.Event]:
    before = incident.scene.objectives.get(command.objective_id)
    if before is None:
        _refuse_more(incident.scene.objectives, sc.MOST_OBJECTIVES, "/objective_id")
    elif before.ended is not None:
        raise Refused("objective-ended", "/objective_id", kind="conflict")
    if command.due is not None and command.due <= command.at:
        raise Refused("due-before-set", "/due")
    return [sc.SceneObjectiveSet(**_said(command))]


def _end(incident: Incident, command: sc.EndSceneObjective) -> list[ev.Event]:
    before = incident.scene.objectives.get(command.objective_id)
    if before is None:
        raise Refused("no-such-objective", "/objective_id", kind="missing")
    if before.ended is not None:
        if before.ended.outcome == command.outcome:
            return []
        raise Refused("objective-ended", "/objective_id", kind="conflict")
    _refuse_before(command.at, before.told.at)
    return [sc.SceneObjectiveEnded(**_said(command))]
