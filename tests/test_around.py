"""What is one key away on an incident's page: who can be rung, and which incidents belong to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.screens.around import dial
from tests import duty_deeds, words
from tests.room import Room
from tests.words import new_id


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path, None)
    room.start()
    room.seat()
    yield room
    room.stop()


def opened(room: Room, who: str = "Li", **over: Any) -> str:
    body = words.open_incident(known_at=room.clock.ago(minutes=5), occurred_at=room.clock.ago(minutes=9))
    room.told(who, "open-incident", {**body, **over})
    return str({**body, **over}["incident_id"])


def around(room: Room, incident: str, who: str = "Wu") -> str:
    answer = room.request(who, "GET", f"/incidents/{incident}/around")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_who_is_on_duty_at_the_incident_s_units_can_be_rung(room: Room):
    incident = opened(room)
    duty_deeds.plan(room)
    duty_deeds.plan(room, duty_deeds.shift(0, "钱某", leader=None), who="Li", unit=duty_deeds.LULONG)
    page = around(room, incident)
    assert "吴某" in page
    assert "钱某" in page
    assert 'href="tel:03350000001"' in page
    assert 'href="tel:13900000000"' in page, "the leader, too"


def test_a_county_rings_its_own_desk_and_reads_nobody_s_roster_above(room: Room):
    incident = opened(room)
    duty_deeds.plan(room)
    page = around(room, incident, "Li")
    assert "吴某" not in page
    assert "13900000000" not in page


def test_whoever_said_something_can_be_rung_each_once(room: Room):
    incident = opened(room, source={"channel": "110", "name": "接警员", "phone": "0335-110 0001"})
    for phone in ("139 0000 0002", "139 0000 0002", "找门卫转"):
        source = {"channel": "phone", "unit": "县医院", "name": "张某", "phone": phone}
        said = words.establish_facts(incident, dead=1, known_at=room.clock.ago(minutes=1), source=source)
        room.told("Li", "establish-facts", said)
    page = around(room, incident)
    assert page.count("139 0000 0002") == 1
    assert 'href="tel:13900000002"' in page
    assert 'href="tel:03351100001"' in page
    assert "找门卫转" in page
    assert page.count("tel:") == 2, "words are no number"


def test_an_informer_is_never_among_them(room: Room):
    tip = {"channel": "tip", "name": "王强", "phone": "15033500028"}
    incident = opened(room, source=tip)
    said = words.establish_facts(incident, dead=1, known_at=room.clock.ago(minutes=1), source=tip)
    room.told("Li", "establish-facts", said)
    assert "15033500028" in room.request("Wu", "GET", f"/incidents/{incident}").text, "who may know, does"
    for who in ("Wu", "Li", "Zhao"):
        page = around(room, incident, who)
        assert "王强" not in page
        assert "15033500028" not in page


def test_incidents_near_in_place_and_time_and_of_its_kind_have_their_link_and_others_have_not(room: Room):
    incident = opened(room)
    near = opened(room, title="隔壁仓库也起火", known_at=room.clock.ago(minutes=90))
    closed = opened(room, title="早先的火", known_at=room.clock.ago(minutes=300))
    room.told("Li", "close-incident", words.close_incident(closed, at=room.clock.ago()))
    park = {"division": "130324", "text": "刘田各庄镇中心小区"}
    strange = opened(room, title="小区停水", category="public_health", place=park)
    elsewhere = opened(room, "Qin", place={"division": "130321", "text": "青龙镇"}, title="又一处起火")
    drill = opened(room, drill=True)
    page = around(room, incident)
    assert all(f'href="/incidents/{one}"' in page for one in (near, closed))
    assert not any(one in page for one in (strange, elsewhere, drill))
    assert f'href="/incidents/{incident}"' not in page


def test_what_was_merged_into_it_is_named_and_linked(room: Room):
    incident = opened(room)
    double = opened(room, "Qin", place={"division": "130321", "text": "青龙镇"}, title="另一种说法")
    room.told("Wu", "merge-incident", {"command_id": new_id(), "incident_id": double, "into": incident})
    page = around(room, incident)
    assert "已并入本件" in page
    assert f'href="/incidents/{double}"' in page


def test_what_one_may_not_see_is_not_related_and_not_found(room: Room):
    incident = opened(room)
    assert room.request("Qin", "GET", f"/incidents/{incident}/around").status_code == 404
    shared = opened(room, "Qin", place={"division": "130321", "text": "青龙镇"})
    room.told("Wu", "share-incident", {"incident_id": shared, "with": ["130324"]})
    hidden = opened(room, "Qin", place={"division": "130321", "text": "青龙镇"}, title="青龙镇又起火")
    page = around(room, shared, "Li")
    assert hidden not in page
    assert hidden in around(room, shared, "Wu")


@pytest.mark.parametrize(
    ("said", "dialled"),
    [
        ("0335-3650001", "03353650001"),
        ("+86 139 0000 0001", "+8613900000001"),
        ("（0335）365.0001", "03353650001"),
        ("110", "110"),
        ("12", ""),
        ("3650001转801", ""),
        ("13900000001、13900000002", ""),
        ("", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_only_what_is_one_number_is_dialled(said: str, dialled: str):
    assert dial(said) == dialled
