"""The map: what moves on it, what is plotted, how it came to that; and nothing that one may not see."""

from __future__ import annotations

from typing import Any

import pytest

from tests import words
from tests.deeds import opened, refused
from tests.room import Room
from tests.words import Body, new_id

SIGN: Body = {"kind": "symbol", "shape": "point", "points": [[118.8, 39.8]]}
HERE = {"division": "130324", "text": "柳河湾", "lon": 118.87, "lat": 39.89}


def on_map(room: Room, who: str = "Wu", **query: Any) -> dict[str, Body]:
    """Everything on somebody's map, by its id."""
    said = room.ask(who, "map", **query)
    return {one["id"]: one for kind in ("incidents", "people", "drawings") for one in said[kind]["features"]}


def test_an_incident_stands_where_somebody_said_and_without_a_place_it_is_there_all_the_same(room: Room):
    placed, nowhere = opened(room, place=HERE, category="forest_fire/crown"), opened(room)
    found = on_map(room)
    assert found[placed]["geometry"] == {"type": "Point", "coordinates": [118.87, 39.89]}
    said = found[placed]["properties"]
    assert (said["symbol"], said["place"], said["drill"], said["level"]) == ("A10600", "柳河湾", False, None)
    assert found[nowhere]["geometry"] is None
    room.told("Wu", "close-incident", words.close_incident(nowhere))
    assert nowhere not in on_map(room)
    assert nowhere in on_map(room, incident=nowhere), "one alone may be closed"


def test_people_stand_where_they_were_last_with_its_age_until_they_withdraw(room: Room):
    one, other = opened(room), opened(room)
    room.told("Song", "report-position", words.report_position(one, at=room.clock.ago(minutes=30)))
    (person,) = (on_map(room, incident=one)[id] for id in on_map(room, incident=one) if id != one)
    assert (person["properties"]["person"], person["properties"]["age_s"]) == ("Song", 1800)
    late = words.report_position(one, at=room.clock.ago(minutes=40), lon=119.5)
    room.told("Song", "report-position", late)
    assert on_map(room)[person["id"]]["geometry"]["coordinates"] == [118.89172, 39.89166], "older, come later"
    room.told("Song", "report-position", words.report_position(other, at=room.clock.ago(), lon=119.1))
    assert person["id"] not in on_map(room), "a person is in one place at a time"
    room.told("Song", "set-field-status", words.set_field_status(other, "withdrawn", at=room.clock.ago()))
    assert not [id for id in on_map(room, incident=other) if id != other]


def test_what_is_plotted_is_moved_by_its_id_and_removed_and_stays_in_the_film(room: Room):
    one = opened(room, place=HERE)
    said = words.draw_on_map(one, label="火场", at=room.clock.ago(minutes=9))
    room.told("Song", "draw-on-map", said)
    drawn = on_map(room)[said["drawing_id"]]
    assert drawn["geometry"]["type"] == "Polygon"
    assert (
        drawn["geometry"]["coordinates"][0][0] == drawn["geometry"]["coordinates"][0][-1] == [118.88, 39.88]
    )
    assert (drawn["properties"]["name"], drawn["properties"]["person"]) == ("灾害范围", "Song")
    before = len(room.entries(one))
    room.told("Song", "draw-on-map", {**said, "command_id": new_id()})
    assert len(room.entries(one)) == before, "the same twice is no news"
    grown = {
        **said,
        "command_id": new_id(),
        "points": [*said["points"], [118.87, 39.89]],
        "at": room.clock.ago(minutes=2),
    }
    room.told("Wu", "draw-on-map", grown)
    drawn = on_map(room)[said["drawing_id"]]
    assert len(drawn["geometry"]["coordinates"][0]) == 5
    assert drawn["properties"]["since"] < drawn["properties"]["at"]
    circle = words.draw_on_map(one, kind="cordon", shape="circle", points=[[118.87, 39.89]], radius_m=500.0)
    room.told("Wu", "draw-on-map", circle)
    assert len(on_map(room)[circle["drawing_id"]]["geometry"]["coordinates"][0]) == 65
    gone = {"incident_id": one, "drawing_id": said["drawing_id"], "at": room.clock.ago()}
    room.told("Wu", "erase-from-map", gone)
    assert said["drawing_id"] not in on_map(room)
    refused(room.tell("Wu", "erase-from-map", gone), 404, "no-such-drawing", "/drawing_id")
    film = room.ask("Wu", f"map/replay/{one}")
    moves = [step["moves"]["what"] for step in film["steps"] if step["moves"]]
    assert moves == ["place", "level", "drawn", "drawn", "drawn", "erased"] or moves == [
        "place",
        "drawn",
        "drawn",
        "drawn",
        "erased",
    ]
    page = room.request("Wu", "GET", f"/incidents/{one}").text
    assert "灾害范围" in page
    assert "撤除标绘" in page


