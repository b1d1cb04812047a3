"""The roster (值班表): planned, swapped, taken over; who is on now and next; nobody on is an alarm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from server.safekeeping.verify import verify, verify_in
from tests import words
from tests.deeds import refused
from tests.duty_deeds import CITY, LULONG, QINGLONG, happened, plan, shift, take_over
from tests.room import Room
from tests.words import new_id


def names(shown: dict[str, Any]) -> list[str]:
    return [one["name"] for one in shown["posts"]]


# ---------------------------------------------------------------- planning


def test_a_year_is_planned_at_once_and_read_back_day_by_day(own_room: Room) -> None:
    room = own_room
    plan(room, *[shift(day) for day in range(365)])
    assert len(room.ask("Wu", "shifts", **{"from": "2026-11-23", "to": "2027-11-22"})["shifts"]) == 365
    (day,) = room.ask("Wu", "shifts", **{"from": "2027-02-06", "to": "2027-02-06"})["shifts"][1:]
    assert day["starts_at"] == "2027-02-06T00:30:00.000Z"
    assert (names(day), day["leader"]["name"]) == (["吴某", "李某"], "王局")
    assert day["posts"][0]["phone"] == "0335-0000001"
    assert verify(room.parts.database).faults == []


def test_the_city_sees_a_countys_roster_and_a_county_sees_its_own(spare_room: Room) -> None:
    plan(spare_room, shift(0, "卢某"), who="Li", unit=LULONG)
    assert names(spare_room.ask("Wu", "duty", unit=LULONG)["on"]) == ["卢某"]
    assert names(spare_room.ask("Li", "duty")["on"]) == ["卢某"]
    for unit in (LULONG, CITY):
        assert spare_room.get("Qin", "duty", unit=unit).status_code == 404
        assert spare_room.get("Qin", "shifts", unit=unit).status_code == 404
    assert happened(spare_room, "shifts_planned", "Qin") == []
    assert (
        len(happened(spare_room, "shifts_planned", "Li")) == len(happened(spare_room, "shifts_planned")) == 1
    )


def test_a_shift_ends_after_it_begins_and_lasts_no_longer_than_three_days(spare_room: Room) -> None:
    for hours, word in (
        (0, "ends-before-it-starts"),
        (-1, "ends-before-it-starts"),
        (72.01, "shift-too-long"),
    ):
        body = {"unit": CITY, "shifts": [shift(0, hours=hours)]}
        refused(spare_room.tell("Wu", "plan-shifts", body), 422, word, "/shifts/0/ends_at")
    plan(spare_room, shift(0, hours=72))


def test_a_leaders_change_is_kept_with_its_reason_and_what_is_left_out_stays(spare_room: Room) -> None:
    first, second = plan(spare_room)
    body = {"unit": CITY, "shift_id": first, "reason": "王局出差", "leader": {"name": "孙局"}}
    spare_room.told("Wang", "change-shift", body)
    shown = spare_room.ask("Wu", "duty")["on"]
    assert (names(shown), shown["leader"]["name"]) == (["吴某", "李某"], "孙局")
    assert happened(spare_room, "shift_changed")[0]["reason"] == "王局出差"
    over = {"unit": CITY, "shift_id": second, "starts_at": shown["starts_at"], "reason": "提前"}
    refused(spare_room.tell("Wang", "change-shift", over), 422, "shifts-overlap", "/starts_at")
    spare_room.told(
        "Wang", "change-shift", {"unit": CITY, "shift_id": first, "leader": None, "reason": "无带班"}
    )
    assert spare_room.ask("Wu", "duty")["on"]["leader"] is None


def test_a_cancelled_shift_leaves_room_for_another(spare_room: Room) -> None:
    first, second = plan(spare_room)
    spare_room.told("Wang", "cancel-shifts", {"unit": CITY, "shift_ids": [second], "reason": "重排"})
    plan(spare_room, shift(1, "周某"))
    assert [names(one) for one in spare_room.ask("Wu", "shifts")["shifts"]] == [["吴某", "李某"], ["周某"]]
    take_over(spare_room, first)
    held = {"unit": CITY, "shift_ids": [first], "reason": "重排"}
    refused(spare_room.tell("Wang", "cancel-shifts", held), 409, "shift-taken-over", "/shift_ids/0")


# ---------------------------------------------------------------- swaps


def swap(first: str, second: str | None = None, **over: Any) -> dict[str, Any]:
    """李某 cannot stand the first shift; 钱某 does, for 李某 at 钱某's place of the second."""
    body: dict[str, Any] = {
        "unit": CITY,
        "swap_id": new_id(),
        "place": {"shift_id": first, "post": "information", "name": "李某"},
        "substitute": {"name": "钱某", "phone": "0335-0000009"},
        "reason": "孩子发烧",
    }
    if second is not None:
        body["in_return"] = {"shift_id": second, "post": "information", "name": "钱某"}
    return {**body, **over}


