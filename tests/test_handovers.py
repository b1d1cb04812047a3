"""The handover (交接班): the sheet from the open record, taken on item by item, signed by two, and not over
a deadline of the next half hour that nobody has taken on."""

from __future__ import annotations

from typing import Any

from server.safekeeping.verify import verify
from tests import words
from tests.deeds import opened, refused
from tests.duty_deeds import (
    CITY,
    LULONG,
    QINGLONG,
    accept_all,
    answer,
    happened,
    plan,
    prepare,
    roll,
    sheet,
    shift,
    signing,
    take_over,
)
from tests.joint_deeds import WEATHER, asking, data, taking
from tests.joint_deeds import opened as opened_joint
from tests.room import Room
from tests.words import new_id


def evening(room: Room) -> tuple[str, str]:
    """A day shift that is on until 15:00 and the one that comes."""
    first, second = plan(room, shift(0, hours=6.5), shift(6.5 / 24, "赵某", "钱某", leader="孙局"))
    take_over(room, first)
    return first, second


def burning(room: Room, **over: Any) -> str:
    """An incident known this minute."""
    now = room.clock.ago()
    return opened(
        room, **{"known_at": now, "occurred_at": now, "category": "hazmat", "facts": {"dead": None}, **over}
    )


def blocks(room: Room) -> list[str]:
    return [one["block"] for one in sheet(room)["items"]]


def test_the_sheet_is_made_from_the_open_record(own_room: Room) -> None:
    room = own_room
    first, second = evening(room)
    one = burning(room, facts={"dead": 11, "to_evacuate": 560, "evacuated": 430})
    closed = burning(room)
    room.told("Wu", "close-incident", words.close_incident(closed, at=room.clock.ago()))
    room.told("Wu", "issue-order", words.issue_order(one))
    done = words.issue_order(one)
    room.told("Wu", "issue-order", done)
    room.told(
        "Li", "report-on-order", {"incident_id": one, "order_id": done["order_id"], "at": room.clock.ago()}
    )
    kept = {
        "unit": CITY,
        "item_id": new_id(),
        "kind": "superior_requirement",
        "text": "省厅要求18时前书面报告",
    }
    room.told("Wu", "add-duty-item", {**kept, "due_at": words.at("18:00")})
    gone = {"unit": CITY, "item_id": new_id(), "kind": "equipment", "text": "传真机缺纸"}
    room.told("Wu", "add-duty-item", gone)
    room.told("Wu", "settle-duty-item", {"unit": CITY, "item_id": gone["item_id"], "at": room.clock.ago()})
    called = roll()
    room.told("Wu", "call-roll", called)
    room.told("Li", "answer-roll", answer(called["roll_id"], room))
    prepare(room, second)
    made = sheet(room)
    assert (made["from_shift"], made["to_shift"]) == (first, second)
    by_block: dict[str, list[dict[str, Any]]] = {}
    for item in made["items"]:
        by_block.setdefault(item["block"], []).append(item)
    assert set(by_block) == {"incident", "report", "order", "superior_requirement", "roll_call"}
    (incident,) = by_block["incident"]
    assert (incident["incident_id"], incident["level"]) == (one, "major")
    assert (incident["evacuated"], incident["to_evacuate"]) == (430, 560)
    owed = {(item["stage"], item["channel"], item["recipient"]) for item in by_block["report"]}
    assert ("initial", "written", "PRV_EMB") in owed
    assert all(
        item["due_at"] for item in by_block["report"] if item["stage"] == "initial" and item.get("due_at")
    )
    assert [item["recipient"] for item in by_block["order"]] == [LULONG]
    assert by_block["roll_call"][0]["absent"] == [QINGLONG]
    assert by_block["roll_call"][0]["answered"] == 1


