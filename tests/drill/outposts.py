"""A small desk on a laptop, two tablets at it: six hours apart from the city, then joined (E31)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from server.outward import upward as outward
from server.outward.upward import Upward
from server.record import upward
from server.record.upward import Settled
from server.safekeeping.take_along import take_along
from server.safekeeping.verify import verify
from tests import words
from tests.drill.experiment import Run, experiment
from tests.outposts import Line
from tests.room import Clock, Room
from tests.waiting import wait_until

WHO = ("Li", "Song", "Liang")


@dataclass
class Hub:
    """The laptop, the city, and the line between them. The tablets' clocks are wrong, each in its own way."""

    city: Room
    laptop: Room
    line: Line
    skews: dict[str, int] = field(default_factory=lambda: {"Li": 3, "Song": -90})
    done: dict[str, list[str]] = field(default_factory=lambda: {"Li": [], "Song": []})

    def pass_by(self, minutes: float) -> None:
        self.city.clock.pass_by(minutes=minutes)
        self.laptop.clock.pass_by(minutes=minutes)

    def send(self, who: str, *commands: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """A tablet's outbox, with what its own clock says."""
        device = (self.laptop.clock.at + timedelta(seconds=self.skews[who])).isoformat()
        said = {"device_at": device, "device_sent_at": device}
        items = [
            {"name": name, "body": {"command_id": words.new_id(), **body, **said}} for name, body in commands
        ]
        answer = self.laptop.request(who, "POST", "commands", json={"commands": items})
        results: list[dict[str, Any]] = answer.json()["results"]
        assert {one["status"] for one in results} == {200}, results
        self.done[who] += [one["command_id"] for one in results]
        return results


@contextmanager
def apart(run: Run, name: str) -> Iterator[Hub]:
    """A city, and a laptop that has taken an incident along; the line is cut."""
    city = Room(run.folder / name / "city", None, Clock())
    city.folder.mkdir(parents=True)
    city.start()
    city.seat()
    line = Line(city)
    with patch.object(Upward, "transport", line):
        laptop: Room | None = None
        try:
            home = words.open_incident(
                title="出发前已有的事件", known_at=city.clock.ago(minutes=20), occurred_at=...
            )
            city.told("Wu", "open-incident", home)
            folder = run.folder / name / "laptop"
            said: dict[str, Any] = {"name": "前指一号", "unit": "130324", "people": WHO, "days": 14}
            take_along(city.parts.database, city.settings, folder, now=city.clock.now, **said)
            laptop = Room(folder, None, Clock(city.clock.at))
            laptop.settings = replace(laptop.settings, upstream="http://city.invalid:8000")
            laptop.start()
            laptop.tokens = {one: laptop.parts.people.add_token(one) for one in WHO}
            yield Hub(city, laptop, line)
        finally:
            if laptop is not None:
                laptop.stop()
            city.stop()


@experiment("E31", "a laptop with two tablets, six hours apart from the city, then joined", minutes=2)
def apart_and_joined(run: Run) -> None:
    chance = random.Random(run.seed)
    with apart(run, "safe") as hub:
        here, report, home = _six_hours(run, hub, chance)
        waiting = upward.counts(hub.laptop.parts.database).waiting
        _join(run, hub, chance)
        _must_be_whole(run, hub, here, home)
        counted = upward.counts(hub.laptop.parts.database)
        run.must("all of it was handed on", (counted.handed, counted.refused) == (waiting, 0), counted)
        hours = [room.ask("Li", f"incidents/{here}")["one_hour"] for room in (hub.city, hub.laptop)]
        same = [{name: one[name] for name in one if name != "desk_elapsed_s"} for one in hours]
        run.must("the hour is the same at both", same[0] == same[1], hours)
        run.must("and kept", hours[0]["result"] == "pass", hours[0])
        issues = [_issue(room, here, report) for room in (hub.laptop, hub.city)]
        run.must("no two papers have one number", issues[0] != issues[1] and "F" in issues[0], issues)
    lost = _hopeful(run, chance)
    run.control("an outpost that thinks handed on what it has sent loses commands", lost)
    run.line(
        f"{waiting} commands of two tablets (clocks +3 s and −90 s) in six hours without the city, "
        f"{run.faults} faults then: each once, in order, at its own time; both logs good; the hour "
        f"{hours[0]['elapsed_s']} s at both; issue {issues[0]} there, {issues[1]} here; without waiting for "
        f"answers {lost} lost",
        commands=waiting, lost_by_control=lost,
    )  # fmt: skip


def _six_hours(run: Run, hub: Hub, chance: random.Random) -> tuple[str, str, str]:
    """An incident is opened and worked on; the laptop stops now and then. Answers the incident, its report,
    and the incident that was taken along."""
    laptop, rounds = hub.laptop, run.scale(60, 6)
    (home,) = [one["id"] for one in laptop.ask("Li", "incidents")["incidents"]]
    new = words.open_incident(title="断路村庄起火", known_at=laptop.clock.ago(minutes=2)) | {
        "occurred_at": laptop.clock.ago(minutes=9)
    }
    here = str(new["incident_id"])
    hub.send("Song", ("open-incident", new))
    hub.pass_by(10)
    dead = words.establish_facts(here, dead=11, known_at=laptop.clock.ago(minutes=1))
    sent = words.record_report(here, sent_at=laptop.clock.ago())
    receipt = words.record_receipt(here, sent["report_id"], received_at=laptop.clock.ago())
    hub.send("Li", ("establish-facts", dead), ("record-report", sent), ("record-receipt", receipt))
    draft = words.draft_report(here)
    laptop.told("Li", "draft-report", draft)
    paper = {"incident_id": here, "report_id": draft["report_id"], "signed_at": laptop.clock.ago()}
    laptop.told("Liang", "sign-report", paper)
    for number in range(rounds):
        hub.pass_by(350 / rounds)
        for who in ("Li", "Song"):
            which = chance.choice((here, home))
            notes = [
                words.add_entry(which, f"{who} {number}-{n}", happened_at=laptop.clock.ago())
                for n in range(4)
            ]
            hub.send(who, *(("add-entry", one) for one in notes))
        if number % max(1, rounds // 3) == 1:
            laptop.restart()
            run.faults += 1
    hub.city.watch()
    return here, draft["report_id"], home


def _join(run: Run, hub: Hub, chance: random.Random) -> None:
    """The line comes and goes, and loses answers, and the laptop stops in the middle of it."""
    database = hub.laptop.parts.database
    with (
        patch.object(outward, "MOST", run.scale(20, 8)),
        patch.object(outward, "FIRST_WAIT_S", 0.02),
        patch.object(outward, "LONGEST_WAIT_S", 0.5),  # in six hours without a line its waits had grown long
    ):
        for _ in range(run.scale(12, 2)):
            before = upward.counts(database).waiting
            hub.line.loses_answers = chance.randint(1, 2)
            run.faults += hub.line.loses_answers + 1
            hub.line.is_up = True
            hub.laptop.parts.upward.ring() if hub.laptop.parts.upward else None
            wait_until(lambda before=before: upward.counts(database).waiting < before, within=30)  # type: ignore[misc]
            hub.line.is_up = False
            if not upward.counts(database).waiting:
                break
        hub.laptop.restart()
        run.faults += 1
        database = hub.laptop.parts.database
        hub.line.is_up = True
        wait_until(lambda: upward.counts(database).waiting == 0, within=120)


def _must_be_whole(run: Run, hub: Hub, *incidents: str) -> None:
    for name, room in (("city", hub.city), ("laptop", hub.laptop)):
        found = verify(room.parts.database)
        run.must(f"the {name}'s log is whole", (found.first_bad, found.faults) == (None, []), found)
    theirs, ours = (_told(room, incidents) for room in (hub.city, hub.laptop))
    for who, ids in hub.done.items():
        places = [theirs.get(one, {}).get("place", -1) for one in ids]
        run.must(f"{who}'s deeds are at the city, in order", places == sorted(places) and -1 not in places)
    there = [one for ids in hub.done.values() for one in ids if one in theirs]
    times = [
        ((theirs[one]["device_at"], theirs[one]["via"]), (ours[one]["device_at"], ours[one]["at"]))
        for one in there
    ]
    wrong = [pair for pair in times if pair[0] != pair[1]]
    run.must("with the times of the tablet and of the laptop", not wrong, wrong[:3])


def _told(room: Room, incidents: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """By command: where it stands, when it was done and when it was written down first."""
    found: dict[str, dict[str, Any]] = {}
    for entry in room.stream("Li"):
        command = entry.get("command_id")
        if command and entry["incident_id"] in incidents and command not in found:
            via = (entry.get("via") or {}).get("recorded_at")
            found[command] = {"place": entry["offset"], "device_at": entry.get("device_at"), "via": via}
            found[command]["at"] = entry["recorded_at"]
    return found


def _issue(room: Room, incident: str, report: str) -> str:
    drafts = room.ask("Li", f"incidents/{incident}")["drafts"]
    return str(next(one for one in drafts if one["report_id"] == report)["issue"]["text"])


def _hopeful(run: Run, chance: random.Random) -> int:
    """How many commands a city never gets from an outpost that does not wait for the answer."""

    async def hopeful(self: Upward, client: Any, batch: list[Any]) -> list[Settled]:
        try:
            await real(self, client, batch)
        except outward.NotTaken:
            pass
        return [Settled(one.position) for one in batch]

    real = Upward._hand_on
    with patch.object(Upward, "_hand_on", hopeful), apart(run, "hopeful") as hub:
        (home,) = [one["id"] for one in hub.laptop.ask("Li", "incidents")["incidents"]]
        hub.send(
            "Li",
            *(
                ("add-entry", words.add_entry(home, f"{n}", happened_at=hub.laptop.clock.ago()))
                for n in range(8)
            ),
        )
        met = Upward._meet

        async def meet(self: Upward, client: Any) -> None:
            await met(self, client)
            hub.line.is_up = False  # it breaks just behind the greeting

        with patch.object(Upward, "_meet", meet):
            hub.line.is_up = True
            database = hub.laptop.parts.database
            wait_until(lambda: upward.counts(database).waiting == 0, within=60)
        there = {one.get("command_id") for one in hub.city.entries(home)}
        return len(set(hub.done["Li"]) - there)
