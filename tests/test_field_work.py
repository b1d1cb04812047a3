"""People on the spot: who is where, who is inside, who waits for help; entered late and in any order."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import update

from server.config.rulebook import Rulebook
from server.domain.field_work import POSITION_EVERY_S
from server.record.tables import INCIDENT_FIELD
from server.safekeeping.verify import verify
from tests import words
from tests.deeds import opened, refused
from tests.outward import book
from tests.room import Room
from tests.words import Body, new_id

LULONG = "130324"


def field(room: Room, incident_id: str, who: str = "Wu") -> Body:
    shown: Body = room.ask(who, f"incidents/{incident_id}")["field"]
    return shown


def lines(room: Room, incident_id: str) -> str:
    return room.request("Wu", "GET", f"/incidents/{incident_id}").text


def test_a_position_tells_who_where_how_well_and_how_old_it_is(room: Room) -> None:
    one = opened(room)
    said = words.report_position(one, at=room.clock.ago(minutes=7), lon=118.8917244, accuracy_m=12)
    room.told("Song", "report-position", said)
    (person,) = field(room, one)["people"]
    assert (person["person"], person["unit"], person["status"]) == ("Song", LULONG, None)
    position = person["position"]
    assert (position["lon"], position["lat"], position["accuracy_m"]) == (118.891724, 39.89166, 12)
    assert (position["age_s"], position["at"]) == (420, "2026-11-23T05:58:00.000Z")
    assert "北纬 39.89166 东经 118.89172" in lines(room, one)


@pytest.mark.parametrize(
    ("over", "pointer"),
    [
        ({"lon": 180.01}, "/lon"), ({"lon": -180.01}, "/lon"), ({"lat": 90.01}, "/lat"),
        ({"lat": "39.9"}, "/lat"), ({"lat": None}, "/lat"),
        ({"accuracy_m": -1}, "/accuracy_m"), ({"accuracy_m": 100_001}, "/accuracy_m"),
    ],
)  # fmt: skip
def test_what_is_no_place_on_earth_is_refused(one_room: Room, over: Body, pointer: str) -> None:
    said = words.report_position(opened(one_room), **over)
    refused(one_room.tell("Song", "report-position", said), 422, "bad-body", pointer)


def test_a_backlog_is_thinned_along_its_own_times_and_nothing_of_it_is_refused(own_room: Room) -> None:
    room = own_room
    one = opened(room)
    moments = range(0, 3600, 5)  # an hour cut off, a position every five seconds, the newest first
    items = [
        {
            "name": "report-position",
            "body": words.report_position(one, at=room.clock.ago(seconds=s), lat=40 - s / 1e5),
        }
        for s in moments
    ]
    answer = room.request("Song", "POST", "commands", json={"commands": items})
    results = answer.json()["results"]
    assert len(results) == len(items)
    assert {result["status"] for result in results} == {200}
    kept = room.entries(one, "position_reported")
    assert 3600 / POSITION_EVERY_S <= len(kept) <= 3600 / POSITION_EVERY_S + 1
    assert field(room, one)["people"][0]["position"]["lat"] == 40, (
        "the newest counts, not the one that came last"
    )
    others = words.report_position(one, at=items[0]["body"]["at"])
    assert room.told("Gao", "report-position", others)["offset"] is not None, (
        "each person has a pace of their own"
    )
    page = lines(room, one)
    assert page.count('<span class="label">位置</span>') == 2, "a way is one line"
    assert f"其间 {len(kept)} 次" in page


def test_of_a_persons_words_the_latest_by_its_own_time_counts_in_whatever_order_they_come(room: Room) -> None:
    said = (("en_route", "09:00"), ("arrived", "09:40"), ("engaged", "09:55"))
    for order in itertools.permutations(said):
        one = opened(room)
        for status, clock in order:
            room.told(
                "Song", "set-field-status", words.set_field_status(one, status, clock, text=f"在{status}")
            )
        (person,) = field(room, one)["people"]
        assert (person["status"], person["status_text"]) == ("engaged", "在engaged"), order
        assert person["status_at"] == "2026-03-02T01:55:00.000Z"
        assert len(room.entries(one, "field_status_set")) == 3, "all of them stay in the log"


def test_words_by_radio_are_the_speakers_and_meet_what_they_send_later(room: Room) -> None:
    one = opened(room)
    radio = {"name": "Song", "channel": "370M电台"}
    room.told("Wu", "set-field-status", words.set_field_status(one, "en_route", "09:00", on_behalf_of=radio))
    room.told("Song", "set-field-status", words.set_field_status(one, "arrived", "09:30"))
    room.told("Wu", "set-field-status", words.set_field_status(one, "engaged", "10:00", on_behalf_of=radio))
    (person,) = field(room, one)["people"]
    assert (person["person"], person["unit"], person["status"]) == ("Song", LULONG, "engaged")
    room.told("Gao", "set-field-status", words.set_field_status(one, "arrived", "10:05"))
    assert [one["person"] for one in field(room, one)["people"]] == ["Gao", "Song"]


def test_heads_are_counted_by_team_along_their_times(room: Room) -> None:
    one = opened(room)
    for direction, people, clock, team in (
        ("out", 3, "10:00", "一队"), ("in", 8, "09:00", "一队"),
        ("in", 4, "09:30", "二队"), ("in", 2, "09:45", None),
    ):  # fmt: skip
        room.told("Song", "count-heads", words.count_heads(one, direction, people, clock, team=team))
    seen = field(room, one)
    assert (seen["inside"]["inside"], seen["inside"]["discrepancy"]) == (11, 0)
    assert {team["team"]: team["inside"] for team in seen["teams"]} == {"一队": 5, "二队": 4, None: 2}
    assert [count["people"] for count in seen["counts"]] == [3, 2, 4, 8], "the newest first"


def test_more_out_than_in_is_taken_and_shown_as_a_discrepancy(room: Room) -> None:
    one = opened(room)
    room.told("Song", "count-heads", words.count_heads(one, "in", 5, "09:00", team="一队"))
    room.told("Song", "count-heads", words.count_heads(one, "out", 7, "09:30", team="一队"))
    room.told("Song", "count-heads", words.count_heads(one, "in", 4, "09:40", team="一队"))
    (team,) = field(room, one)["teams"]
    assert (team["inside"], team["discrepancy"], team["went_in"], team["came_out"]) == (2, 2, 9, 7)
    room.told("Gao", "count-heads", words.count_heads(one, "in", 2, "09:10", team="一队"))
    assert field(room, one)["teams"][0]["discrepancy"] == 0, (
        "the count that was missing came from another device"
    )
    same = words.count_heads(one, "in", 1)
    room.told("Song", "count-heads", same)
    again = {**same, "command_id": new_id()}
    refused(room.tell("Song", "count-heads", again), 409, "count-exists", "/count_id")
    refused(room.tell("Song", "count-heads", words.count_heads(one, "in", 0)), 422, "bad-body", "/people")


def test_a_request_for_help_waits_until_somebody_answers_and_is_called_late_once(own_room: Room) -> None:
    room = own_room
    one = opened(room)
    wanted = words.request_help(one, at=room.clock.ago(hours=2))  # two hours old when it got through
    room.told("Song", "request-help", wanted)
    (help_,) = field(room, one)["requests"]
    assert (help_["open"], help_["overdue"], help_["kind"], help_["quantity"]) == (True, False, "boats", 3)
    assert help_["answer_by"] == "2026-11-23T06:15:00.000Z", "the limit counts from when the desk could know"
    room.clock.pass_by(minutes=10)
    room.watch()
    assert room.entries(one, "help_overdue") == []
    for _ in range(3):
        room.clock.pass_by(seconds=30)
        room.watch()
    (late,) = room.entries(one, "help_overdue")
    assert (late["event"]["asked_by"], late["event"]["late_by_s"]) == ("Song", 30)
    answer = words.answer_help(wanted, at=room.clock.ago(), accepted=False, text="无船可派, 请就地待援")
    room.told("Luo", "answer-help", answer)
    (help_,) = field(room, one)["requests"]
    assert (help_["open"], help_["accepted"], help_["answers"][0]["person"]) == (False, False, "Luo")
    again = words.answer_help(wanted, at=room.clock.ago(), accepted=True)
    room.told("Wu", "answer-help", again)
    assert room.told("Wu", "answer-help", {**again, "command_id": new_id()})["offset"] is None
    (help_,) = field(room, one)["requests"]
    assert (help_["accepted"], len(help_["answers"])) == (True, 2), "what was said last stands"
    assert verify(room.parts.database).faults == []


def test_an_incident_is_not_closed_over_a_call_for_help_and_opened_again_by_one(room: Room) -> None:
    one = opened(room)
    wanted = words.request_help(one)
    room.told("Song", "request-help", wanted)
    closing = words.close_incident(one, at=room.clock.ago())
    refused(room.tell("Wu", "close-incident", closing), 409, "help-open", "/incident_id")
    room.told("Wu", "answer-help", words.answer_help(wanted))
    room.told("Wu", "close-incident", {**closing, "command_id": new_id()})
    room.told("Song", "report-position", words.report_position(one))
    assert room.ask("Wu", f"incidents/{one}")["state"] == "closed", "a position wakes nobody"
    room.told("Song", "request-help", words.request_help(one, kind="medical"))
    shown = room.ask("Wu", f"incidents/{one}")
    assert (shown["state"], [help_["open"] for help_ in shown["field"]["requests"]]) == (
        "open",
        [True, False],
    )


def test_what_cannot_be_answered_is_refused(room: Room) -> None:
    one = opened(room)
    wanted = words.request_help(one)
    unknown = words.answer_help(wanted)
    refused(room.tell("Wu", "answer-help", unknown), 404, "no-such-help", "/request_id")
    room.told("Song", "request-help", wanted)
    again = {**wanted, "command_id": new_id()}
    refused(room.tell("Song", "request-help", again), 409, "help-exists", "/request_id")
    refused(room.tell("Song", "answer-help", {**unknown, "command_id": new_id()}), 403, "not-your-post")


def test_help_that_nobody_answers_calls_people_until_it_is_answered(own_room: Room) -> None:
    room = own_room
    room.parts.store.channels = book(room.folder.parent, "http://127.0.0.1:9", "dingtalk")
    wanted = words.request_help(opened(room), at=room.clock.ago())
    room.told("Song", "request-help", wanted)
    assert [one for one in room.ask("Wu", "duty")["alarms"] if one["kind"] == "help"] == []
    room.clock.pass_by(minutes=11)
    room.watch()
    (alarm,) = [one for one in room.ask("Wu", "duty")["alarms"] if one["kind"] == "help"]
    assert (alarm["incident_id"], alarm["text"]) == (wanted["incident_id"], "现场求援逾期未答复")
    room.told("Wu", "answer-help", words.answer_help(wanted, at=room.clock.ago()))
    assert [one for one in room.ask("Wu", "duty")["alarms"] if one["kind"] == "help"] == []


def test_who_may_not_see_the_incident_sees_nobody_of_it(room: Room) -> None:
    one = opened(room)
    for name, said in words.field_deeds(one, new_id()[:8]):
        room.told("Li", name, said)
    assert field(room, one, "Li")["inside"]["inside"] == 5
    assert room.get("Qin", f"incidents/{one}").status_code == 404
    room.told("Li", "share-incident", {"incident_id": one, "with": ["130321"]})
    assert field(room, one, "Qin") == field(room, one, "Li")


def test_the_limit_for_answers_stands_in_the_rules_and_older_rules_are_the_same_still(room: Room) -> None:
    book_now: Rulebook = room.parts.rulebook
    (rules,) = book_now.rule_sets
    assert rules.help_limit_min == 10
    older = Rulebook((rules.model_copy(update={"help_within_min": None}),))
    assert "help_within_min" not in older.dump()
    assert Rulebook.parse(older.dump()).digest == older.digest
    assert older.rule_sets[0].help_limit_min == 10


def test_a_forged_row_of_those_on_the_spot_is_named(own_room: Room) -> None:
    room = own_room
    one = opened(room)
    room.told("Song", "count-heads", words.count_heads(one, "in", 9))
    assert verify(room.parts.database).faults == []
    with room.parts.database.engine.begin() as connection:
        connection.execute(update(INCIDENT_FIELD).values(inside=0))
    assert "people on the spot" in str(verify(room.parts.database).faults)