def test_a_swap_changes_two_places_once_a_leader_has_approved_it_and_no_others(own_room: Room) -> None:
    room = own_room
    first, second, third = plan(room, shift(0), shift(1, "赵某", "钱某"), shift(2))
    asked = swap(first, second)
    room.told("Wu", "request-swap", asked)
    assert names(room.ask("Wu", "shifts")["shifts"][0]) == ["吴某", "李某"], "nobody has approved it"
    (waiting,) = room.ask("Wu", "duty")["swaps"]
    assert (waiting["by"], waiting["reason"]) == ("Wu", "孩子发烧")
    decision = {"unit": CITY, "swap_id": asked["swap_id"], "approved": True}
    refused(room.tell("Wu", "approve-swap", decision), 403, "not-your-post")
    room.told("Wang", "approve-swap", decision)
    shown = room.ask("Wu", "shifts")["shifts"]
    assert [names(one) for one in shown] == [["吴某", "钱某"], ["赵某", "李某"], ["吴某", "李某"]]
    assert shown[0]["posts"][1]["phone"] == "0335-0000009"
    assert shown[1]["posts"][1]["phone"] == "0335-0000001", "and with the number of whoever stands there"
    assert room.ask("Wu", "duty")["swaps"] == []
    refused(room.tell("Wang", "approve-swap", decision), 409, "swap-decided")
    room.restart()
    assert [names(one) for one in room.ask("Wu", "shifts")["shifts"]] == [names(one) for one in shown]
    assert verify(room.parts.database).faults == []
    assert third in {one["shift_id"] for one in shown}


def test_a_refused_swap_and_one_that_no_longer_fits_change_nothing(spare_room: Room) -> None:
    first, second = plan(spare_room)
    asked, other = swap(first), swap(first, swap_id=new_id())
    for body in (asked, other):
        spare_room.told("Wu", "request-swap", body)
    no = {"unit": CITY, "swap_id": asked["swap_id"], "approved": False, "reason": "人手不够"}
    spare_room.told("Wang", "approve-swap", no)
    assert names(spare_room.ask("Wu", "duty")["on"]) == ["吴某", "李某"]
    posts = [{"post": "information", "name": "周某"}]
    spare_room.told("Wang", "change-shift", {"unit": CITY, "shift_id": first, "posts": posts, "reason": "改"})
    late = {"unit": CITY, "swap_id": other["swap_id"], "approved": True}
    refused(spare_room.tell("Wang", "approve-swap", late), 422, "not-on-that-post")
    assert names(spare_room.ask("Wu", "duty")["on"]) == ["周某"]
    for body, pointer in (
        (swap(second), "/place/name"),
        (swap(first, place={"shift_id": new_id(), "post": "x", "name": "周某"}), "/place/shift_id"),
    ):
        answer = spare_room.tell("Wu", "request-swap", body)
        assert answer.json()["errors"][0]["pointer"] == pointer


def test_the_leader_of_a_shift_may_be_stood_in_for(spare_room: Room) -> None:
    (first,) = plan(spare_room, shift(0))
    body = swap(
        first, place={"shift_id": first, "post": "leader", "name": "王局"}, substitute={"name": "孙局"}
    )
    spare_room.told("Wu", "request-swap", body)
    spare_room.told("Wang", "approve-swap", {"unit": CITY, "swap_id": body["swap_id"], "approved": True})
    assert spare_room.ask("Wu", "duty")["on"]["leader"]["name"] == "孙局"


