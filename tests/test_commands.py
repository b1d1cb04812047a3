"""Commands over HTTP, by the letter of contract 3: bodies, limits, times, once and only once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from schemas import field_work, joint, scene
from schemas.commands import COMMANDS
from tests import words
from tests.deeds import ANSWER, ON_INCIDENTS, entry_of, good, opened, refused, whose
from tests.room import Room
from tests.words import new_id

TIMES = {
    "open-incident": ("known_at", "occurred_at", "discovered_at"),
    "add-entry": ("happened_at",),
    "establish-facts": ("known_at", "occurred_at", "discovered_at"),
    "judge-level": ("judged_at",),
    "record-report": ("sent_at",),
    "record-receipt": ("received_at",),
    "declare-concealed": ("declared_at",),
    "acknowledge-order": ("at",),
    "report-on-order": ("at",),
    "record-instruction": ("given_at",),
    "convey-instruction": ("at",),
    "sign-for-instruction": ("at",),
    "report-on-instruction": ("at",),
    "finish-instruction": ("at",),
    "press-instruction": ("at",),
    **dict.fromkeys((one.name for one in field_work.COMMANDS), ("at",)),
    "close-incident": ("at",),
    "reopen-incident": ("at",),
    "declare-stable": ("at",),
    "approve-report": ("approved_at",),
    "sign-report": ("signed_at",),
    "send-report": ("sent_at",),
    "enter-report": ("entered_at",),
    "convene-consultation": ("convened_at",),
    "give-opinion": ("at",),
    "conclude-consultation": ("at",),
    **dict.fromkeys((one.name for one in scene.COMMANDS if "at" in one.model_fields), ("at",)),
    # of a duty: `tests/test_duty_commands.py`; a planned time lies ahead
    "change-shift": ("starts_at", "ends_at"),
    "take-over-shift": ("at",),
    "add-duty-item": ("due_at",),
    "settle-duty-item": ("at",),
    "answer-roll": ("at",),
    "take-alarm": ("at",),
    "open-joint-duty": ("starts_at", "ends_at"),
    "extend-joint-duty": ("ends_at",),
    "ask-joint-data": ("first_due_at",),
    **dict.fromkeys(
        (one.name for one in joint.COMMANDS if "at" in one.model_fields),
        ("at",),
    ),
}
# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize("name", ON_INCIDENTS)
def test_every_command_is_done_and_asked_again_gives_the_first_answer(room: Room, name: str) -> None:
    body = good(room, name)
    first = room.told(whose(name), name, body)
    assert set(first) == ANSWER
    assert first["command_id"] == body["command_id"]
    assert first["incident_id"] == body["incident_id"]
    assert first["recorded_at"] == "2026-11-23T06:05:00.000Z"
    assert first["replayed"] is False
    assert isinstance(first["offset"], int)
    for _ in range(3):
        assert room.told(whose(name), name, body) == {**first, "replayed": True}
    written = [entry for entry in room.stream("Wu") if entry.get("command_id") == body["command_id"]]
    touched = [entry["incident_id"] for entry in written]  # merging touches two, each once
    assert len(touched) == (2 if name == "merge-incident" else 1)
    assert len(set(touched)) == len(touched)
    assert first["offset"] >= written[-1]["offset"]


# ---------------------------------------------------------------- times


@pytest.mark.parametrize("name", [name for name in TIMES if name in ON_INCIDENTS])
def test_two_minutes_ahead_are_taken_and_a_moment_more_is_refused(room: Room, name: str) -> None:
    for field in TIMES[name]:
        ahead = room.clock.now() + timedelta(minutes=2)
        body = {**good(room, name), field: ahead.isoformat()}
        assert room.tell(whose(name), name, body).status_code == 200, field
        too_far = {**good(room, name), field: (ahead + timedelta(milliseconds=1)).isoformat()}
        refused(room.tell(whose(name), name, too_far), 422, "time-in-the-future", f"/{field}")


def test_every_command_with_a_time_is_in_the_list_above() -> None:
    for name, kind in COMMANDS.items():
        times = {
            field
            for field, one in kind.model_fields.items()
            if field.endswith("_at") or field == "at"
            if "datetime" in str(one.annotation)
        }
        assert times - {"device_at", "device_sent_at"} == set(TIMES.get(name, ())), name


def test_what_comes_later_than_the_deed_is_taken_and_shown_as_late(room: Room) -> None:
    one = opened(room)
    for ago, late in (
        (timedelta(seconds=30), None),
        (timedelta(minutes=2), None),
        (timedelta(hours=5), 18_000),
    ):
        happened = (room.clock.now() - ago).isoformat()
        done = room.told("Wu", "add-entry", words.add_entry(one, "x", happened_at=happened))
        entry = entry_of(room, done)
        assert entry.get("late_s") == late
        assert entry["occurred_at"] == entry["happened_at"]
    ages_ago = words.open_incident(known_at="1904-02-29T23:59:59+08:00", occurred_at=None)
    one = str(room.told("Wu", "open-incident", ages_ago)["incident_id"])
    assert room.ask("Wu", f"incidents/{one}")["known_at"] == "1904-02-29T15:59:59.000Z"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("2026-11-01T08:00:00+08:00", "2026-11-01T00:00:00.000Z"),
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00.000Z"),
        ("2026-11-01t00:00:00z", "2026-11-01T00:00:00.000Z"),
        ("2026-11-01 00:00:00-00:00", "2026-11-01T00:00:00.000Z"),
        ("2026-11-01T00:00:00.1239Z", "2026-11-01T00:00:00.123Z"),
        ("2026-11-01T00:00:00.123456789Z", "2026-11-01T00:00:00.123Z"),
        ("2026-10-31T20:30:00-03:30", "2026-11-01T00:00:00.000Z"),
    ],
)
def test_every_way_to_write_an_instant_means_the_same(room: Room, said: str, kept: str) -> None:
    one = opened(room)
    done = room.told("Wu", "add-entry", words.add_entry(one, "x", happened_at=said))
    assert entry_of(room, done)["happened_at"] == kept


def test_the_devices_clock_and_its_skew_are_kept(room: Room) -> None:
    one = opened(room)
    sent = (room.clock.now() + timedelta(minutes=7, milliseconds=250)).isoformat()
    acted = (room.clock.now() + timedelta(minutes=6)).isoformat()
    body = words.add_entry(one, "x", happened_at=room.clock.ago(), device_at=acted, device_sent_at=sent)
    entry = entry_of(room, room.told("Wu", "add-entry", body))
    assert entry["device_at"] == "2026-11-23T06:11:00.000Z"
    assert entry["device_sent_at"] == "2026-11-23T06:12:00.250Z"
    assert entry["skew_ms"] == -420_250  # its clock runs that much ahead of ours


# ---------------------------------------------------------------- once


def test_ids_are_the_same_in_either_case(room: Room) -> None:
    body = words.open_incident()
    first = room.told("Wu", "open-incident", body)
    loud = {**body, "command_id": body["command_id"].upper(), "incident_id": body["incident_id"].upper()}
    again = room.told("Wu", "open-incident", loud)
    assert again == {**first, "replayed": True}
    entry = words.add_entry(body["incident_id"].upper(), "x", entry_id=new_id().upper())
    assert room.told("Wu", "add-entry", entry)["incident_id"] == body["incident_id"]
    strike = {"incident_id": body["incident_id"], "entry_id": entry["entry_id"].lower(), "reason": "x"}
    assert room.tell("Wu", "strike-entry", strike).status_code == 200
    assert room.get("Wu", f"incidents/{body['incident_id'].upper()}").status_code == 200


def test_the_same_id_with_another_body_is_refused_and_changes_nothing(room: Room) -> None:
    one = opened(room)
    body = words.add_entry(one, "第一次")
    first = room.told("Wu", "add-entry", body)
    for other in (
        {**body, "text": "第二次"},
        {**body, "words": "x"},
        {**body, "device_at": words.at("08:00")},
    ):
        refused(room.tell("Wu", "add-entry", other), 422, "command-id-reused")
    closing = words.close_incident(one, command_id=body["command_id"])
    refused(room.tell("Wu", "close-incident", closing), 422, "command-id-reused")
    assert room.told("Wu", "add-entry", body) == {**first, "replayed": True}
    assert len(room.entries(one, "entry_added")) == 1


def test_a_form_that_is_sent_again_later_is_the_same_command(room: Room) -> None:
    body = words.open_incident(device_at=words.at("08:36"), device_sent_at=words.at("08:36"))
    first = room.told("Wu", "open-incident", body)
    later = {**body, "device_sent_at": words.at("08:59")}
    assert room.told("Wu", "open-incident", later) == {**first, "replayed": True}
    del later["device_sent_at"]
    assert room.told("Wu", "open-incident", later) == {**first, "replayed": True}
    rewritten = {**later, "known_at": "2026-03-02T00:35:00.000Z"}  # the same instant, written otherwise
    assert room.told("Wu", "open-incident", rewritten) == {**first, "replayed": True}


def test_a_refused_command_is_not_remembered(room: Room) -> None:
    one, entry = opened(room), new_id()
    strike = {"command_id": new_id(), "incident_id": one, "entry_id": entry, "reason": "x"}
    refused(room.tell("Wu", "strike-entry", strike), 404, "no-such-entry", "/entry_id")
    room.told("Wu", "add-entry", words.add_entry(one, "x", entry_id=entry))
    assert room.told("Wu", "strike-entry", strike)["replayed"] is False
    bad = words.open_incident(known_by="NOWHERE")
    refused(room.tell("Wu", "open-incident", bad), 422, "no-such-unit", "/known_by")
    assert room.told("Wu", "open-incident", {**bad, "known_by": "130324"})["replayed"] is False


def test_somebody_else_gets_the_first_answer_only_of_what_they_may_see(room: Room) -> None:
    body = words.open_incident()
    first = room.told("Li", "open-incident", body)
    again = room.told("Wu", "open-incident", body)
    assert (again["replayed"], again["number"]) == (True, first["number"])
    assert again["offset"] == room.ask("Wu", "log", limit=1)["head"]
    refused(room.tell("Qin", "open-incident", body), 422, "command-id-reused")


def test_two_at_once_have_one_effect_and_one_answer(room: Room) -> None:
    one = opened(room)
    body = words.add_entry(one, "同时")
    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(lambda _: room.told("Wu", "add-entry", body), range(8)))
    assert len({json.dumps({**answer, "replayed": None}) for answer in answers}) == 1
    assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 7
    assert len(room.entries(one, "entry_added")) == 1


def test_once_means_for_ever_also_after_a_restart(own_room: Room) -> None:
    room = own_room
    body = words.open_incident()
    first = room.told("Wu", "open-incident", body)
    closed = words.close_incident(body["incident_id"])
    room.told("Wu", "close-incident", closed)
    room.clock.pass_by(days=4000)
    room.restart()
    assert room.told("Wu", "open-incident", body) == {**first, "replayed": True}
    refused(room.tell("Wu", "open-incident", {**body, "title": "另一件"}), 422, "command-id-reused")


def test_a_refused_opening_uses_up_no_number(own_room: Room) -> None:
    room = own_room
    for wrong in (
        {"known_by": "NOWHERE"},
        {"place": {"division": "110101"}},
        {"known_at": "2030-01-01T00:00:00Z"},
    ):
        assert room.tell("Wu", "open-incident", words.open_incident(**wrong)).status_code == 422
    assert room.told("Wu", "open-incident", words.open_incident())["number"] == "LL-2026-0001"
    from server.safekeeping.verify import verify

    assert verify(room.parts.database).faults == []


# ---------------------------------------------------------------- a tablet's outbox


def sent(room: Room, who: str, *items: Any) -> list[dict[str, Any]]:
    """A batch of (name, body) or of whatever else, and what became of each."""
    commands = [{"name": item[0], "body": item[1]} if isinstance(item, tuple) else item for item in items]
    answer = room.request(who, "POST", "commands", json={"commands": commands})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert len(results) == len(items)
    return results


def test_a_batch_is_done_in_order_and_each_gets_its_own_answer(room: Room) -> None:
    incident = words.open_incident()
    one = incident["incident_id"]
    report = words.record_report(one)
    results = sent(
        room, "Wu", ("open-incident", incident), ("add-entry", words.add_entry(one, "甲")),
        ("record-report", report), ("record-receipt", words.record_receipt(one, report["report_id"])),
        ("add-entry", words.add_entry(one, "乙")),
    )  # fmt: skip
    assert [result["status"] for result in results] == [200] * 5
    assert all(set(result) == {*ANSWER, "status"} for result in results)
    offsets = [result["offset"] for result in results]
    assert offsets == sorted(set(offsets))
    assert [entry["text"] for entry in room.entries(one, "entry_added")] == ["甲", "乙"]
    again = sent(room, "Wu", ("open-incident", incident), ("record-report", report))
    assert again == [{**results[0], "replayed": True}, {**results[2], "replayed": True}]


def test_a_refused_command_does_not_stop_the_rest(room: Room) -> None:
    one = opened(room)
    results = sent(
        room, "Wu",
        ("strike-entry", {"command_id": new_id(), "incident_id": one, "entry_id": new_id(), "reason": "x"}),
        ("add-entry", words.add_entry(one, "x", kind="rumour")),
        ("delete-incident", {"command_id": new_id(), "incident_id": one}),
        {"name": "add-entry"}, {"name": "add-entry", "body": {}, "when": 1}, {"name": 3, "body": {}},
        "add-entry", ("add-entry", "text"),
        ("add-entry", words.add_entry(one, "照常")),
    )  # fmt: skip
    assert [(result["status"], result.get("type")) for result in results] == [
        (404, "no-such-entry"), (422, "bad-body"), (404, "no-such-command"),
        *[(422, "bad-body")] * 5, (200, None),
    ]  # fmt: skip
    pointers = [[error["pointer"] for error in result.get("errors", [])] for result in results]
    assert pointers == [["/entry_id"], ["/kind"], [], ["/body"], ["/when"], ["/name"], [""], [""], []]
    assert results[0]["title"] == "Not Found"
    assert [entry["text"] for entry in room.entries(one, "entry_added")] == ["照常"]


@pytest.mark.parametrize(
    "wrong", [{"title": ""}, {"known_by": "NOWHERE"}, {"known_at": "2030-01-01T00:00:00Z"}, {"drill": None}]
)
def test_a_refused_creation_stops_those_that_name_it_and_nobody_else(
    room: Room, wrong: dict[str, Any]
) -> None:
    bad, fine = words.open_incident(**wrong), words.open_incident()
    results = sent(
        room, "Wu", ("open-incident", bad), ("open-incident", fine),
        ("add-entry", words.add_entry(bad["incident_id"], "x")),
        ("add-entry", words.add_entry(bad["incident_id"].upper(), "x")),
        ("add-entry", words.add_entry(fine["incident_id"], "x")),
    )  # fmt: skip
    assert [result["status"] for result in results] == [422, 200, 424, 424, 200]
    assert results[2]["type"] == "creation-refused"
    late = words.add_entry(bad["incident_id"], "x")
    results = sent(
        room,
        "Wu",
        ("open-incident", {**bad, **dict.fromkeys(wrong, None), **_right(wrong)}),
        ("add-entry", late),
    )
    assert [result["status"] for result in results] == [200, 200]


def _right(wrong: dict[str, Any]) -> dict[str, Any]:
    usual = words.open_incident()
    return {name: usual[name] for name in wrong}


def test_a_creation_that_was_there_before_stops_nobody_when_it_is_sent_again(room: Room) -> None:
    incident = words.open_incident()
    sent(room, "Wu", ("open-incident", incident))
    results = sent(
        room, "Wu", ("open-incident", incident), ("add-entry", words.add_entry(incident["incident_id"], "x"))
    )
    assert [(result["status"], result["replayed"]) for result in results] == [(200, True), (200, False)]


def test_the_same_command_twice_in_a_batch_is_done_once(room: Room) -> None:
    incident = words.open_incident()
    entry = words.add_entry(incident["incident_id"], "一次")
    other = {**entry, "text": "另一句"}
    results = sent(
        room, "Wu", ("open-incident", incident), ("open-incident", incident), ("add-entry", entry),
        ("add-entry", entry), ("add-entry", other),
    )  # fmt: skip
    assert [result["status"] for result in results] == [200, 200, 200, 200, 422]
    assert [result.get("replayed") for result in results] == [False, True, False, True, None]
    assert results[1] == {**results[0], "replayed": True}
    assert results[4]["type"] == "command-id-reused"
    assert len(room.entries(incident["incident_id"], "entry_added")) == 1


def test_a_batch_has_its_limits(room: Room) -> None:
    one = opened(room)
    entry = words.add_entry(one, "x")
    item = {"name": "add-entry", "body": entry}
    assert len(sent(room, "Wu", *[item] * 1000)) == 1000
    assert sent(room, "Wu") == []
    for body, pointer in (
        ({"commands": [item] * 1001}, "/commands"), ({}, "/commands"), ({"commands": {}}, "/commands"),
        ({"commands": [], "atomic": True}, "/atomic"), ([], ""), (None, ""), ("x", ""),
    ):  # fmt: skip
        answer = room.request("Wu", "POST", "commands", content=json.dumps(body).encode())
        refused(answer, 422, "bad-body", pointer)


def test_in_a_batch_too_what_one_may_not_see_is_not_there_and_what_one_may_not_do_is_forbidden(
    room: Room,
) -> None:
    seen, unseen = opened(room, who="Wu"), opened(room, who="Qin", place={"division": "130321"})
    results = sent(
        room, "Lian", ("judge-level", words.judge_level(seen, "larger")),
        ("judge-level", words.judge_level(unseen, "larger")), ("open-incident", words.open_incident()),
    )  # fmt: skip
    assert [result["status"] for result in results] == [403, 404, 403]