def test_with_the_second_signature_the_duty_is_the_other_teams_from_that_instant(own_room: Room) -> None:
    room = own_room
    first, second = evening(room)
    one = prepare(room, second)
    room.clock.pass_by(minutes=40)
    room.told("Wu", "sign-handover", signing(one, "from"))
    assert room.ask("Wu", "duty")["on"]["shift_id"] == first
    refused(room.tell("Wu", "sign-handover", signing(one, "to")), 422, "handover-one-hand", "/side")
    refused(room.tell("Wang", "sign-handover", signing(one, "from")), 409, "handover-signed")
    room.clock.pass_by(minutes=1)
    room.told("Wang", "sign-handover", signing(one, "to"))
    shown = room.ask("Wu", "duty")
    assert (shown["on"]["shift_id"], shown["since"]) == (second, "2026-11-23T06:46:00.000Z")
    assert shown["handover"]["is_done"] is True
    (moved,) = [one for one in happened(room, "shift_taken_over") if one.get("handover_id")]
    assert (moved["from_shift"], moved["names"]) == (first, ["赵某", "钱某", "孙局"])
    refused(room.tell("Wang", "sign-handover", signing(one, "to")), 409, "handover-over")
    room.clock.pass_by(minutes=40)
    item = {
        "unit": CITY,
        "item_id": new_id(),
        "kind": "note",
        "text": "x",
        "due_at": room.clock.ago(seconds=1),
    }
    room.told("Wu", "add-duty-item", item)
    room.watch()
    assert happened(room, "duty_item_overdue")[0]["to"] == ["赵某", "钱某", "孙局"], "reminders have moved"
    assert happened(room, "handover_late") == []
    assert verify(room.parts.database).faults == []


def test_those_who_come_sign_only_when_everything_is_taken_on(spare_room: Room) -> None:
    room = spare_room
    _first, second = evening(room)
    burning(room, category="forest_fire")
    one = prepare(room, second)
    items = [item["item_id"] for item in sheet(room)["items"]]
    assert len(items) >= 2
    room.told("Wu", "sign-handover", signing(one, "from"))
    taking = {"unit": CITY, "handover_id": one, "item_ids": items[:-1]}
    strange = {**taking, "item_ids": [*items, "report:nothing"]}
    refused(
        room.tell("Wang", "accept-handover-item", strange), 404, "no-such-item", f"/item_ids/{len(items)}"
    )
    room.told("Wang", "accept-handover-item", taking)
    answer = room.tell("Wang", "sign-handover", signing(one, "to"))
    assert answer.status_code == 409
    assert answer.json()["type"] in ("handover-items-open", "handover-deadline-open")
    assert "1" in answer.json()["detail"]
    room.told("Wang", "accept-handover-item", {**taking, "item_ids": items[-1:]})
    room.told("Wang", "sign-handover", signing(one, "to"))
    assert room.ask("Wu", "duty")["on"]["shift_id"] == second


def test_a_deadline_of_the_next_half_hour_that_came_after_the_sheet_must_be_taken_on_too(
    spare_room: Room,
) -> None:
    room = spare_room
    first, second = evening(room)
    one = prepare(room, second)
    assert blocks(room) == []
    room.told("Wu", "sign-handover", signing(one, "from"))
    burning(room, facts={"dead": 11})  # the phone call to the province is due in 30 minutes
    said = refused(room.tell("Wang", "sign-handover", signing(one, "to")), 409, "handover-deadline-open")
    assert "30" in said["detail"]
    assert room.ask("Wu", "duty")["on"]["shift_id"] == first
    again = prepare(room, second)
    accept_all(room, again)
    refused(room.tell("Wang", "sign-handover", signing(one, "to")), 409, "handover-over")
    room.told("Wang", "sign-handover", signing(again, "to"))
    room.told("Wu", "sign-handover", signing(again, "from"))
    assert room.ask("Wu", "duty")["on"]["shift_id"] == second


def test_the_last_signature_is_held_against_what_has_come_meanwhile_whoevers_it_is(spare_room: Room) -> None:
    room = spare_room
    _first, second = evening(room)
    one = prepare(room, second)
    room.told("Wang", "sign-handover", signing(one, "to"))
    burning(room, facts={"dead": 11})
    refused(room.tell("Wu", "sign-handover", signing(one, "from")), 409, "handover-deadline-open")


