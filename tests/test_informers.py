"""Who told of something that others would keep quiet is named to those posts only that need the name."""

from __future__ import annotations

from server.safekeeping.verify import verify
from tests import words
from tests.deeds import opened, refused
from tests.room import Room
from tests.test_visibility import asked
from tests.words import new_id

KNOWS = ("Wu", "Wang", "Sun", "Li")
KNOWS_NOT = ("Zhao", "Chen", "Luo", "Gao", "Lian", "Song")


def informed(room: Room) -> tuple[str, str]:
    """A tip at the opening and a second one later. Returns the incident and the second informer's name."""
    first, second = f"举报人{new_id()[:6]}", f"知情人{new_id()[:6]}"
    one = opened(
        room, who="Li", source={"channel": "12350", "name": first, "phone": "13912345678", "unit": "某矿"}
    )
    later = words.establish_facts(one, "09:00", dead=1, source={"channel": "tip", "name": second})
    room.told("Li", "establish-facts", later)
    return one, second


def test_an_informer_is_named_to_those_posts_only_that_need_the_name(room: Room) -> None:
    one, name = informed(room)
    for who in KNOWS:
        assert room.ask(who, f"incidents/{one}")["informer"] == {"name": name, "phone": None}, who
        restricted = [entry for entry in room.ask(who, "log", stream="restricted", limit=1000)["entries"]]
        named = [entry["event"].get("name") for entry in restricted if entry["incident_id"] == one]
        assert named[-1] == name
        assert len(named) == 2
        assert [entry["offset"] for entry in restricted] == list(range(1, len(restricted) + 1))
    for who in KNOWS_NOT:
        assert room.ask(who, f"incidents/{one}")["informer"] is None, who
        refused(room.get(who, "log", stream="restricted"), 403, "not-your-post")
    for who in ("Zhao", "Lian"):
        for url, answer in asked(room, who, one):
            for secret in ("举报人", name, "13912345678"):
                assert secret not in answer.text, (who, url)
    shown = room.ask("Zhao", f"incidents/{one}")
    assert shown["source"] == {"channel": "tip"}
    assert all("name" not in (said["source"] or {}) for said in shown["fact_history"])


def test_a_unit_that_shares_an_incident_does_not_learn_who_told(room: Room) -> None:
    one, _name = informed(room)
    room.told("Li", "share-incident", {"incident_id": one, "with": ["130321"]})
    late = words.establish_facts(one, "10:00", dead=1, source={"channel": "tip", "name": "第三人"})
    room.told("Li", "establish-facts", late)
    assert room.ask("Qin", f"incidents/{one}")["informer"] is None
    assert all(
        entry["incident_id"] != one for entry in room.ask("Qin", "log", stream="restricted")["entries"]
    )
    assert room.ask("Li", f"incidents/{one}")["informer"]["name"] == "第三人"
    assert "第三人" not in room.get("Qin", f"incidents/{one}").text
    assert verify(room.parts.database).faults == []


def test_an_ordinary_callers_name_is_for_the_whole_desk(room: Room) -> None:
    one = opened(room, who="Li", source={"channel": "110", "name": "报警人", "phone": "0335-1"})
    assert room.ask("Zhao", f"incidents/{one}")["source"]["name"] == "报警人"
    assert room.ask("Wu", f"incidents/{one}")["informer"] is None
