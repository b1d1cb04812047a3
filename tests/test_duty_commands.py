"""Commands on a duty over HTTP, by the letter of contract 3: bodies, rights, once and only once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from schemas.commands import COMMANDS
from schemas.joint import JointCommand
from server.domain.permissions import may
from server.safekeeping.verify import verify
from tests.deeds import ANSWER, refused
from tests.duty_deeds import CITY, LULONG, ON_DUTIES, good_duty, plan, shift
from tests.room import CREW, Room
from tests.words import Body, new_id


def test_every_command_is_done_and_asked_again_gives_the_first_answer(own_room: Room) -> None:
    room = own_room
    done: dict[str, tuple[Body, dict[str, Any]]] = {}
    # At one desk: a start and a restart for each took longer than all commands. Handovers before it is over.
    for name in sorted(ON_DUTIES, key=lambda name: name == "take-over-shift"):
        body = good_duty(room, name)
        first = room.told("Wang", name, body)
        assert set(first) == ANSWER - {"incident_id", "number"}, name
        assert isinstance(first["offset"], int), name
        for _ in range(2):
            assert room.told("Wang", name, body) == {**first, "replayed": True}, name
        done[name] = body, first
    entries = room.stream("Wu")
    room.restart()
    for name, (body, first) in done.items():
        assert room.told("Wang", name, body) == {**first, "replayed": True}, name
        written = [entry for entry in entries if entry.get("command_id") == body["command_id"]]
        assert len(written) == 1, f"what was said belongs to the deed itself: {name}"
        assert written[0]["by"] == "Wang"
    assert room.stream("Wu") == entries
    assert verify(room.parts.database).faults == []


@pytest.mark.parametrize("name", ON_DUTIES)
def test_what_is_missing_or_unknown_is_named(one_room: Room, name: str) -> None:
    body = good_duty(one_room, name)
    strange = {**body, "command_id": new_id(), "severity": 3}
    refused(one_room.tell("Wang", name, strange), 422, "bad-body", "/severity")
    for field in [key for key, one in COMMANDS[name].model_fields.items() if one.is_required()]:
        said = json.dumps({key: value for key, value in body.items() if key != field}).encode()
        answer = one_room.request("Wang", "POST", f"commands/{name}", content=said)
        refused(answer, 422, "bad-body", f"/{field}")


WRONG: list[Any] = ["", 12, 1.5, True, ["x"], {"x": 1}, None, "a" * 20_001, [None], [{}]]


@pytest.mark.parametrize("name", ON_DUTIES)
def test_a_wrong_kind_of_value_is_refused_and_never_breaks_anything(one_room: Room, name: str) -> None:
    body = good_duty(one_room, name)
    for field in body:
        for wrong in WRONG:
            answer = one_room.tell("Wang", name, {**body, "command_id": new_id(), field: wrong})
            assert answer.status_code in (200, 403, 404, 409, 422), (field, wrong, answer.text)
    assert verify(one_room.parts.database).faults == []


#: Whoever is called answers, and whoever has a seat acts in it: `tests/test_roll_calls.py`, `test_joint.py`.
OF_THE_OWN_DESK = [
    name for name in ON_DUTIES if name != "answer-roll" and not issubclass(COMMANDS[name], JointCommand)
]


@pytest.mark.parametrize("name", OF_THE_OWN_DESK)
def test_a_desk_keeps_its_own_duty(one_room: Room, name: str) -> None:
    room = one_room
    body = good_duty(room, name)
    for who in ("Li", "Qi", "He"):
        told = room.tell(who, name, body)
        post = next(post for person, post, _unit in CREW if person == who)
        if may(post, name):  # type: ignore[arg-type]
            refused(told, 404, "no-such-unit", "/unit")
        else:
            refused(told, 403, "not-your-post")
    below = {**body, "unit": LULONG}
    refused(room.tell("Wang", name, below), 403, "not-your-unit", "/unit")


def test_only_a_duty_leader_changes_the_roster_that_stands(one_room: Room) -> None:
    for name in ON_DUTIES:
        for who in ("Zhao", "Sun", "Chen", "Gao"):
            refused(one_room.tell(who, name, {}), 403, "not-your-post")
    for name in ("change-shift", "cancel-shifts", "approve-swap"):
        refused(one_room.tell("Wu", name, {}), 403, "not-your-post")


@pytest.mark.parametrize("name", ["take-over-shift", "settle-duty-item", "answer-roll"])
def test_two_minutes_ahead_are_taken_and_a_moment_more_is_refused(one_room: Room, name: str) -> None:
    ahead = one_room.clock.now() + timedelta(minutes=2)
    body = good_duty(one_room, name)
    too_far = {**body, "command_id": new_id(), "at": (ahead + timedelta(milliseconds=1)).isoformat()}
    refused(one_room.tell("Wang", name, too_far), 422, "time-in-the-future", "/at")
    assert one_room.tell("Wang", name, {**body, "at": ahead.isoformat()}).status_code == 200


def test_a_batch_may_plan_and_go_on_with_what_it_planned(spare_room: Room) -> None:
    one = shift(0)
    said = [
        {"name": "plan-shifts", "body": {"command_id": new_id(), "unit": CITY, "shifts": [one]}},
        {"name": "take-over-shift", "body": {
            "command_id": new_id(), "unit": CITY, "shift_id": one["shift_id"], "at": spare_room.clock.ago()}},
        {"name": "take-over-shift", "body": {
            "command_id": new_id(), "unit": CITY, "shift_id": new_id(), "at": spare_room.clock.ago()}},
    ]  # fmt: skip
    answer = spare_room.request("Wu", "POST", "commands", json={"commands": said})
    assert [one["status"] for one in answer.json()["results"]] == [200, 200, 404]
    assert spare_room.ask("Wu", "duty")["on"]["shift_id"] == one["shift_id"]


def test_a_refused_command_leaves_no_trace_and_the_next_one_is_decided_on_the_truth(spare_room: Room) -> None:
    room = spare_room
    plan(room, shift(0))
    before = room.ask("Wu", "log")["head"]
    refused(room.tell("Wu", "plan-shifts", {"unit": CITY, "shifts": [shift(1), shift(0)]}), 422,
            "shifts-overlap", "/shifts/1/starts_at")  # fmt: skip
    assert room.ask("Wu", "log")["head"] == before
    assert len(room.ask("Wu", "shifts")["shifts"]) == 1
    plan(room, shift(1))
    assert len(room.ask("Wu", "shifts")["shifts"]) == 2