def test_a_deadline_further_off_than_half_an_hour_need_not_be_on_the_sheet(spare_room: Room) -> None:
    room = spare_room
    _first, second = evening(room)
    one = prepare(room, second)
    due = {"unit": CITY, "item_id": new_id(), "kind": "promise", "text": "回电"}
    for minutes, status in ((31, 200), (30, 409)):
        at = room.clock.ago(minutes=-minutes)
        room.told("Wu", "add-duty-item", {**due, "item_id": new_id(), "due_at": at})
        side = "from" if minutes == 31 else "to"
        who = "Wu" if minutes == 31 else "Wang"
        assert room.tell(who, "sign-handover", signing(one, side)).status_code == status, minutes


def test_a_signature_given_by_word_is_its_speakers(spare_room: Room) -> None:
    room = spare_room
    _first, second = evening(room)
    one = prepare(room, second)
    room.told("Wu", "sign-handover", signing(one, "from"))
    spoken = {**signing(one, "to"), "on_behalf_of": {"name": "赵某", "channel": "phone"}}
    room.told("Wu", "sign-handover", spoken)
    signed = sheet(room)["signed"]
    assert (signed["to"]["name"], signed["to"]["listed"]) == ("赵某", True)
    assert (signed["from"]["name"], signed["from"]["listed"]) == ("Wu", False)


def test_the_neighbours_learn_nothing_of_a_handover(spare_room: Room) -> None:
    room = spare_room
    _first, second = evening(room)
    burning(room)
    before = room.ask("Li", "log")["head"]
    one = prepare(room, second)
    accept_all(room, one)
    for who, side in (("Wu", "from"), ("Wang", "to")):
        room.told(who, "sign-handover", signing(one, side))
    assert room.ask("Li", "log")["head"] == before


def test_what_remains_in_a_joint_duty_is_on_the_sheet_of_the_desk_that_called_it(own_room: Room) -> None:
    room = own_room
    _first, second = evening(room)
    period = opened_joint(room, others=[])
    room.told("Li", "take-joint-seat", taking(room, period, LULONG))
    request = asking(period, text="请报洋河上游雨量")
    room.told("He", "ask-joint-request", request)
    asked = data(room, period, every_min=1440)
    room.told("Wu", "ask-joint-data", asked)
    left = {**period, "seat": LULONG, "at": room.clock.ago(), "text": "夜间由县值班室接"}
    room.told("Li", "leave-joint-seat", left)
    prepare(room, second)
    key = f"joint:{period['period_id']}"

    def joint() -> dict[str, tuple[str, str, str | None]]:
        return {
            one["item_id"].removeprefix(key): (one["step"], one["recipient"], one.get("text"))
            for one in sheet(room)["items"]
            if one["block"] == "joint"
        }

    assert joint() == {
        f":request:{request['request_id']}": ("request", LULONG, "请报洋河上游雨量"),
        f":seat:{WEATHER}": ("missing", WEATHER, None),
        f":seat:{LULONG}": ("missing", LULONG, "夜间由县值班室接"),
    }
    page = room.request("Wu", "GET", "/handover", headers={"Accept-Language": "zh"}).text
    for said in ("协办未了 → 卢龙", "席位无人 气象局", "夜间由县值班室接", "主汛期联合值守"):
        assert said in page, said
    room.clock.pass_by(minutes=31)
    sheet_id = prepare(room, second)
    assert joint()[f":data:{asked['data_id']}:{asked['first_due_at']}"][0] == "data", "what is late by now"
    refused(room.tell("Wang", "sign-handover", signing(sheet_id, "to")), 409, "handover-deadline-open")
    accept_all(room, sheet_id)
    room.told("Wang", "sign-handover", signing(sheet_id, "to"))
    room.told("Wu", "close-joint-duty", {**period, "reason": "汛情平稳"})
    assert room.ask("Li", "duty")["handover"] is None, "a seat's own sheet is its own"
    assert verify(room.parts.database).faults == []
