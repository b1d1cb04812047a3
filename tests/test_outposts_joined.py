"""What becomes of two logs when a line joins them: numbers, limits, a city that was restored meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from server.outward.upward import Upward
from server.record import upward
from server.safekeeping.backup import backup, restore
from server.settings import Settings
from tests import words
from tests.drill import catalogue
from tests.drill.experiment import short_form
from tests.outposts import Line, settled
from tests.room import Room
from tests.test_outposts import Field, both_are_whole
from tests.waiting import wait_until


@pytest.fixture
def field(
    rooms: Callable[..., AbstractContextManager[Room]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Field]:
    with rooms("sqlite") as city:
        line = Line(city)
        monkeypatch.setattr(Upward, "transport", line)
        made = Field(city, tmp_path / "outpost", line, people=("Li", "Song", "Liang"))
        yield made
        made.outpost.stop()


def sign(room: Room, incident: str) -> dict[str, Any]:
    """A report is written and signed; the report as it then stands."""
    draft = words.draft_report(incident)
    room.told("Li", "draft-report", draft)
    paper = {"incident_id": incident, "report_id": draft["report_id"], "signed_at": room.clock.ago()}
    room.told("Liang", "sign-report", paper)
    return report(room, incident, draft["report_id"])


def report(room: Room, incident: str, report_id: str) -> dict[str, Any]:
    drafts = room.ask("Li", f"incidents/{incident}")["drafts"]
    return next(one for one in drafts if one["report_id"] == report_id)


def test_no_two_papers_have_one_number(field: Field) -> None:
    """An outpost counts for itself, with its mark; the city gives the report its own number when it comes."""
    here = sign(field.outpost, field.before)
    at_home = words.open_incident(known_at=field.city.clock.ago(minutes=3), occurred_at=...)
    field.city.told("Li", "open-incident", at_home)
    there = sign(field.city, at_home["incident_id"])
    year = field.city.clock.at.year
    assert here["issue"]["text"].startswith(f"〔{year}〕第F1期")
    assert there["issue"]["text"].startswith(f"〔{year}〕第1期")
    assert here["issue"]["series"] != there["issue"]["series"]
    assert field.join().refused == 0
    joined = report(field.city, field.before, here["report_id"])
    assert joined["issue"]["text"].startswith(f"〔{year}〕第2期")
    assert joined["issue"]["series"] == there["issue"]["series"]
    both_are_whole(field)


def order_of(room: Room, incident: str) -> dict[str, Any]:
    (found,) = room.ask("Wu", f"incidents/{incident}")["orders"]
    shown: dict[str, Any] = found
    return shown


def test_an_order_that_was_taken_in_time_beyond_a_cut_line_was_not_missed(field: Field) -> None:
    field.pass_by(minutes=2)
    taken = {
        "incident_id": field.before,
        "order_id": field.order["order_id"],
        "at": field.outpost.clock.ago(),
    }
    field.outpost.told("Song", "acknowledge-order", taken)
    field.pass_by(hours=6)
    field.city.watch()
    assert order_of(field.city, field.before)["overdue"] == ["acknowledge", "report"], "nobody told the city"
    assert field.join().refused == 0
    stands = order_of(field.city, field.before)
    assert (stands["overdue"], stands["acknowledged_by"]) == (["report"], "Song")
    kinds = [one["event"]["type"] for one in field.city.entries(field.before)]
    assert kinds.index("order_overdue") < kinds.index("order_acknowledged"), "the log says how it was"
    late = {"incident_id": field.before, "order_id": field.order["order_id"], "at": field.outpost.clock.ago()}
    field.outpost.told("Song", "report-on-order", late | {"text": "已核实"})
    settled(field.outpost)
    assert order_of(field.city, field.before)["overdue"] == ["report"], "that one was late"
    both_are_whole(field)


def test_a_city_that_was_restored_gets_what_it_had_lost_before_what_is_new(
    field: Field, tmp_path: Path
) -> None:
    outpost = field.outpost
    backup(field.city.parts.database, tmp_path / "kept")
    new = words.open_incident(known_at=outpost.clock.ago(minutes=1)) | {"occurred_at": None}
    here = new["incident_id"]
    outpost.told("Song", "open-incident", new)
    outpost.told("Song", "add-entry", words.add_entry(here, "恢复以前", happened_at=outpost.clock.ago()))
    assert field.join().handed == 2
    field.line.is_up = False
    outpost.told("Song", "add-entry", words.add_entry(here, "恢复以后", happened_at=outpost.clock.ago()))
    folder = tmp_path / "again"
    restore(tmp_path / "kept", Settings(data=folder))
    again = Room(folder, None, field.city.clock)
    again.tokens = field.city.tokens
    again.start()
    try:
        assert again.get("Wu", f"incidents/{here}").status_code == 404
        field.line.city = again
        field.line.is_up = True
        wait_until(lambda: upward.counts(outpost.parts.database).handed == 3, within=30)
        assert upward.counts(outpost.parts.database).refused == 0
        texts = [one["event"]["text"] for one in again.entries(here, "entry_added", who="Wu")]
        assert texts == ["恢复以前", "恢复以后"]
        carried = field.line.carried
        outpost.told("Song", "add-entry", words.add_entry(here, "平常", happened_at=outpost.clock.ago()))
        wait_until(lambda: upward.counts(outpost.parts.database).handed == 4, within=30)
        assert field.line.carried <= carried + 2, "not all of it for ever"
    finally:
        again.stop()


def test_an_order_from_above_rings_here_is_taken_here_and_goes_up(field: Field) -> None:
    city, outpost = field.city, field.outpost
    stranger = words.open_incident(place={"division": "130321", "text": "青龙"}, known_by="130321")
    city.told("Wu", "open-incident", stranger)
    order = words.issue_order(field.before, "Song", text="立即转移下游村民", acknowledge_within_min=30)
    city.told("Wu", "issue-order", order)
    field.pass_by(minutes=1)
    outpost.told(
        "Song", "add-entry", words.add_entry(field.before, "线通以前", happened_at=outpost.clock.ago())
    )
    field.join()

    def orders(room: Room) -> dict[str, dict[str, Any]]:
        return {one["order_id"]: one for one in room.ask("Li", f"incidents/{field.before}")["orders"]}

    leapt = time.monotonic()

    def has_come() -> bool:
        nonlocal leapt
        if order["order_id"] in orders(outpost):
            return True
        if time.monotonic() - leapt > 3:  # not while a question is on its way: the skew would be wrong
            field.pass_by(seconds=20)  # it asks every 15, counted from its last answer
            leapt = time.monotonic()
        return False

    wait_until(has_come, within=30)
    here, there = orders(outpost)[order["order_id"]], orders(city)[order["order_id"]]
    same = ("to", "text", "by", "acknowledge_by", "report_by")
    assert [here[name] for name in same] == [there[name] for name in same]
    (entry,) = [one for one in outpost.entries(field.before, "order_issued", who="Li") if "via" in one]
    assert (entry["by"], entry["unit"], entry["via"]["way"]) == ("Wu", "130300", "above")
    assert entry["via"]["recorded_at"] == there["issued_at"]
    field.line.is_up = False
    taken = {"incident_id": field.before, "order_id": order["order_id"], "at": outpost.clock.ago()}
    outpost.told("Song", "acknowledge-order", taken)
    assert field.join().refused == 0
    assert orders(city)[order["order_id"]]["acknowledged_by"] == "Song"
    assert len(city.entries(field.before, "order_issued")) == 2, "the order itself did not go up again"
    page = outpost.get("Li", "/upstream").text
    assert city.ask("Li", f"incidents/{field.before}")["number"] in page
    assert "截至" in page
    assert "<td>在办</td>" in page
    both_are_whole(field)

    secret = outpost.settings.upstream_token.read_text().strip()
    path = f"outposts/seen?incidents={field.before},{stranger['incident_id']}"
    told = city.request(None, "GET", path, headers={"Authorization": f"Bearer {secret}"}).json()
    assert [one["id"] for one in told["incidents"]] == [field.before]
    assert told["gone"] == [stranger["incident_id"]], "another county's is not seen"
    assert "不愿留名" not in str(told)
    assert city.get("Wu", path).status_code == 403


def test_an_order_from_above_that_cannot_stand_here_is_said_on_the_screen(field: Field) -> None:
    """It rings nowhere, so somebody must answer by voice."""
    outpost, above = field.outpost, field.outpost.parts.upward
    assert above is not None
    field.line.is_up = False
    given = words.issue_order(field.before, "Song", text="立即撤到高地")
    outpost.told("Li", "issue-order", given)

    def order(order_id: str, text: str) -> dict[str, Any]:
        at = outpost.clock.ago(minutes=1)
        who = {"to": "Song", "by": "Wu", "post": "duty_officer", "unit": "130300", "issued_at": at}
        return {"order_id": order_id, "text": text, "acknowledge_by": None, "report_by": None, **who}

    incident = {
        "id": field.before, "number": "QHD-2026-0001", "title": "x", "state": "open", "level": None,
        "changed_at": outpost.clock.ago(),
        "orders": [order(given["order_id"], given["text"])],
    }  # fmt: skip
    unknown = incident | {"id": words.new_id(), "orders": [order(words.new_id(), "转移下游村民")]}

    def seen(*incidents: dict[str, Any]) -> None:
        said = {"time": outpost.clock.ago(), "incidents": list(incidents), "gone": []}
        asyncio.run(above._down.take(said, outpost.clock.now(), 0))

    seen(incident, unknown)
    assert "1 条上级指令没有进本台" in outpost.get("Li", "/upstream/line").text, "over every screen"
    page = outpost.get("Li", "/upstream").text
    assert "<bdi>转移下游村民</bdi>" in page
    assert "立即撤到高地" not in page, "that one was given here"
    seen(incident, unknown | {"orders": []})
    assert "没有进本台" not in outpost.get("Li", "/upstream").text, "it is taken above meanwhile"


@pytest.mark.timeout(150)
def test_a_laptop_with_two_tablets_six_hours_apart_and_then_joined(tmp_path: Path) -> None:
    catalogue.load()
    short_form("E31", tmp_path)
