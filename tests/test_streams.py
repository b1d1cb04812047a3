"""One stream per unit, over the whole product: dense, ordered, complete, and nobody else's.

The long form (500 listeners, 200 drops, 5,000 entries) is part of `scripts/drill E04`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests import words
from tests.faults import as_heard, storm, whole_log
from tests.product import FenghuoProcess, Listener

TIPSTER, TIPSTERS_PHONE = "举报人王五六", "13900001234"
FIELDS = {
    "type", "offset", "by", "command_id", "event", "incident_id", "late_s", "occurred_at", "post",
    "recorded_at", "unit", "words",
}  # fmt: skip


@pytest.mark.timeout(120)
def test_listeners_dropped_at_random_moments_end_with_every_entry_and_nobody_elses(own_desk: FenghuoProcess):
    found = storm(own_desk, listeners=60, drops=40, entries=500, seed=11)
    swarm = found.swarm
    print(
        f"{found.drops} drops, {swarm.frames} frames, repeats {swarm.repeats}, {swarm.reconnects} reconnects"
    )
    assert not found.wrong
    assert swarm.reconnects >= 20
    assert sum(ear.resumes.count("replay") for ear in swarm.ears) >= 20, "nobody had anything to catch up"
    assert not swarm.repeats, "a resumed listener was sent what it had"
    assert not found.logs["He"], "the weather bureau was shown what nobody shared with it"
    counties = len(found.logs["Li"]) + len(found.logs["Qin"])
    assert counties < len(found.logs["Wu"])
    for entry in found.logs["Li"] + found.logs["Qin"]:
        assert set(entry) <= FIELDS, "what else an entry says might count what others do"


# --- coming back ------------------------------------------------------------------------------------------


def write_many(desk: FenghuoProcess, who: str, incident_id: str, count: int) -> None:
    """So many lines of the log, in batches as a tablet's outbox sends them."""
    with desk.client(who) as client:
        while count > 0:
            lines = [words.add_entry(incident_id, f"补录 {n}") for n in range(min(count, 500))]
            batch = {"commands": [{"name": "add-entry", "body": body} for body in lines]}
            results = client.post("/api/v1/commands", json=batch).raise_for_status().json()["results"]
            assert {one["status"] for one in results} == {200}
            count -= len(lines)


async def offsets_from(live: Listener, count: int) -> list[int]:
    return [entry["offset"] for entry in await live.entries(count, within=20)]


