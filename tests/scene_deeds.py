"""Deeds of command on the spot (现场指挥), as bodies of commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.scene import EVENTS
from tests import words
from tests.room import Room
from tests.words import Body, new_id

#: Behind an incident's address.
SCENE_PAGES = ("/scene", "/scene/news")


def commander(name: str = "Song", **over: Any) -> Body:
    return {"name": name, "role": "副县长", "phone": "0335-1", "account": name, **over}


def setting_up(incident_id: str, **over: Any) -> Body:
    return {
        "incident_id": incident_id,
        "post_id": new_id(),
        "title": "前线指挥部",
        "place": {"text": "柳河湾村委会", "lon": 118.9, "lat": 39.9},
        "commander": commander(),
        "since": words.at("09:00"),
        **over,
    }


def of(post: Body) -> Body:
    return {name: post[name] for name in ("incident_id", "post_id")}


def proposing(post: Body, **over: Any) -> Body:
    to = commander("Gao", role="副市长")
    return {**of(post), "transfer_id": new_id(), "to": to, "at": words.at("09:30"), **over}


def signing(proposed: Body, side: str, **over: Any) -> Body:
    said = {name: proposed[name] for name in ("incident_id", "post_id", "transfer_id")}
    return {**said, "side": side, "at": words.at("09:40"), **over}


def aloud(name: str, channel: str = "phone") -> Body:
    return {"on_behalf_of": {"name": name, "channel": channel}}


def objective(incident_id: str, **over: Any) -> Body:
    said = {"incident_id": incident_id, "objective_id": new_id(), "at": words.at("09:05")}
    return {**said, "text": "堵漏", "priority": 1, "who": "消防", "due": words.at("12:00"), **over}


def scene_deeds(incident_id: str, mark: str = "", own: str | None = None) -> list[tuple[str, Body]]:
    """Command on the spot from the first post to its end, every text with a mark in it. `own`: the account of
    who commands first, who then signs with it; else the desk signs for them."""
    one = {"incident_id": incident_id}
    name = "王所长" if own else f"甲{mark}"
    first = commander(name, role=f"职务{mark}", phone=mark or "1", account=own)
    said = {} if own else aloud(name, "radio")
    post = setting_up(incident_id, title=f"指挥部{mark}", commander=first, place={"text": f"村口{mark}"})
    moved = {**of(post), "place": {"text": f"学校{mark}"}, "at": words.at("09:10")}
    refused = proposing(post, to={"name": f"乙{mark}"}, reason=f"理由{mark}")
    again = proposing(post, to={"name": f"丙{mark}"})
    aim = objective(incident_id, text=f"目标{mark}", who=f"责任{mark}", due=None)
    ended = {**one, "objective_id": aim["objective_id"], "outcome": "met", "at": words.at("10:00")}
    period = {**one, "period_id": new_id(), "begins": words.at("09:00"), "until": words.at("21:00")}
    group = {**one, "group": f"医疗组{mark}", "leader": f"组长{mark}", "unit": f"医院{mark}"}
    forces = {"phone": mark or "1", "forces": f"10人{mark}", "at": words.at("09:20")}
    timer = {**one, "every_min": 30, "since": words.at("09:00")}
    return [
        ("set-up-scene-post", post),
        ("move-scene-post", moved),
        ("set-scene-group", {**group, **forces}),
        ("set-scene-objective", aim),
        ("end-scene-objective", {**ended, "why": f"已堵{mark}"}),
        ("set-scene-period", {**period, "emphasis": f"重点{mark}"}),
        ("set-sitrep-timer", timer),
        ("propose-transfer", refused),
        ("decline-transfer", signing(refused, "outgoing", reason=f"不便{mark}", **said)),
        ("propose-transfer", again),
        ("sign-transfer", signing(again, "outgoing", **said)),
        ("sign-transfer", signing(again, "incoming", **aloud(f"丙{mark}"))),
        ("close-scene-post", {**of(post), "at": words.at("17:00"), "reason": f"完毕{mark}"}),
        ("set-sitrep-timer", {**timer, "every_min": None}),
    ]


#: Who has signed commands no more, and so has no post to close.
HANDED_OVER = ("propose-transfer", "decline-transfer", "sign-transfer")


def good_scene(room: Room, name: str, incident_id: str, who: str = "Wu") -> Body:
    """What a command needs is done before it; a group that is stood down has to be there. `who` commands."""
    for deed, body in scene_deeds(incident_id, own=who):
        if name == "close-scene-post" and deed in HANDED_OVER:
            continue
        if deed == name != "set-scene-group":
            return {**body, "command_id": new_id()}
        room.told(who if deed in HANDED_OVER else "Wu", deed, body)
        if deed == name:
            return {**body, "command_id": new_id()}
    raise AssertionError(name)


def a_transfer_that_waits(told: Callable[..., object], incident_id: str, now: str) -> None:
    """A post whose command is being handed over: one has signed. A group, an objective, the clock."""
    one = {"incident_id": incident_id}
    post = setting_up(incident_id, since=now)
    told("Wu", "set-up-scene-post", post)
    empty = setting_up(incident_id, since=now, title="后方指挥部")
    told("Wu", "set-up-scene-post", empty)
    handed = proposing(post, at=now, to=commander("李某", account=None))
    told("Wu", "propose-transfer", handed)
    told("Wu", "sign-transfer", signing(handed, "incoming", at=now, **aloud("李某", "radio")))
    group = {"group": "医疗救护组", "leader": "王医生", "unit": "市医院", "phone": "120", "at": now}
    told("Wu", "set-scene-group", {**one, **group, "forces": "4车12人"})
    told("Wu", "set-scene-objective", objective(incident_id, at=now, due=None))
    told("Wu", "set-sitrep-timer", {**one, "every_min": 30, "since": now})


def command_on_scene(room: Room) -> None:
    one = words.open_incident()
    room.told("Wu", "open-incident", one)
    deeds = scene_deeds(one["incident_id"])
    for name, body in (*deeds, *(deed for deed in deeds if deed[1].get("every_min"))):
        room.told("Wu", name, body)
    room.watch()  # nobody has reported the situation


MADE_ON_SCENE: dict[str, Callable[[Room], None]] = dict.fromkeys(
    (one.model_fields["type"].default for one in EVENTS), command_on_scene
)