# ---------------------------------------------------------------- who is on


def test_who_is_on_now_and_next(spare_room: Room) -> None:
    assert spare_room.ask("Wu", "duty")["on"] is None
    first, second = plan(spare_room)
    shown = spare_room.ask("Wu", "duty")
    assert (shown["on"]["shift_id"], shown["taken_over"], shown["next"]["shift_id"]) == (first, False, second)
    take_over(spare_room, first)
    shown = spare_room.ask("Wu", "duty")
    assert (shown["on"]["shift_id"], shown["taken_over"], shown["next"]["shift_id"]) == (first, True, second)
    spare_room.clock.pass_by(hours=20)
    shown = spare_room.ask("Wu", "duty")
    assert shown["on"]["shift_id"] == first, "until another team takes over, this one answers"
    assert shown["next"]["shift_id"] == second


def test_a_shift_is_not_taken_over_too_early_nor_when_it_is_over_nor_over_others_without_a_reason(
    spare_room: Room,
) -> None:
    first, second, third = plan(spare_room, shift(0), shift(1), shift(2))
    told = {"unit": CITY, "at": spare_room.clock.ago()}
    early = {**told, "shift_id": second}
    refused(spare_room.tell("Wu", "take-over-shift", early), 422, "shift-too-early", "/shift_id")
    take_over(spare_room, first)
    refused(spare_room.tell("Wu", "take-over-shift", {**told, "shift_id": first}), 409, "shift-taken-over")
    spare_room.clock.pass_by(hours=19)
    refused(spare_room.tell("Wu", "take-over-shift", early), 422, "reason-without-handover", "/reason")
    take_over(spare_room, second, reason="上一班送医")
    spare_room.clock.pass_by(hours=72)
    refused(
        spare_room.tell("Wu", "take-over-shift", {**told, "shift_id": third, "reason": "x"}),
        409,
        "shift-over",
    )


# ---------------------------------------------------------------- alarms


def test_nobody_taking_over_is_an_alarm_once_also_after_downtime(own_room: Room) -> None:
    room = own_room
    first, second = plan(room)
    room.clock.pass_by(minutes=9, seconds=59)
    room.watch()
    assert happened(room, "duty_unmanned") == [], "ten minutes are given"
    room.stop()
    room.clock.pass_by(hours=1)
    room.start()
    for _ in range(3):
        room.watch()
    (alarm,) = happened(room, "duty_unmanned")
    assert (alarm["why"], alarm["shift_id"]) == ("not_taken_over", first)
    assert alarm["late_by_s"] == 3599
    assert alarm["to"] == ["吴某", "李某", "王局"]
    take_over(room, first)
    room.clock.pass_by(hours=17, minutes=30)  # 08:44 the next day
    room.watch()
    (late,) = happened(room, "handover_late")
    assert (late["shift_id"], late["to"][:3]) == (second, ["吴某", "李某", "王局"])
    assert len(happened(room, "duty_unmanned")) == 1, "the team before still answers"
    assert verify(room.parts.database).faults == []


def test_a_roster_that_runs_out_is_an_alarm_at_that_minute(spare_room: Room) -> None:
    room = spare_room
    (first,) = plan(room, shift(0))
    take_over(room, first)
    room.clock.pass_by(hours=18, minutes=24)
    room.watch()
    assert happened(room, "duty_unmanned") == []
    room.clock.pass_by(minutes=1)
    room.watch()
    (alarm,) = happened(room, "duty_unmanned")
    assert (alarm["why"], alarm["late_by_s"]) == ("nobody_planned", 0)
    assert alarm["due_at"] == "2026-11-24T00:30:00.000Z"
    plan(room, shift(1))
    room.clock.pass_by(minutes=30)
    room.watch()
    assert len(happened(room, "handover_late")) == 1, "planned late, and then not taken over"