async def test_who_comes_back_is_told_what_was_missed_to_the_very_entry(own_desk: FenghuoProcess):
    opened = words.open_incident()
    assert own_desk.tell("Li", "open-incident", opened).status_code == 200
    page = own_desk.ask("Li", "log")
    await asyncio.to_thread(write_many, own_desk, "Li", opened["incident_id"], 1_010 - page["head"])
    page = own_desk.ask("Li", "log", after=1_000)
    epoch, head = page["epoch"], page["head"]
    assert head >= 1_010

    async def resume(said: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        """The welcome, and the offsets that follow it up to one entry that is written afterwards."""
        async with own_desk.listen("Li", said) as live:
            told = live.welcome
            after = own_desk.ask("Li", "log", after=told["head"])["head"]
            body = words.add_entry(opened["incident_id"], "在此之后")
            assert own_desk.tell("Li", "add-entry", body).status_code == 200
            got: list[int] = []
            while not got or got[-1] <= after:
                got += await offsets_from(live, 1)
            return told, got

    async def expect(after: int | None, resumes: str, first: int, **said: Any) -> None:
        told, got = await resume({"epoch": epoch, "after": after, **said})
        assert (told["resume"], told["stream"], told["epoch"]) == (resumes, "130324", epoch), said
        assert got == list(range(first, got[-1] + 1)), (after, said)
        if resumes == "refresh":
            assert got[0] == told["head"] + 1

    def now() -> int:
        return int(own_desk.ask("Li", "log", limit=1)["head"])

    await expect(now(), "nothing", now() + 1)
    await expect(now() - 1, "replay", now())
    await expect(now() - 1_000, "replay", now() - 999)
    await expect(now() - 1_001, "refresh", now() + 1)
    await expect(now() + 1, "refresh", now() + 1)
    await expect(2**62, "refresh", now() + 1)
    await expect(now() - 1, "refresh", now() + 1, epoch="another lineage")
    await expect(now() - 1, "refresh", now() + 1, epoch=None)
    await expect(0, "refresh", now() + 1)  # our own epoch, and too far behind
    await expect(0, "replay", 1, epoch=None)  # the stream from its beginning, however long it is
    await expect(None, "nothing", now() + 1)
    own_desk.kill9()
    own_desk.start()
    await expect(now() - 3, "replay", now() - 2)  # the epoch outlives the process


async def test_a_unit_that_is_let_in_later_has_the_whole_past_in_order_before_anything_new(
    desk: FenghuoProcess,
):
    opened = words.open_incident(facts={"dead": 3, "missing": 1})
    the = opened["incident_id"]
    desk.tell("Li", "open-incident", opened)
    for number in range(5):
        assert desk.tell("Li", "add-entry", words.add_entry(the, f"第 {number} 条")).status_code == 200
    before = len(whole_log(desk, "He"))

    async def go_on(who: str) -> None:
        async with desk.async_client(who) as client:
            for number in range(15):
                body = words.add_entry(the, f"{who} 第 {number} 条")
                assert (await client.post("/api/v1/commands/add-entry", json=body)).status_code == 200

    async with desk.listen("He") as live:
        writing = [asyncio.create_task(go_on(who)) for who in ("Li", "Wu")]
        shared = {"incident_id": the, "with": ["130300-qx"]}
        assert (await asyncio.to_thread(desk.tell, "Li", "share-incident", shared)).status_code == 200
        await asyncio.gather(*writing)
        log = whole_log(desk, "He")[before:]
        heard = await live.entries(len(log), within=20)
    assert heard == log
    of_the_county = [entry for entry in whole_log(desk, "Li") if entry["incident_id"] == the]
    assert [strip(entry) for entry in log[: len(of_the_county)]] == [strip(entry) for entry in of_the_county]
    assert [entry["event"]["type"] for entry in log].count("incident_shared") == 1
    assert desk.ask("He", f"incidents/{the}")["number"] == desk.ask("Li", f"incidents/{the}")["number"]
    assert not [entry for entry in whole_log(desk, "Qin") if entry["incident_id"] == the]


def strip(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry without the place it has in one stream."""
    return {name: value for name, value in entry.items() if name != "offset"}


# --- who gave the tip -------------------------------------------------------------------------------------


async def test_an_informers_name_is_heard_by_those_alone_who_may(desk: FenghuoProcess):
    tip = {"channel": "12350", "name": TIPSTER, "phone": TIPSTERS_PHONE}
    async with (
        desk.listen("Li", {"stream": "restricted"}) as county,
        desk.listen("Wu", {"stream": "restricted"}) as city,
        desk.listen("Qin", {"stream": "restricted"}) as other_county,
        desk.listen("Zhao") as leader,
    ):
        opened = words.open_incident(source=tip)
        the = opened["incident_id"]
        assert desk.tell("Li", "open-incident", opened).status_code == 200
        later = words.establish_facts(the, dead=1, source={**tip, "name": TIPSTER + "之子"})
        assert desk.tell("Li", "establish-facts", later).status_code == 200
        shared = {"incident_id": the, "with": ["130300-qx"]}
        assert desk.tell("Li", "share-incident", shared).status_code == 200
        for live, stream in ((county, "130324:r"), (city, "130300:r")):
            assert live.welcome["stream"] == stream
            named = await live.entries(2)
            assert [one["event"]["type"] for one in named] == ["informer_named"] * 2
            assert [one["event"]["name"] for one in named] == [TIPSTER, TIPSTER + "之子"]
            assert named[0]["event"]["phone"] == TIPSTERS_PHONE
        told: list[str] = []
        while not told or "incident_shared" not in told[-1]:
            told.append(json.dumps(await leader.receive(), ensure_ascii=False))
        await other_county.next("beat")
        assert other_county.welcome["head"] == 0
    told += [
        as_heard(entry).decode()
        for who in ("Wu", "Li", "Qin", "He", "Song")
        for entry in whole_log(desk, who)
    ]
    for who in ("Zhao", "He", "Song"):  # neither post nor unit: the answer says nothing of it
        told.append(json.dumps(desk.ask(who, f"incidents/{the}"), ensure_ascii=False))
        async with desk.listen(who, {}) as live:
            await live.say({"type": "hello", "epoch": None, "after": 0, "stream": "restricted"})
            assert (await live.receive())["type"] == "error"
        with desk.client(who) as client:
            assert client.get("/api/v1/log", params={"stream": "restricted"}).status_code == 403
    assert not [line for line in told if TIPSTER in line or TIPSTERS_PHONE in line]
    assert desk.fenghuo("verify").stdout.startswith("ok: ")
