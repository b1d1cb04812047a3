"""A small Fenghuo in the field: it works for hours without the city, then hands everything on, once, in
order, as what each person did at the time at which they did it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.outward.upward import Upward, exact_upstream
from server.people.credentials import AccountRefused
from server.record import upward
from server.safekeeping.take_along import CannotTake, Taken, take_along
from server.safekeeping.verify import verify
from tests import words
from tests.outposts import Line, counts, send, settled, taken_along, wait_until_handed_on
from tests.product import PASSWORD, FenghuoProcess
from tests.room import Clock, Room
from tests.waiting import wait_until

Rooms = Callable[..., AbstractContextManager[Room]]


PEOPLE = ("Li", "Song")


def take(city: Room, folder: Path, *, people: tuple[str, ...] = PEOPLE, **over: Any) -> Taken:
    said = {"name": "前指一号", "unit": "130324", "people": people, "days": 14} | over
    return take_along(city.parts.database, city.settings, folder, now=city.clock.now, **said)


class Field:
    """A city's room, an outpost's room made from it, and the line between them."""

    def __init__(self, city: Room, folder: Path, line: Line, people: tuple[str, ...] = PEOPLE) -> None:
        self.city, self.line = city, line
        self.order = words.issue_order(self._open_at_home())
        city.told("Wu", "issue-order", self.order)
        city.parts.people.set_password("Song", PASSWORD)
        self.taken = take(city, folder, people=people)
        self.outpost = Room(folder, None, Clock(city.clock.at))
        self.outpost.settings = replace(self.outpost.settings, upstream="http://city.invalid:8000")
        self.outpost.start()
        for name in people:
            self.outpost.tokens[name] = self.outpost.parts.people.add_token(name)

    def _open_at_home(self) -> str:
        body = words.open_incident(title="出发前已有的事件", known_at=self.city.clock.ago(minutes=20))
        del body["occurred_at"]
        tip = {"channel": "tip", "name": "不愿留名的人"}
        self.city.told("Wu", "open-incident", body | {"source": tip})
        self.before: str = body["incident_id"]
        return self.before

    def pass_by(self, **span: float) -> None:
        self.city.clock.pass_by(**span)
        self.outpost.clock.pass_by(**span)

    def join(self) -> upward.Counts:
        self.line.is_up = True
        return settled(self.outpost)


@pytest.fixture
def field(
    each_database: str, rooms: Rooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Field]:
    with rooms(each_database) as city:
        line = Line(city)
        monkeypatch.setattr(Upward, "transport", line)
        made = Field(city, tmp_path / "outpost", line)
        yield made
        made.outpost.stop()


def both_are_whole(field: Field) -> None:
    for room in (field.city, field.outpost):
        found = verify(room.parts.database)
        assert (found.first_bad, found.faults) == (None, [])


def test_six_hours_without_the_city_arrive_there_once_in_order_and_at_their_own_times(field: Field) -> None:
    outpost, city = field.outpost, field.city
    new = words.open_incident(
        title="断路村庄起火", known_at=outpost.clock.ago(minutes=2), device_at=outpost.clock.ago(minutes=2)
    ) | {"occurred_at": outpost.clock.ago(minutes=9)}  # fmt: skip
    here = new["incident_id"]
    number = outpost.told("Song", "open-incident", new)["number"]
    outpost.told("Song", "acknowledge-order", _on(field.order, outpost.clock.ago(minutes=0)))
    outpost.clock.pass_by(minutes=10)
    dead = words.establish_facts(here, dead=11, known_at=outpost.clock.ago(minutes=1))
    outpost.told("Li", "establish-facts", dead)
    report = words.record_report(here, sent_at=outpost.clock.ago(minutes=0))
    outpost.told("Li", "record-report", report)
    receipt = words.record_receipt(here, report["report_id"], received_at=outpost.clock.ago(minutes=0))
    outpost.told("Li", "record-receipt", receipt)
    ordered = words.issue_order(here, to="王三", acknowledge_within_min=30, report_within_min=...)
    outpost.told("Li", "issue-order", ordered)
    given_at = outpost.clock.at
    outpost.clock.pass_by(minutes=5)
    outpost.told("Song", "acknowledge-order", _on(ordered, outpost.clock.ago(minutes=0)))
    assert upward.counts(outpost.parts.database).waiting == 7
    outpost.clock.pass_by(hours=5, minutes=45)
    city.clock.pass_by(hours=6)
    outpost.told(
        "Song", "add-entry", words.add_entry(here, "六小时后") | {"happened_at": outpost.clock.ago()}
    )

    assert field.join().handed == 8
    theirs = [one for one in city.entries(here) if "via" in one]
    assert [one["event"]["type"] for one in theirs] == [
        "incident_opened", "facts_established", "report_recorded", "receipt_recorded", "order_issued",
        "order_acknowledged", "entry_added",
    ]  # fmt: skip
    assert [one["by"] for one in theirs] == ["Song", "Li", "Li", "Li", "Li", "Song", "Song"]
    assert {one["via"]["name"] for one in theirs} == {"前指一号"}
    written = [one for one in outpost.entries(here, who="Li") if "command_id" in one]
    assert [one["via"]["recorded_at"] for one in theirs] == [one["recorded_at"] for one in written]
    assert theirs[0]["device_at"] == written[0]["device_at"]
    assert city.entries(field.before, "order_acknowledged")[0]["by"] == "Song"

    hour, there = (room.ask("Li", f"incidents/{here}")["one_hour"] for room in (city, outpost))
    assert (hour["elapsed_s"], hour["result"]) == (19 * 60, "pass"), "as if the line had been there"
    assert {name: hour[name] for name in hour if name != "desk_elapsed_s"} == {
        name: there[name] for name in there if name != "desk_elapsed_s"
    }
    due = city.entries(here, "order_issued")[0]["event"]["acknowledge_by"]
    assert due == outpost.entries(here, "order_issued", who="Li")[0]["event"]["acknowledge_by"]
    assert due.startswith((given_at.replace(minute=45)).strftime("%Y-%m-%dT%H:%M"))
    city.watch()
    assert city.entries(here, "order_overdue") == [], "it was acknowledged five minutes after it was given"
    assert number.startswith("LL"), number
    assert city.ask("Li", f"incidents/{here}")["number"] != number, "the city counts for itself"
    shown = upward.shown(outpost.parts.database, "handed")
    assert shown[-1]["number"] == city.ask("Li", f"incidents/{here}")["number"]
    both_are_whole(field)


def _on(order: dict[str, Any], at: str) -> dict[str, Any]:
    return {"incident_id": order["incident_id"], "order_id": order["order_id"], "at": at}


def test_a_command_whose_answer_was_lost_and_one_that_the_tablet_sends_itself_are_each_there_once(
    field: Field,
) -> None:
    entry = words.add_entry(field.before, "桥已封控", happened_at=field.outpost.clock.ago())
    field.outpost.told("Song", "add-entry", entry)
    field.line.loses_answers = 1
    assert field.join().handed == 1
    assert field.line.carried >= 2
    answer = field.city.told("Song", "add-entry", entry)
    assert answer["replayed"] is True

    later = words.add_entry(field.before, "平板自己先到", happened_at=field.outpost.clock.ago())
    field.line.is_up = False
    field.outpost.told("Song", "add-entry", later | {"device_sent_at": field.outpost.clock.ago(seconds=3)})
    assert field.city.told("Song", "add-entry", later)["replayed"] is False
    assert field.join().refused == 0
    texts = [one["event"]["text"] for one in field.city.entries(field.before, "entry_added")]
    assert texts == ["桥已封控", "平板自己先到"]
    both_are_whole(field)


def test_a_refused_one_is_kept_with_its_words_and_holds_up_only_what_needs_it(field: Field) -> None:
    outpost, city = field.outpost, field.city
    new = words.open_incident(known_at=outpost.clock.ago(minutes=1)) | {"occurred_at": None}
    outpost.told("Li", "open-incident", new)
    outpost.told(
        "Li", "add-entry", words.add_entry(new["incident_id"], "记一笔", happened_at=outpost.clock.ago())
    )
    outpost.told(
        "Song", "add-entry", words.add_entry(field.before, "别人的", happened_at=outpost.clock.ago())
    )
    city.parts.people.change("Li", disabled=True)
    found = field.join()
    assert (found.handed, found.refused) == (1, 2)
    refused = upward.shown(outpost.parts.database, "refused")
    assert [one["word"] for one in refused] == ["not-spoken-for"] * 2
    page = outpost.get("Li", "/upstream")
    assert (page.status_code, page.text.count('id="up-')) == (200, 2)
    assert "/upstream" in outpost.get("Li", "/").text, "said over the desk"
    assert city.get("Wu", "/upstream").status_code == 404, "there is no desk above"
    assert all("随" in one["detail"] or "along" in one["detail"] for one in refused)
    city.parts.people.change("Li", disabled=False)
    assert upward.again(outpost.parts.database) == 2
    assert (settled(outpost).refused, settled(outpost).handed) == (0, 3)
    assert city.entries(new["incident_id"], "entry_added", who="Wu")[0]["by"] == "Li"


def test_what_waits_and_how_it_stands_is_said_by_readyz_and_by_the_figures(field: Field) -> None:
    field.outpost.told("Song", "add-entry", words.add_entry(field.before, "等着"))
    wait_until(lambda: "degraded" in field.outpost.get(None, "/readyz").json()["checks"]["upstream"])
    said = field.outpost.get(None, "/readyz")
    assert said.status_code == 200, "it works all the same"
    assert "1 wait" in said.json()["checks"]["upstream"]
    figures = field.outpost.parts
    assert figures.upward is not None
    assert figures.upward.state().fault is not None
    field.join()
    wait_until(lambda: field.outpost.get(None, "/readyz").json()["checks"]["upstream"] == "ok")
    assert "upstream" not in field.city.get(None, "/readyz").json()


def test_the_word_of_an_outpost_speaks_for_those_who_went_along_and_does_nothing_else(field: Field) -> None:
    city = field.city
    city.tokens["outpost"] = (field.outpost.folder / "upstream.token").read_text().strip()
    for method, path in (("GET", "incidents"), ("GET", "log"), ("POST", "commands/add-entry"), ("GET", "/")):
        assert city.request("outpost", method, path, json={}).status_code == 403, path
    entry = {"name": "add-entry", "body": words.add_entry(field.before, "冒名")}
    batch = {"commands": [entry]}
    assert city.request("outpost", "POST", "commands", json=batch).json()["results"][0]["status"] == 422
    via = {"recorded_at": city.clock.ago(hours=1), "sent_at": city.clock.ago()}
    for who, word in (("Wu", "not-spoken-for"), ("nobody", "not-spoken-for")):
        account = city.parts.people.get(who)
        person = account.id if account else words.new_id()
        spoken = {"commands": [entry | {"via": via | {"person": person}}]}
        assert city.request("outpost", "POST", "commands", json=spoken).json()["results"][0]["type"] == word
        ours = city.request("Wu", "POST", "commands", json=spoken).json()["results"][0]
        assert ours["errors"][0]["pointer"] == "/via", "no person says by what way"
    song = city.parts.people.get("Song")
    assert song is not None
    good = {"commands": [entry | {"via": via | {"person": song.id}}]}
    done = city.request("outpost", "POST", "commands", json=good).json()["results"][0]
    assert (done["status"], done["offset"]) == (200, None)
    leaders = {"name": "close-incident", "body": words.close_incident(field.before)}
    spoken = {"commands": [leaders | {"via": via | {"person": song.id}}]}
    assert city.request("outpost", "POST", "commands", json=spoken).json()["results"][0]["status"] == 403
    [outpost] = city.parts.outposts.all()
    assert outpost.people == ("Li", "Song")
    assert city.parts.outposts.end(outpost.id)
    city.clock.pass_by(seconds=2)
    wait_until(lambda: city.request("outpost", "POST", "commands", json=good).status_code == 401)


def test_little_is_taken_along(field: Field) -> None:
    people = field.outpost.parts.people
    assert {one.name for one in people.all()} == {"Li", "Song"}
    assert not any(one.has_password for one in people.all()), "no password to guess at"
    assert set(field.taken.links) == {"Li", "Song"}
    invited = people.invited(field.taken.links["Song"])
    assert invited is not None
    assert invited.name == "Song"
    assert field.city.parts.people.invited(field.taken.links["Song"]) is None, "good at the outpost alone"
    everything = (field.outpost.folder / "fenghuo.db").read_bytes() + _wal(field.outpost.folder)
    assert "不愿留名的人".encode() not in everything
    assert "出发前已有的事件".encode() in everything
    whole = verify(field.outpost.parts.database)
    assert (whole.first_bad, whole.faults) == (None, [])


def _wal(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("fenghuo.db-wal"))


def test_what_cannot_be_taken_along_is_said_and_leaves_no_word_behind(one_room: Room, tmp_path: Path) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "x").touch()
    with pytest.raises(CannotTake, match="not empty"):
        take(one_room, used)
    for index, (over, said) in enumerate((
        ({"unit": "nowhere"}, "no unit"), ({"people": ("Wu",)}, "not of 130324"),
        ({"people": ()}, "who goes"), ({"days": 0}, "--days"),
    )):  # fmt: skip
        with pytest.raises(CannotTake, match=said):
            take(one_room, tmp_path / str(index), **over)
    with pytest.raises(AccountRefused):
        take(one_room, tmp_path / "n", people=("Nobody",))
    assert one_room.parts.outposts.all() == []


@pytest.mark.parametrize("text", ["ftp://desk", "https://desk/path", "https://u@desk", "desk:8000"])
def test_the_desk_above_is_named_by_an_address_and_nothing_after(text: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        exact_upstream(text)
    assert exact_upstream("https://desk.example:8443/") == "https://desk.example:8443"


@pytest.mark.timeout(150)
def test_either_side_killed_in_the_middle_loses_nothing_and_does_nothing_twice(
    furnish: Callable[[str], FenghuoProcess], tmp_path: Path
) -> None:
    city = furnish("sqlite")
    city.start()
    before = words.open_incident()
    assert city.tell("Wu", "open-incident", before).status_code == 200
    outpost = taken_along(city, tmp_path / "outpost")
    city.stop()
    outpost.start()
    try:
        for who in ("Li", "Song"):
            said = [("add-entry", words.add_entry(before["incident_id"], f"{who} {n}")) for n in range(300)]
            assert {one["status"] for one in send(outpost, who, *said)} == {200}
        outpost.kill9()
        outpost.start()
        assert counts(outpost)["waiting"] == 600
        city.start()
        wait_until(lambda: counts(outpost)["handed"] > 0, within=60)
        city.kill9()
        outpost.kill9()
        city.start()
        outpost.start()
        wait_until_handed_on(outpost)
        assert counts(outpost)["handed"] == 600
        whole = city.ask("Wu", f"incidents/{before['incident_id']}")["entries"]
        texts = [one["event"]["text"] for one in whole if one["event"]["type"] == "entry_added"]
        assert texts == [f"{who} {n}" for who in ("Li", "Song") for n in range(300)]
        for desk in (city, outpost):
            desk.stop()
            assert desk.fenghuo("verify").stdout.startswith("ok: ")
    finally:
        outpost.stop()
        city.stop()