def test_the_film_has_the_level_that_the_desk_saw(room: Room):
    """What was judged stands over what few facts come to; and what is judged in the end over both."""
    one = opened(room, place=HERE, category="work_safety/fire_explosion")
    room.told("Wu", "judge-level", words.judge_level(one, "major", judged_at=room.clock.ago(minutes=3)))
    facts = words.establish_facts(one, known_at=room.clock.ago(minutes=2), dead=1)
    room.told("Wu", "establish-facts", facts)
    final = words.judge_level(one, "ordinary", judged_at=room.clock.ago(minutes=1), scale="final")
    room.told("Wu", "judge-level", final)
    types = [entry["event"]["type"] for entry in room.entries(one)]
    assert "level_computed" in types[types.index("level_judged") :], "it did compute"
    levels = [step["moves"]["level"] for step in room.ask("Wu", f"map/replay/{one}")["steps"]
              if step["moves"] and step["moves"]["what"] == "level"]  # fmt: skip
    assert levels[-1] == room.ask("Wu", f"incidents/{one}")["level"] == "ordinary"
    assert levels[-3:] == ["major", "major", "ordinary"]


@pytest.mark.parametrize(
    ("over", "type", "pointer"),
    [
        ({"points": [[118.8, 39.8], [118.9, 39.9]]}, "drawing-corners", "/points"),
        ({"shape": "point"}, "drawing-corners", "/points"),
        ({"radius_m": 5.0}, "drawing-radius", "/radius_m"),
        ({"shape": "circle", "points": [[118.8, 39.8]]}, "drawing-radius", "/radius_m"),
        ({"symbol": "A10600"}, "drawing-symbol", "/symbol"),
        ({**SIGN}, "drawing-symbol", "/symbol"),
        ({**SIGN, "symbol": "A19999"}, "no-such-symbol", "/symbol"),
        ({"points": []}, "bad-body", "/points"),
        ({"points": [[181.0, 39.8]] * 3}, "bad-body", "/points/0/0"),
        ({"kind": "doodle"}, "bad-body", "/kind"),
    ],
)  # fmt: skip
def test_what_cannot_be_plotted_is_refused_by_its_field(one_room: Room, over: Body, type: str, pointer: str):
    answer = one_room.tell("Song", "draw-on-map", words.draw_on_map(opened(one_room), **over))
    refused(answer, 422, type, pointer)


def test_of_two_departments_each_sees_what_is_shared_and_never_the_rest(own_room: Room):
    """The weather bureau and a county, one incident shared with each; and one with neither."""
    room = own_room
    theirs, shared = opened(room, "Qin", place={**HERE, "division": "130321"}), opened(room, place=HERE)
    for one in (theirs, shared):
        room.told("Gao", "report-position", words.report_position(one, at=room.clock.ago(seconds=40)))
        room.told("Wu", "draw-on-map", words.draw_on_map(one, label=f"范围{one[:8]}"))
    room.told("Wu", "share-incident", {"incident_id": shared, "with": ["130300-qx"]})
    assert {theirs, shared} < on_map(room).keys()
    for who, sees, sees_not in (("He", shared, theirs), ("Qin", theirs, shared), ("Li", shared, theirs)):
        whole = room.get(who, "map").text
        assert sees in whole
        assert sees_not not in whole, who
        assert f"范围{sees_not[:8]}" not in whole
        assert len(on_map(room, who)) == 3 if who != "Qin" else True
        for path in ("map", f"map/replay/{sees_not}"):
            query = {"incident": sees_not} if path == "map" else {}
            assert room.get(who, path, **query).status_code == 404
            assert room.get(who, f"map/replay/{sees}").status_code == 200


def test_what_was_written_between_two_looks_is_seen_at_the_second(own_room: Room):
    room = own_room
    one = opened(room)
    for minute in (9, 6, 3):
        here = words.report_position(one, at=room.clock.ago(minutes=minute), lon=118.8 + minute / 100)
        room.told("Song", "report-position", here)
        found = on_map(room)
        (person,) = (found[id] for id in found if id != one)
        assert person["geometry"]["coordinates"][0] == here["lon"]
    room.restart()
    assert person["id"] in on_map(room), "and after a start all of it is read again"
