"""Command on the spot: one commander at a time, both signatures, the clock of situation reports."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from server.safekeeping.verify import verify
from tests import words
from tests.deeds import opened, refused
from tests.outward import book
from tests.room import Room
from tests.scene_deeds import aloud, commander, objective, of, proposing, setting_up, signing
from tests.words import Body, new_id


def set_up(room: Room, who: str = "Song", **over: Any) -> Body:
    body = setting_up(opened(room), **over)
    room.told(who, "set-up-scene-post", body)
    return body


def scene(room: Room, one: Body) -> dict[str, Any]:
    return dict(room.ask("Wu", f"incidents/{one['incident_id']}")["scene"])


def names(room: Room, one: Body) -> list[tuple[str, str, str | None]]:
    (post,) = scene(room, one)["posts"]
    return [(term["commander"]["name"], term["since"], term["until"]) for term in post["terms"]]


def test_command_changes_hands_with_both_signatures_and_not_before(own_room: Room) -> None:
    room = own_room
    post = set_up(room)
    transfer = proposing(post)
    room.told("Song", "propose-transfer", transfer)
    room.clock.pass_by(hours=5)
    room.watch()
    assert [name for name, *_ in names(room, post)] == ["Song"], "silence is no signature"
    mine = signing(transfer, "outgoing", command_id=new_id())
    first = room.told("Song", "sign-transfer", mine)
    assert room.told("Song", "sign-transfer", mine) == {**first, "replayed": True}
    room.told("Song", "sign-transfer", signing(transfer, "outgoing"))  # signing twice is signing once
    assert len(room.entries(post["incident_id"], "transfer_signed")) == 1
    (shown,) = scene(room, post)["posts"][0]["transfers"]
    assert (shown["state"], shown["missing"]) == ("open", ["incoming"])
    assert [name for name, *_ in names(room, post)] == ["Song"]
    refused(room.tell("Song", "sign-transfer", signing(transfer, "incoming")), 403,
            "not-your-signature", "/side")  # fmt: skip
    room.told("Gao", "sign-transfer", signing(transfer, "incoming", at=words.at("09:50")))
    assert names(room, post) == [
        ("Song", "2026-03-02T01:00:00.000Z", "2026-03-02T01:50:00.000Z"),
        ("Gao", "2026-03-02T01:50:00.000Z", None),
    ]
    (shown,) = scene(room, post)["posts"][0]["transfers"]
    assert [(one["side"], one["by"], one["channel"]) for one in shown["signed"]] == [
        ("outgoing", "Song", None), ("incoming", "Gao", None),
    ]  # fmt: skip
    moved = {**of(post), "place": {"text": "x"}, "at": words.at("10:00")}
    refused(room.tell("Song", "move-scene-post", moved), 403, "not-in-command")
    assert verify(room.parts.database).faults == []


def test_the_desk_signs_for_who_said_so_aloud_and_it_stays_marked(own_room: Room) -> None:
    room = own_room
    post = set_up(room)
    transfer = proposing(post, to=commander("李某", account=None))
    room.told("Wu", "propose-transfer", transfer)
    side = signing(transfer, "incoming")
    refused(room.tell("Wu", "sign-transfer", side), 403, "not-your-signature", "/side")
    refused(room.tell("Song", "sign-transfer", side | aloud("李某")), 403, "not-your-signature",
            "/on_behalf_of")  # fmt: skip
    refused(room.tell("Wu", "sign-transfer", side | aloud("张某")), 422, "not-that-commander",
            "/on_behalf_of/name")  # fmt: skip
    refused(room.tell("Wu", "sign-transfer", side | aloud("李某", "说过")), 422, "signature-channel",
            "/on_behalf_of/channel")  # fmt: skip
    refused(room.tell("Wu", "sign-transfer", side | aloud("李某") | {"at": words.at("09:29")}), 422,
            "before-command", "/at")  # fmt: skip
    room.told("Wu", "sign-transfer", side | aloud("李某", "radio"))
    assert [name for name, *_ in names(room, post)] == ["Song"]
    room.told("Song", "sign-transfer", signing(transfer, "outgoing"))
    assert [name for name, *_ in names(room, post)] == ["Song", "李某"]
    (shown,) = scene(room, post)["posts"][0]["transfers"]
    marks = {one["side"]: (one["name"], one["by"], one["channel"]) for one in shown["signed"]}
    assert marks == {"incoming": ("李某", "Wu", "radio"), "outgoing": ("Song", "Song", None)}


def test_declined_is_recorded_and_who_commands_goes_on(own_room: Room) -> None:
    room = own_room
    post = set_up(room)
    transfer = proposing(post)
    room.told("Song", "propose-transfer", transfer)
    room.told("Song", "sign-transfer", signing(transfer, "outgoing"))
    room.told("Gao", "decline-transfer", signing(transfer, "incoming", reason="途中受阻"))
    refused(room.tell("Gao", "sign-transfer", signing(transfer, "incoming")), 409, "transfer-declined",
            "/transfer_id")  # fmt: skip
    (shown,) = scene(room, post)["posts"][0]["transfers"]
    assert (shown["state"], shown["declined_reason"]) == ("declined", "途中受阻")
    assert [name for name, *_ in names(room, post)] == ["Song"]
    room.told("Song", "propose-transfer", proposing(post))  # and another can be proposed


def test_of_two_transfers_at_once_one_wins_and_the_other_is_told(own_room: Room) -> None:
    room = own_room
    post = set_up(room)
    bodies = [proposing(post, to=commander(f"接替{one}", account=None)) for one in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: room.tell("Wu", "propose-transfer", body), bodies))
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    (won,) = [body for body, one in zip(bodies, answers, strict=True) if one.status_code == 200]
    for one in answers:
        if one.status_code == 409:
            refused(one, 409, "transfer-open", "/transfer_id")
            assert f"正在向{won['to']['name']}移交" in one.json()["detail"]
    (shown,) = scene(room, post)["posts"][0]["transfers"]
    assert shown["transfer_id"] == won["transfer_id"]


def test_impossible_times_and_strangers_are_refused(own_room: Room) -> None:
    room = own_room
    post = set_up(room)
    early = {"at": words.at("08:59")}
    refused(room.tell("Wu", "propose-transfer", proposing(post) | early), 422, "before-command", "/at")
    refused(room.tell("Wu", "close-scene-post", of(post) | early), 422, "before-command", "/at")
    refused(room.tell("Wu", "propose-transfer", proposing(post, to=commander())), 422, "commands-already",
            "/to/name")  # fmt: skip
    refused(room.tell("Gao", "set-scene-objective", objective(post["incident_id"])), 403, "not-in-command")
    refused(room.tell("Luo", "set-up-scene-post", setting_up(post["incident_id"])), 403, "not-your-post")
    late = objective(post["incident_id"], due=words.at("09:05"))
    refused(room.tell("Wu", "set-scene-objective", late), 422, "due-before-set", "/due")
    backwards = {"incident_id": post["incident_id"], "period_id": new_id(), "begins": words.at("10:00")}
    refused(room.tell("Wu", "set-scene-period", {**backwards, "until": words.at("10:00")}), 422,
            "period-ends-before", "/until")  # fmt: skip
    room.told("Wu", "propose-transfer", transfer := proposing(post))
    room.told("Wu", "close-scene-post", {**of(post), "at": words.at("11:00")})
    refused(room.tell("Gao", "sign-transfer", signing(transfer, "incoming")), 409, "transfer-void",
            "/transfer_id")  # fmt: skip
    refused(room.tell("Wu", "propose-transfer", proposing(post)), 409, "scene-post-closed", "/post_id")
    assert scene(room, post)["posts"][0]["commander"] is None


@pytest.mark.parametrize("way", ["entry", "report", "struck"])
def test_a_report_of_the_situation_is_due_every_so_many_minutes_over_a_restart(
    own_room: Room, way: str
) -> None:
    room = own_room
    one = opened(room, known_at=room.clock.ago(), occurred_at=room.clock.ago())
    said = {"incident_id": one}
    room.told("Wu", "set-sitrep-timer", {**said, "every_min": 30, "since": room.clock.ago()})
    room.clock.pass_by(minutes=29)
    if way == "report":
        room.told(
            "Wu", "record-report", words.record_report(one, stage="follow_up", sent_at=room.clock.ago())
        )
    else:
        entry = words.add_entry(one, "火势减弱", kind="sitrep", happened_at=room.clock.ago())
        room.told("Wu", "add-entry", entry)
        if way == "struck":
            room.told("Wu", "strike-entry", {**said, "entry_id": entry["entry_id"], "reason": "误记"})
    room.clock.pass_by(minutes=2)
    room.restart()
    room.watch()
    assert len(room.entries(one, "sitrep_overdue")) == (1 if way == "struck" else 0)
    room.clock.pass_by(minutes=29)
    room.restart()
    room.parts.store.channels = book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")
    room.watch()
    room.watch()
    assert len(room.entries(one, "sitrep_overdue")) == 1, "once, not with every look"
    assert scene(room, said)["sitrep"]["overdue"] is True
    alarms = [alarm for alarm in room.ask("Wu", "duty")["alarms"] if alarm["kind"] == "sitrep"]
    assert len(alarms) == (0 if way == "struck" else 1), "the one before was written before any was called"
    room.told(
        "Wu", "add-entry", words.add_entry(one, "明火已灭", kind="sitrep", happened_at=room.clock.ago())
    )
    assert scene(room, said)["sitrep"]["overdue"] is False
    room.watch()
    assert not [alarm for alarm in room.ask("Wu", "duty")["alarms"] if alarm["kind"] == "sitrep"]
    room.told("Wu", "set-sitrep-timer", {**said, "every_min": None, "since": room.clock.ago()})
    room.clock.pass_by(hours=2)
    room.watch()
    assert len(room.entries(one, "sitrep_overdue")) == 1


def test_groups_and_objectives_stand_as_they_were_said_last(own_room: Room) -> None:
    room = own_room
    post = set_up(room)
    said = {"incident_id": post["incident_id"]}
    group = {**said, "group": "医疗救护组", "leader": "王医生", "phone": "120", "at": words.at("09:10")}
    room.told("Song", "set-scene-group", group)
    room.told("Song", "set-scene-group", {**group, "leader": "李医生", "at": words.at("09:20")})
    refused(room.tell("Song", "set-scene-group", group), 422, "before-command", "/at")
    assert [one["leader"] for one in scene(room, post)["groups"]] == ["李医生"]
    aim = objective(post["incident_id"])
    room.told("Song", "set-scene-objective", aim)
    done = {**said, "objective_id": aim["objective_id"], "outcome": "met", "at": words.at("11:00")}
    room.told("Song", "end-scene-objective", {**done, "why": "已堵住"})
    refused(room.tell("Song", "end-scene-objective", {**done, "outcome": "dropped", "why": "x"}), 409,
            "objective-ended", "/objective_id")  # fmt: skip
    (shown,) = scene(room, post)["objectives"]
    assert (shown["outcome"], shown["why"], shown["priority"]) == ("met", "已堵住", 1)


def test_the_wall_the_incident_and_its_page_say_who_commands_now(own_room: Room) -> None:
    room = own_room
    post = set_up(room)
    one = f"/incidents/{post['incident_id']}"
    transfer = proposing(post, to=commander("<b>接替</b>", account=None))
    room.told("Song", "propose-transfer", transfer)
    room.told("Wu", "set-sitrep-timer", {"incident_id": post["incident_id"], "every_min": 5,
                                         "since": words.at("09:00")})  # fmt: skip
    page = room.request("Wu", "GET", f"{one}/scene").text
    assert 'data-set-side="outgoing" data-set-on_behalf_of.name="Song"' in page
    mine = room.request("Song", "GET", f"{one}/scene/news").text
    assert 'data-set-side="outgoing">' in mine, "with one's own account there is nobody to speak for"
    assert 'data-set-side="incoming"' not in mine
    assert "data-opens" not in room.request("Lian", "GET", f"{one}/scene/news").text
    for side, name in (("outgoing", "Song"), ("incoming", "<b>接替</b>")):
        room.told("Wu", "sign-transfer", signing(transfer, side, **aloud(name)))
    for path in ("/wall/news", one, f"{one}/scene"):
        text = room.request("Wu", "GET", path).text
        assert "&lt;b&gt;接替&lt;/b&gt;" in text, path
        assert "<b>接替</b>" not in text
    assert "情况报告逾期" in room.request("Wu", "GET", one).text
    assert room.request("Qin", "GET", f"{one}/scene").status_code == 404
    room.told("Wu", "close-scene-post", {**of(post), "at": words.at("12:00")})
    wall = room.request("Wu", "GET", "/wall/news").text
    command = wall[wall.index('id="panel-command"') :].partition("</section>")[0]
    assert "接替" not in command