def test_a_unit_without_a_roster_has_no_alarms_and_a_roster_from_paper_none_of_the_past(
    spare_room: Room,
) -> None:
    room = spare_room
    plan(room, *[shift(day) for day in range(-30, -1)])
    room.clock.pass_by(days=30)
    room.watch()
    kinds = {entry["event"]["type"] for entry in room.stream("Wu")}
    assert not kinds & {"duty_unmanned", "handover_late"}


def test_a_county_with_nobody_on_is_the_citys_news_too_and_not_its_neighbours(spare_room: Room) -> None:
    plan(spare_room, shift(0), who="Qin", unit=QINGLONG)
    spare_room.clock.pass_by(minutes=11)
    spare_room.watch()
    assert len(happened(spare_room, "duty_unmanned", "Wu")) == 1
    assert len(happened(spare_room, "duty_unmanned", "Qin")) == 1
    assert happened(spare_room, "duty_unmanned", "Li") == []


def test_an_item_whose_time_has_passed_is_told_once_to_who_is_on(spare_room: Room) -> None:
    room = spare_room
    (first,) = plan(room, shift(0))
    take_over(room, first)
    due = (room.clock.now()).isoformat()
    item = {"unit": CITY, "item_id": new_id(), "kind": "promise", "text": "回复省厅", "due_at": due}
    done = {**item, "item_id": new_id()}
    for body in (item, done):
        room.told("Wu", "add-duty-item", body)
    settled = {"unit": CITY, "item_id": done["item_id"], "at": room.clock.ago()}
    room.told("Wu", "settle-duty-item", settled)
    room.watch()
    assert happened(room, "duty_item_overdue") == [], "the minute itself is in time"
    room.clock.pass_by(seconds=5)
    room.watch()
    (alarm,) = happened(room, "duty_item_overdue")
    assert (alarm["item_id"], alarm["to"]) == (item["item_id"], ["吴某", "李某", "王局"])


# ---------------------------------------------------------------- proof


def test_verification_finds_a_roster_that_was_changed_behind_the_program(own_room: Room) -> None:
    room = own_room
    first, _second = plan(room)
    take_over(room, first)
    database = room.parts.database
    assert verify(database).faults == []
    for sql in (
        "UPDATE shift SET posts = replace(posts, '吴某', '郑某')",
        "UPDATE duty SET shift_id = NULL",
        "UPDATE duty SET next_alarm_at = NULL",
        "DELETE FROM shift",
    ):
        with database.engine.connect() as connection:
            connection.execute(text(sql))
            faults = verify_in(connection).faults
            connection.rollback()
        assert faults, sql
        assert all(fault.startswith("table") for fault in faults)


def test_what_another_process_planned_is_known_before_anything_is_decided(own_room: Room) -> None:
    room = own_room
    other = Room(room.folder, room.settings.database_url, room.clock)
    other.tokens = room.tokens
    other.start()
    try:
        plan(room, shift(0))
        plan(other, shift(1))
        body = {"unit": CITY, "shifts": [shift(1)]}
        refused(room.tell("Wu", "plan-shifts", body), 422, "shifts-overlap", "/shifts/0/starts_at")
    finally:
        other.stop()


def test_a_clock_that_falls_back_keeps_nobodys_alarm_waiting(spare_room: Room) -> None:
    room = spare_room
    plan(room, shift(0))
    room.watch()
    room.clock.at -= timedelta(hours=1)
    room.watch()
    room.clock.pass_by(minutes=10, seconds=1)
    room.watch()
    assert len(happened(room, "duty_unmanned")) == 1


def test_incidents_and_duties_share_a_round_and_a_watch(spare_room: Room) -> None:
    room = spare_room
    plan(room, shift(0))
    room.told(
        "Wu", "open-incident", words.open_incident(known_at=room.clock.ago(), occurred_at=room.clock.ago())
    )
    room.clock.pass_by(minutes=11)
    room.watch()
    kinds = [entry["event"]["type"] for entry in room.stream("Wu")]
    assert "duty_unmanned" in kinds
    assert "prompt_due" in kinds
    assert verify(room.parts.database).faults == []
