"""Two numbers that contradict each other: side by side until an officer chooses; no clock moves by that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from server.domain.contradictions import Contradiction, Word, contradiction
from tests import words
from tests.room import Room
from tests.words import establish_facts

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
COUNTY, HOSPITAL, POLICE = ("130324",), ("130324", "120"), ("130324", "110")


def said(source: tuple[str, ...], value: int | None, minute: int, *, settles: bool = False) -> Word:
    return Word(source, value, NOON + timedelta(minutes=minute), settles)


# --- which words stand ------------------------------------------------------------------------------------


def test_two_sources_that_differ_stand_side_by_side_and_the_latest_counts():
    assert contradiction([said(COUNTY, 3, 0), said(HOSPITAL, 5, 10)]) == Contradiction(1, (0,))
    late_entry = [said(HOSPITAL, 5, 10), said(COUNTY, 3, 0)]
    assert contradiction(late_entry) == Contradiction(0, (1,))


def test_who_agrees_and_who_knows_nothing_contradicts_nobody():
    assert contradiction([]) is None
    assert contradiction([said(COUNTY, 3, 0), said(HOSPITAL, 3, 10)]) is None
    assert contradiction([said(COUNTY, None, 0), said(HOSPITAL, 3, 10)]) is None


def test_a_number_stands_against_a_later_unknown():
    assert contradiction([said(COUNTY, 3, 0), said(HOSPITAL, None, 10)]) == Contradiction(1, (0,))


def test_a_source_s_own_later_word_takes_the_place_of_its_earlier_one():
    assert contradiction([said(COUNTY, 3, 0), said(COUNTY, 5, 10)]) is None
    three = [said(HOSPITAL, 4, 5), said(COUNTY, 3, 0), said(COUNTY, 5, 10)]
    assert contradiction(three) == Contradiction(2, (0,))
    entered_late = [said(COUNTY, 5, 10), said(COUNTY, 3, 0)]
    assert contradiction(entered_late) is None


def test_a_word_with_an_explanation_settles_what_was_said_before_it():
    both = [said(COUNTY, 3, 0), said(HOSPITAL, 5, 10)]
    assert contradiction([*both, said(COUNTY, 3, 20, settles=True)]) is None
    assert contradiction([*both, said(COUNTY, 3, 20)]) is not None, "without one it does not"


def test_an_explained_word_settles_nothing_that_became_known_after_it():
    both = [said(HOSPITAL, 5, 10), said(POLICE, 4, 12)]
    assert contradiction([*both, said(COUNTY, 3, 5, settles=True)]) == Contradiction(1, (0, 2))


def test_after_a_choice_the_chosen_source_goes_on_and_the_other_contradicts_anew():
    chosen = [said(COUNTY, 3, 0), said(HOSPITAL, 5, 10), said(COUNTY, 5, 20, settles=True)]
    assert contradiction([*chosen, said(HOSPITAL, 6, 30)]) is None
    assert contradiction([*chosen, said(POLICE, 4, 30)]) == Contradiction(3, (2,))
    assert contradiction([*chosen, said(COUNTY, 4, 30)]) == Contradiction(3, (2,))


def test_what_is_entered_after_a_choice_was_not_chosen_against_however_old_it_is():
    chosen = [said(COUNTY, 3, 0), said(HOSPITAL, 5, 10), said(HOSPITAL, 5, 20, settles=True)]
    assert contradiction([*chosen, said(POLICE, 7, 15)]) == Contradiction(2, (3,))


# --- on the record ----------------------------------------------------------------------------------------


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path, None)
    room.start()
    room.seat()
    yield room
    room.stop()


def contradicted(room: Room, **over: Any) -> str:
    """The county says 3, then the hospital 12: 重大 by the latest word."""
    body = words.open_incident(known_at=room.clock.ago(minutes=20), occurred_at=room.clock.ago(minutes=25))
    room.told("Li", "open-incident", {**body, **over})
    incident = str(body["incident_id"])
    for minutes, dead, source in ((15, 3, None), (10, 12, {"channel": "120", "name": "调度张某"})):
        said = establish_facts(incident, dead=dead, known_at=room.clock.ago(minutes=minutes))
        room.told("Li", "establish-facts", {**said, **({"source": source} if source else {})})
    return incident


def figures_of(room: Room, incident: str) -> dict[str, Any]:
    shown = room.ask("Wu", f"incidents/{incident}")
    return {name: shown[name] for name in ("facts", "one_hour", "level", "known_at", "obligations")}


def choice(room: Room, incident: str, dead: int, **over: Any) -> dict[str, Any]:
    """As the page sends it."""
    said = establish_facts(incident, dead=dead, known_at=room.clock.ago(), explanation="死亡采信一说")
    return {**said, **over}


def test_choosing_the_number_that_counts_changes_no_figure_and_no_clock(room: Room):
    incident = contradicted(room)
    before = figures_of(room, incident)
    assert before["facts"]["dead"] == 12
    room.told("Wu", "establish-facts", choice(room, incident, 12))
    assert figures_of(room, incident) == before


def test_choosing_the_other_number_leaves_the_hour_where_it_began(room: Room):
    incident = contradicted(room)
    before = figures_of(room, incident)
    room.told("Wu", "establish-facts", choice(room, incident, 3))
    after = figures_of(room, incident)
    assert after["facts"]["dead"] == 3
    for name in ("case", "start", "start_basis", "known_at", "threshold_at"):
        assert after["one_hour"][name] == before["one_hour"][name]
    frozen = {one["id"]: (one["started_at"], one["due_at"]) for one in before["obligations"]}
    assert {one["id"]: (one["started_at"], one["due_at"]) for one in after["obligations"]}.items() >= (
        frozen.items()
    )


def test_the_page_shows_both_with_who_said_them_until_one_is_chosen(room: Room):
    incident = contradicted(room)
    page = room.request("Wu", "GET", f"/incidents/{incident}").text
    assert "报数有出入" in page
    assert page.count('data-choose="dead"') == 2
    assert "死亡采信12（卢龙 120 调度张某" in page
    assert 'data-known-by="130324"' in page
    room.told("Wu", "establish-facts", choice(room, incident, 3))
    assert "报数有出入" not in room.request("Wu", "GET", f"/incidents/{incident}").text


def test_who_may_not_write_facts_sees_the_contradiction_and_has_no_button(room: Room):
    incident = contradicted(room)
    page = room.request("Zhao", "GET", f"/incidents/{incident}").text
    assert "报数有出入" in page
    assert "data-choose=" not in page


def test_a_number_from_outside_the_chain_is_known_to_the_officer_s_unit_once_chosen(room: Room):
    incident = contradicted(room)
    outside = establish_facts(incident, dead=13, known_at=room.clock.ago(minutes=5), known_by="SITE")
    room.told("Li", "establish-facts", outside)
    assert 'data-known-by="130300"' in room.request("Wu", "GET", f"/incidents/{incident}").text


def test_a_report_that_rests_on_a_contradicted_number_says_so_until_it_is_chosen(room: Room):
    incident = contradicted(room)
    body = words.draft_report(incident)
    room.told("Wu", "draft-report", body)
    (draft,) = room.ask("Wu", f"incidents/{incident}")["drafts"]
    assert "死亡12人（另报3人，正在核实）" in draft["content"]["body"]
    assert "另报" not in draft["content"]["title"]
    path = f"/incidents/{incident}/reports/{body['report_id']}"
    assert "报数有出入" in room.request("Wu", "GET", path).text
    room.told("Wu", "establish-facts", choice(room, incident, 12))
    assert "报数有出入" not in room.request("Wu", "GET", path).text
    room.told("Wu", "draft-report", words.draft_report(incident, stage="follow_up"))
    drafts = room.ask("Wu", f"incidents/{incident}")["drafts"]
    assert all("另报" not in one["content"]["body"] for one in drafts if one["stage"] == "follow_up")
