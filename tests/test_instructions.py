"""Leaders' instructions (批示): every addressee named, each step with a limit, chased until it is done."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from server.record.tables import INSTRUCTION_STEP
from server.safekeeping.verify import verify
from tests import words
from tests.deeds import opened, refused
from tests.duty_deeds import plan, prepare, sheet, shift, take_over
from tests.room import Room
from tests.words import Body, new_id

LULONG, QINGLONG = "130324", "130321"


def instructed(room: Room, *units: str, **over: Any) -> Body:
    """An incident of this minute in Lulong, and what the deputy mayor says of it."""
    now = room.clock.ago()
    one = opened(room, who="Li", known_at=now, occurred_at=now, category="hazmat", facts={"dead": None})
    said = words.record_instruction(one, *units, given_at=now, **over)
    room.told("Wu", "record-instruction", said)
    return said


def do(room: Room, who: str, name: str, said: Body, which: int = 0, **more: Any) -> None:
    room.told(who, name, words.step(said, which=which, at=room.clock.ago(), **more))


def stands(room: Room, said: Body, which: int = 0, who: str = "Wu") -> dict[str, Any]:
    (whole,) = room.ask(who, f"incidents/{said['incident_id']}")["instructions"]
    return dict(whole["addressees"][which])


def rung(room: Room, said: Body, kind: str = "instruction_overdue") -> list[tuple[str, str, int]]:
    events = [entry["event"] for entry in room.entries(said["incident_id"], kind)]
    return [(one["waits_for"], one["owner"], one.get("times", 0)) for one in events]


def test_each_addressee_goes_the_whole_way_alone(room: Room) -> None:
    said = instructed(room, LULONG, QINGLONG, leader_post="副市长")
    one = stands(room, said)
    assert (one["step"], one["owner"], one["due_at"]) == ("convey", "130300", one["receive_by"])
    do(room, "Wu", "convey-instruction", said, medium="phone", told="卢龙值班员")
    assert (stands(room, said)["step"], stands(room, said)["owner"]) == ("sign", LULONG)
    do(room, "Li", "sign-for-instruction", said, received_by="李四")
    one = stands(room, said)
    assert (one["step"], one["due_at"]) == ("feedback", one["feedback_by"])
    do(room, "Li", "report-on-instruction", said, text="已调派两支队伍", next_within_min=90)
    assert stands(room, said)["step"] == "feedback", "said something, and not done"
    do(room, "Song", "report-on-instruction", said, text="险情已排除", done=True)
    one = stands(room, said)
    assert (one["step"], one["owner"]) == ("check", "130300"), "now the city owes its look"
    do(room, "Wang", "finish-instruction", said)
    one = stands(room, said)
    assert (one["step"], one["due_at"], one["finished_by"]) == ("done", None, "Wang")
    assert [mark["text"] for mark in one["feedback"]] == ["已调派两支队伍", "险情已排除"]
    assert stands(room, said, 1)["step"] == "convey", "the other has not moved"
    (whole,) = room.ask("Li", f"incidents/{said['incident_id']}")["instructions"]
    assert (whole["leader"], whole["leader_post"], whole["text"]) == ("李副市长", "副市长", said["text"])


def test_an_addressee_sees_the_incident_from_then_on_and_nobody_else_does(room: Room) -> None:
    said = instructed(room, QINGLONG)
    assert room.ask("Qin", f"incidents/{said['incident_id']}")["instructions"][0]["text"] == said["text"]
    shared = [entry["event"] for entry in room.entries(said["incident_id"], "incident_shared")]
    assert [(one["units"], one["why"]) for one in shared] == [([QINGLONG], "ordered")]
    assert room.get("He", f"incidents/{said['incident_id']}").status_code == 404
    refused(room.tell("He", "report-on-instruction", words.step(said, text="x")), 404, "no-such-incident")


def test_what_nobody_signs_for_is_warned_of_called_late_and_chased_each_hour(own_room: Room) -> None:
    room = own_room
    said = instructed(room)
    room.clock.pass_by(minutes=8)
    room.watch()
    assert rung(room, said, "instruction_due_soon") == [("receive", "130300", 0)]
    room.clock.pass_by(minutes=7)
    room.watch()
    assert rung(room, said) == [], "the fifteenth minute itself is in time"
    room.clock.pass_by(seconds=1)
    room.watch()
    assert rung(room, said) == [("receive", "130300", 1)]
    do(room, "Wu", "convey-instruction", said, medium="fax")
    room.clock.pass_by(hours=1)
    room.watch()
    room.watch()
    assert rung(room, said) == [("receive", "130300", 1), ("receive", LULONG, 2)]
    do(room, "Li", "sign-for-instruction", said, received_by="李四")
    room.clock.pass_by(minutes=1)
    room.watch()
    assert rung(room, said)[2:] == [("feedback", LULONG, 1)], "it was to be answered by then as well"


def test_acknowledged_is_not_done_and_done_is_not_looked_at(own_room: Room) -> None:
    room = own_room
    said = instructed(room)
    do(room, "Li", "sign-for-instruction", said, received_by="李四")
    do(room, "Li", "report-on-instruction", said, text="收到,正在落实")
    room.clock.pass_by(minutes=61)
    room.watch()
    assert rung(room, said) == [("feedback", LULONG, 1)]
    do(room, "Li", "report-on-instruction", said, text="落实完毕", done=True)
    room.clock.pass_by(minutes=31)
    room.watch()
    assert rung(room, said)[1:] == [("check", "130300", 1)]
    do(room, "Wu", "press-instruction", said, text="人数不清,重报", feedback_within_min=20)
    one = stands(room, said)
    assert (one["step"], one["owner"], one["times_overdue"]) == ("feedback", LULONG, 2)
    room.clock.pass_by(minutes=21)
    room.watch()
    assert rung(room, said)[2:] == [("feedback", LULONG, 1)], "the new limit has a clock of its own"
    do(room, "Wu", "finish-instruction", said, text="电话核实")
    room.clock.pass_by(hours=30)
    room.watch()
    assert len(rung(room, said)) == 3


def test_a_night_without_power_is_one_reminder_and_a_day_of_them_is_enough(own_room: Room) -> None:
    room = own_room
    said = instructed(room)
    room.stop()
    room.clock.pass_by(hours=9)
    room.start()
    room.watch()
    assert [times for _what, _owner, times in rung(room, said)] == [1], "late once, at its moment"
    for _ in range(40):
        room.clock.pass_by(hours=1)
        room.watch()
    assert [times for _what, _owner, times in rung(room, said)] == list(range(1, 25))


def test_an_incident_is_not_closed_nor_merged_over_what_a_leader_asked_for(room: Room) -> None:
    said = instructed(room)
    closing = words.close_incident(said["incident_id"], at=room.clock.ago())
    refused(room.tell("Wu", "close-incident", closing), 409, "instructions-open", "/incident_id")
    merging = {"incident_id": said["incident_id"], "into": opened(room, who="Li")}
    refused(room.tell("Wu", "merge-incident", merging), 409, "instructions-open", "/incident_id")
    do(room, "Wu", "finish-instruction", said, text="已转他案办理")
    room.told("Wu", "close-incident", {**closing, "command_id": new_id()})


def test_a_false_alarm_ends_what_was_asked_for(own_room: Room) -> None:
    room = own_room
    said = instructed(room)
    closing = words.close_incident(said["incident_id"], at=room.clock.ago(), outcome="false_alarm")
    room.told("Wu", "close-incident", closing)
    room.clock.pass_by(hours=3)
    room.watch()
    assert rung(room, said) == []


def test_who_may_do_what_and_what_cannot_be(room: Room) -> None:
    said = instructed(room, LULONG, QINGLONG)
    at = room.clock.ago()
    others = words.step(said, which=1, at=at, received_by="李四")
    refused(room.tell("Li", "sign-for-instruction", others), 403, "not-your-instruction", "/addressee_id")
    own = words.step(said, at=at)
    for name, more in (
        ("convey-instruction", {"medium": "phone"}),
        ("finish-instruction", {"text": "完"}),
        ("press-instruction", {"text": "催", "feedback_within_min": 5}),
    ):
        refused(room.tell("Li", name, {**own, **more, "command_id": new_id()}), 403, "not-your-instruction")
    refused(room.tell("Wu", "finish-instruction", {**own, "text": " "}), 422, "finish-needs-words", "/text")
    early = {**own, "command_id": new_id(), "at": room.clock.ago(minutes=1), "received_by": "李四"}
    refused(room.tell("Li", "sign-for-instruction", early), 422, "before-instruction", "/at")
    do(room, "Li", "sign-for-instruction", said, received_by="李四")
    again = words.step(said, at=at, received_by="李四")
    assert room.told("Li", "sign-for-instruction", again)["offset"] is None, "twice is no error"
    conveying = words.step(said, at=at, medium="phone")
    refused(room.tell("Wu", "convey-instruction", conveying), 409, "instruction-signed")
    do(room, "Wu", "finish-instruction", said, text="当面核实")
    late = words.step(said, at=at, text="还有")
    refused(room.tell("Li", "report-on-instruction", late), 409, "instruction-done", "/addressee_id")
    unknown = {**own, "command_id": new_id(), "instruction_id": new_id()}
    refused(room.tell("Wu", "finish-instruction", unknown), 404, "no-such-instruction", "/instruction_id")
    unknown = {**own, "command_id": new_id(), "addressee_id": new_id()}
    refused(room.tell("Wu", "finish-instruction", unknown), 404, "no-such-addressee", "/addressee_id")


@pytest.mark.parametrize(
    ("over", "status", "word", "pointer"),
    [
        ({"to": [{"unit": "130324"}, {"unit": "130324"}]}, 422, "addressee-twice", "/to/1"),
        ({"to": [{"unit": "130324"}, {"unit": "999999"}]}, 422, "no-such-unit", "/to/1/unit"),
        ({"to": []}, 422, "bad-body", "/to"),
        ({"medium": "pigeon"}, 422, "bad-body", "/medium"),
        ({"feedback_within_min": 0}, 422, "bad-body", "/feedback_within_min"),
    ],
)
def test_an_instruction_that_names_nobody_rightly_is_refused(
    room: Room, over: Body, status: int, word: str, pointer: str
) -> None:
    one = opened(room)
    refused(
        room.tell("Wu", "record-instruction", words.record_instruction(one) | over), status, word, pointer
    )
    assert room.ask("Wu", f"incidents/{one}")["instructions"] == []


def test_two_posts_of_one_unit_are_two_addressees(room: Room) -> None:
    to = [{"unit": LULONG, "post": "局长"}, {"unit": LULONG, "post": "总工"}]
    said = instructed(room, to=to)
    shown = room.ask("Wu", f"incidents/{said['incident_id']}")["instructions"][0]["addressees"]
    assert [one["post"] for one in shown] == ["局长", "总工"]
    assert len({one["addressee_id"] for one in shown}) == 2
    once_more = {**said, "command_id": new_id()}
    refused(room.tell("Wu", "record-instruction", once_more), 409, "instruction-exists", "/instruction_id")


def test_the_sheet_hands_on_what_is_not_done(own_room: Room) -> None:
    room = own_room
    first, second = plan(room, shift(0, hours=6.5), shift(6.5 / 24, "赵某", "钱某", leader="孙局"))
    take_over(room, first)
    said = instructed(room, LULONG, QINGLONG)
    do(room, "Wu", "finish-instruction", said, 1, text="当面交办")
    prepare(room, second)
    (item,) = [one for one in sheet(room)["items"] if one["block"] == "instruction"]
    assert (item["leader"], item["text"], item["recipient"]) == (said["leader"], said["text"], LULONG)
    assert (item["step"], item["due_at"]) == ("convey", stands(room, said)["due_at"])
    page = room.request("Wu", "GET", "/handover", headers={"Accept-Language": "zh"}).text
    assert "李副市长" in page
    assert "待传达" in page


def test_the_boards_of_both_desks_say_what_each_owes(room: Room) -> None:
    said = instructed(room, QINGLONG)
    board = {
        who: room.request(who, "GET", "/board", headers={"Accept-Language": "zh"}).text
        for who in ("Wu", "Qin")
    }
    mark = f'data-addressee="{said["to"][0]["addressee_id"]}"'
    assert all(mark in html for html in board.values())
    row = board["Wu"].split(mark)[0].rsplit("<li", 1)[1]
    assert "is-own" in row
    assert 'data-action="convey-instruction"' in row
    row = board["Qin"].split(mark)[0].rsplit("<li", 1)[1]
    assert "is-own" not in row
    assert 'data-action="look"' in row


def test_what_a_leader_said_stands_in_the_draft_of_the_next_report(room: Room) -> None:
    said = instructed(room)
    paper = words.draft_report(said["incident_id"])
    room.told("Wu", "draft-report", paper)
    (draft,) = room.ask("Wu", f"incidents/{said['incident_id']}")["drafts"]
    assert said["text"] in "".join(str(text) for text in draft["content"].values())


def test_the_log_tells_what_the_table_says_and_a_forged_row_is_named(own_room: Room) -> None:
    room = own_room
    said = instructed(room, LULONG, QINGLONG)
    do(room, "Wu", "convey-instruction", said, medium="phone")
    database = room.parts.database
    assert verify(database).faults == []
    with database.engine.begin() as connection:
        connection.execute(update(INSTRUCTION_STEP).values(step="done"))
    verdict = verify(database)
    assert "instruction step" in str(verdict.faults)
