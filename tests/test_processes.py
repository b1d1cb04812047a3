"""Several processes on one PostgreSQL and one Redis, all of which die now and then (E04, E05, E07).

Short forms. Every test finds three processes alive and leaves them as it likes.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from typing import Any

import orjson
import psycopg
import pytest
import redis

from server.record.database import POSTGRES_LIMITS, WRITER_LOCK_KEY
from tests import words
from tests.faults import Clerk, wait_for_more, whole_log, writing
from tests.fleet import ORIGIN, PEOPLE, UNITS, AnyDoor, Fleet, Roaming, state, until_all_have
from tests.product import PASSWORD, FenghuoProcess
from tests.servers import Postgres, Redis, is_running
from tests.swarm import Swarm
from tests.waiting import eventually, wait_until

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with Postgres() as postgres, Redis() as redis:
        desks = [
            FenghuoProcess(
                folder / name,
                database_url=postgres.url,
                redis_url=redis.url,
                arguments=("--origin", ORIGIN),
            )
            for name in ("a", "b", "c")
        ]
        desks[0].folder.mkdir()
        desks[0].add_people(PEOPLE)
        for desk in desks[1:]:
            desk.tokens = desks[0].tokens
        yield Fleet(postgres, redis, desks)
        for desk in desks:
            desk.kill9()


@pytest.fixture
def fleet(all_of_them: Fleet) -> Fleet:
    all_of_them.revive()
    return all_of_them


@pytest.fixture
def pair(fleet: Fleet) -> tuple[FenghuoProcess, FenghuoProcess]:
    return fleet.desks[0], fleet.desks[1]


@pytest.fixture
def listening() -> Iterator[Callable[[Swarm], Swarm]]:
    """`listening(Swarm(port))`: closed when the test ends, however it ends."""
    with ExitStack() as room:
        yield lambda swarm: room.enter_context(closing(swarm))


# --- in step ----------------------------------------------------------------------------------------------


async def test_what_is_written_at_one_process_is_at_once_on_the_screens_of_another(fleet: Fleet):
    here, there, _ = fleet.desks
    async with there.listen("Wu") as live:
        delays = []
        for _ in range(5):
            body = words.open_incident()
            told = await asyncio.to_thread(here.tell, "Li", "open-incident", body)
            answered_at = time.monotonic()
            assert told.status_code == 200, told.text
            entry = await live.entry()
            delays.append(time.monotonic() - answered_at)
            while entry["incident_id"] != body["incident_id"]:
                entry = await live.entry()
            while entry["offset"] < told.json()["offset"]:
                entry = await live.entry()
        assert sorted(delays)[2] < 0.3, delays  # the doorbell: far below the look of every 0.75 s


async def test_without_redis_it_is_there_within_a_second_and_nobody_waits(fleet: Fleet):
    here, there, _ = fleet.desks
    async with there.listen("Wu") as live:
        fleet.redis.kill9()
        await eventually(lambda: "degraded" in state(there)["checks"]["bus"])
        assert here.phone(None).get("/readyz").status_code == 200, "ready all the same"
        for _ in range(3):
            began = time.monotonic()
            told = await asyncio.to_thread(here.tell, "Li", "open-incident", words.open_incident())
            answered_at = time.monotonic()
            assert told.status_code == 200
            entry = await live.entry(within=5)
            while entry["offset"] < told.json()["offset"]:
                entry = await live.entry(within=5)
            assert time.monotonic() - answered_at < 2.0, "0.75 s and the time of a busy machine"
            assert answered_at - began < 2.0
        fleet.redis.start()
        await eventually(lambda: state(here)["checks"]["bus"] == state(there)["checks"]["bus"] == "ok")


async def test_a_machine_that_lies_through_redis_changes_nothing(fleet: Fleet):
    here, there, _ = fleet.desks
    async with there.listen("Wu") as live:
        with redis.Redis.from_url(fleet.redis.url) as forger:
            (channel,) = forger.pubsub_channels("fenghuo:*:doorbell")
            for number in range(1_000):
                forger.publish(channel, f"130300={10**12 + number} 130324=1")
            forger.flushall()
        told = await asyncio.to_thread(here.tell, "Li", "open-incident", words.open_incident())
        entry = await live.entry()
        assert entry["offset"] == live.welcome["head"] + 1
        assert told.json()["offset"] >= 1
        beat = await live.next("beat")
        assert beat["head"] <= whole_log(there, "Wu")[-1]["offset"], "no head that is not on disk"


def test_eight_writers_at_two_processes_leave_dense_streams_in_the_order_of_commit(
    fleet: Fleet, listening: Callable[[Swarm], Swarm]
):
    here, there, _ = fleet.desks
    swarms = [listening(Swarm(desk.port)) for desk in (here, there)]
    starts = {who: whole_log(here, who) for who in UNITS}
    for swarm in swarms:
        for who, unit in UNITS.items():
            swarm.add(unit, here.tokens[who])
    clerks = [
        Clerk(desk, who, division, seed, loses=0.0)
        for seed, (desk, (who, division)) in enumerate(
            itertools.product(
                (here, there), (("Wu", "130302"), ("Li", "130324"), ("Qin", "130321"), ("Li", "130324"))
            )
        )
    ]
    with writing(clerks) as answered, ThreadPoolExecutor(1) as room:
        waiting = room.submit(wait_for_more, answered, 240)
        while not waiting.done():
            for swarm in swarms:
                swarm.poll()
        waiting.result()
    logs = {who: whole_log(there, who) for who in UNITS}
    heads = {UNITS[who]: len(log) for who, log in logs.items()}
    until_all_have(swarms, heads)
    assert [swarm.faults for swarm in swarms] == [[], []]
    for unit, heard in swarms[0].heard.items():
        assert heard.entries == swarms[1].heard[unit].entries, "both tell the same"
    found = fleet.judged(there, clerks)
    assert found.wrong == []
    assert found.ok >= 240
    assert all(
        log[: len(before)] == before for log, before in zip(logs.values(), starts.values(), strict=True)
    )
    wrong = fleet.sql(
        "SELECT stream, position FROM (SELECT stream, position, seq, lag(position) OVER w AS before, "
        "lag(seq) OVER w AS earlier FROM stream_entry WINDOW w AS (PARTITION BY stream ORDER BY position)) s "
        "WHERE position <> coalesce(before, 0) + 1 OR seq <= coalesce(earlier, 0)"
    )
    assert wrong == []
    assert here.fenghuo("verify").stdout.startswith("ok: ")


async def test_one_command_sent_to_two_processes_at_once_has_one_effect_and_one_answer(
    pair: tuple[FenghuoProcess, FenghuoProcess],
):
    here, there = pair
    bodies = [words.open_incident(title=f"{number} 号仓库冒烟") for number in range(15)]
    async with here.async_client("Li") as a, there.async_client("Li") as b:

        async def both(body: dict[str, Any]) -> list[dict[str, Any]]:
            answers = await asyncio.gather(
                *(client.post("/api/v1/commands/open-incident", json=body) for client in (a, b))
            )
            assert [answer.status_code for answer in answers] == [200, 200], [one.text for one in answers]
            return [answer.json() for answer in answers]

        told = [await both(body) for body in bodies]
    for one, other in told:
        assert {one["replayed"], other["replayed"]} == {True, False}
        assert {**one, "replayed": None} == {**other, "replayed": None}
    opened = Counter(
        entry["incident_id"]
        for entry in whole_log(there, "Li")
        if entry["event"]["type"] == "incident_opened"
    )
    assert all(opened[body["incident_id"]] == 1 for body in bodies)


async def test_who_signs_out_at_one_process_hears_nothing_more_at_another(
    pair: tuple[FenghuoProcess, FenghuoProcess],
):
    here, there = pair
    with here.client() as browser:
        signed_in = browser.post(
            "/sign-in", data={"name": "Wu", "password": PASSWORD}, headers={"Origin": ORIGIN}
        )
        assert signed_in.status_code == 303, signed_in.text
        cookie = f"fenghuo_session={browser.cookies['fenghuo_session']}"
        async with there.listen(None, Origin=ORIGIN, Cookie=cookie) as live:
            out = await asyncio.to_thread(
                browser.post, "/sign-out", headers={"Origin": ORIGIN, "Cookie": cookie}
            )
            assert out.status_code == 303, out.text
            began = time.monotonic()
            assert await live.closed() == 4001
            assert time.monotonic() - began < 2.0


async def test_presence_names_who_listens_at_any_process_and_a_county_only_its_own(
    pair: tuple[FenghuoProcess, FenghuoProcess],
):
    here, there = pair
    async with (
        here.listen("Wu", {"screen": "wall"}),
        there.listen("Li", {"screen": "desk"}),
        there.listen("Qin"),
    ):
        seen: list[dict[str, Any]] = []

        def everybody() -> bool:
            told = here.ask("Wu", "presence")
            seen[:] = told["listeners"]
            return told["known"] and [one["name"] for one in seen] == ["Wu", "Qin", "Li"]

        await eventually(everybody)
        assert [(one["unit"], one["post"], one["screen"]) for one in seen] == [
            ("130300", "duty_officer", "wall"),
            ("130321", "duty_officer", None),
            ("130324", "duty_officer", "desk"),
        ]
        await eventually(lambda: [one["name"] for one in here.ask("Li", "presence")["listeners"]] == ["Li"])
        assert here.phone("Li").get("/api/v1/presence", params={"unit": "130321"}).status_code == 404
        assert here.phone("Li").get("/api/v1/presence", params={"unit": "nowhere"}).status_code == 404
        assert here.phone(None).get("/api/v1/presence").status_code == 401


# --- coming and going ---------------------------------------------------------------------------------------


async def test_a_process_that_is_stopped_sends_its_listeners_elsewhere_and_loses_no_command(fleet: Fleet):
    here, there, _ = fleet.desks
    clerks = [Clerk(AnyDoor(fleet, first), "Wu", "130302", first, loses=0.0) for first in (0, 0, 1)]
    async with here.listen("Wu") as live:
        with writing(clerks) as answered:
            await asyncio.to_thread(wait_for_more, answered, 20)
            began = time.monotonic()
            stopping = asyncio.create_task(asyncio.to_thread(here.stop, 10.0))
            assert await live.closed() == 4012
            await stopping
            assert time.monotonic() - began < 10.0
            await asyncio.to_thread(wait_for_more, answered, 20)
    found = fleet.judged(there, clerks)
    assert found.wrong == []


def test_what_a_newer_version_adds_to_the_schema_disturbs_no_process_of_this_one(fleet: Fleet):
    here, there, _ = fleet.desks
    clerks = [Clerk(desk, "Wu", "130302", number, loses=0.0) for number, desk in enumerate((here, there))]
    with writing(clerks) as answered, psycopg.connect(fleet.postgres.url, autocommit=True) as newer:
        wait_for_more(answered, 10)
        newer.execute("CREATE TABLE of_a_later_version (id text PRIMARY KEY)")
        for table in ("incident", "obligation", "ledger", "person", "credential"):
            newer.execute(f"ALTER TABLE {table} ADD COLUMN later text")  # type: ignore[arg-type]
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        wait_for_more(answered, 10)
    there.kill9()
    there.start()
    assert "newer version" in there.log
    assert fleet.judged(there, clerks).wrong == []
    assert there.tell("Li", "open-incident", words.open_incident()).status_code == 200
    assert {status for (status,) in fleet.sql("SELECT version_num FROM alembic_version")} == {"9999"}


# --- dying ------------------------------------------------------------------------------------------------


def test_three_watches_and_one_of_them_killed_write_each_stage_once(fleet: Fleet):
    there, third = fleet.desks[1:]
    ids = []
    for number in range(12):  # a county reports to the province within the hour: it ends in a few seconds
        told = words.open_incident(
            known_at=words.just_now(3_600 - 3 - number * 0.15),
            occurred_at=...,
            occurred_precision=...,
            category="work_safety",
            facts={"dead": 3},
        )
        assert fleet.desks[number % 3].tell("Li", "open-incident", told).status_code == 200
        ids.append(told["incident_id"])
    third.kill9()

    def stages() -> Counter[tuple[str, ...]]:
        kinds = ("obligation_overdue", "obligation_due_soon", "prompt_due")
        return Counter(
            (
                entry["incident_id"],
                entry["event"]["type"],
                str(entry["event"].get("obligation_id") or entry["event"].get("stage")),
            )
            for entry in whole_log(there, "Wu")
            if entry["event"]["type"] in kinds and entry["incident_id"] in ids
        )

    wait_until(lambda: {stage[0] for stage in stages() if stage[1] == "obligation_overdue"} == set(ids), 15)
    assert fleet.sql("SELECT count(*) FROM incident WHERE next_alarm_at <= now() - interval '2 s'") == [(0,)]
    assert len(stages()) == 2 * len(ids), "the last prompt and the breach"
    assert set(stages().values()) == {1}, [stage for stage, times in stages().items() if times > 1]


@pytest.mark.timeout(90)
def test_processes_are_killed_while_eight_write_and_a_hundred_listen_and_nothing_is_missed_or_twice(
    fleet: Fleet, listening: Callable[[Swarm], Swarm]
):
    swarm = listening(Roaming([desk.port for desk in fleet.desks]))
    for number in range(100):
        who = PEOPLE[number % 3][0]
        swarm.add(UNITS[who], fleet.desks[0].tokens[who])
    places = (("Wu", "130302"), ("Li", "130324"), ("Qin", "130321"), ("Li", "130324105"))
    clerks = [
        Clerk(AnyDoor(fleet, number % 3), who, division, number, loses=0.02)
        for number, (who, division) in enumerate(places * 2)
    ]
    done = threading.Event()
    kills = 0

    def disaster() -> None:
        nonlocal kills
        for victim in (0, 1, 2):
            wait_for_more(answered, 100)
            fleet.desks[victim].kill9()
            kills += 1
            if victim == 1:  # two are gone: the first comes back before the last one goes
                fleet.desks[0].start()
        wait_for_more(answered, 50)

    with writing(clerks) as answered, ThreadPoolExecutor(1) as room:
        end = room.submit(disaster)
        while not end.done():
            swarm.poll()
        end.result()
    done.set()
    alive = fleet.desks[0]
    heads = {UNITS[who]: len(whole_log(alive, who)) for who in UNITS}
    until_all_have([swarm], heads)
    assert kills == 3
    assert swarm.closed_by_server >= 100
    assert swarm.faults == []
    assert swarm.repeats == 0
    found = fleet.judged(alive, clerks)
    assert found.wrong == [], str(found)
    assert found.ok >= 300
    assert alive.fenghuo("verify").stdout.startswith("ok: ")


def test_a_frozen_process_that_holds_the_ledger_stops_the_others_for_a_few_seconds_only(fleet: Fleet):
    here, there, _ = fleet.desks
    clerks = [Clerk(here, who, "130302", number, loses=0.0) for number, who in enumerate(("Wu", "Wu", "Wu"))]
    holds = (
        "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' "
        f"AND l.objid = {WRITER_LOCK_KEY} AND l.granted AND a.state = 'idle in transaction'"
    )
    assert here.process is not None
    with writing(clerks) as answered:
        wait_for_more(answered, 10)

        def frozen_with_the_lock() -> bool:
            assert here.process is not None
            os.kill(here.process.pid, signal.SIGSTOP)
            if fleet.sql(holds):
                return True
            os.kill(here.process.pid, signal.SIGCONT)
            return False

        try:
            wait_until(frozen_with_the_lock)
            frozen_at = time.monotonic()
            told = there.tell("Li", "open-incident", words.open_incident())
            waited = time.monotonic() - frozen_at
            assert told.status_code == 200, told.text
            again = time.monotonic()
            assert there.tell("Li", "open-incident", words.open_incident()).status_code == 200
            assert time.monotonic() - again < 2.0
            assert waited < float(POSTGRES_LIMITS["lock_timeout"].rstrip("s"))
        finally:
            os.kill(here.process.pid, signal.SIGCONT)
        wait_for_more(answered, 10)
    found = fleet.judged(there, clerks)
    assert found.wrong == [], "what the frozen one had not committed it did not acknowledge"


def test_who_falls_silent_in_the_middle_of_a_pipeline_is_thrown_out_by_those_who_wait(fleet: Fleet):
    """PostgreSQL's own limit for idle transactions does not see these."""
    here = fleet.desks[0]
    with suppress(psycopg.OperationalError), psycopg.connect(fleet.postgres.url) as silent, silent.pipeline():
        silent.execute(f"SELECT pg_advisory_xact_lock({WRITER_LOCK_KEY})")  # type: ignore[call-overload]
        silent.pgconn.send_flush_request()
        silent.pgconn.flush()
        wait_until(lambda: fleet.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"))
        silent_since = time.monotonic()
        assert here.tell("Li", "open-incident", words.open_incident()).status_code == 200
        waited = time.monotonic() - silent_since
    assert 3.0 < waited < 8.0, "it was waited for, and not to the bitter end"
    wait_until(lambda: "was thrown out" in here.log)


def test_postgresql_is_killed_and_back_and_what_had_no_answer_is_asked_again_by_its_key(fleet: Fleet):
    here, there, _ = fleet.desks
    clerks = [
        Clerk(desk, "Wu", "130302", number, loses=0.0)
        for number, desk in enumerate((here, here, there, there))
    ]
    with writing(clerks) as answered:
        wait_for_more(answered, 40)
        offspring = fleet.postgres.offspring()
        fleet.postgres.kill9()
        assert wait_until(lambda: state(here)["checks"]["store"] != "ok")
        away = here.phone("Li").get("/api/v1/incidents")
        assert (away.status_code, away.headers["Retry-After"]) == (503, "2"), away.text
        wait_until(lambda: not any(map(is_running, offspring)))
        fleet.postgres.start()
        back_at = time.monotonic()
        wait_for_more(answered, 20)
        assert time.monotonic() - back_at < 10.0
        wait_until(lambda: state(here)["ready"] and state(there)["ready"], within=5)
    found = fleet.judged(here, clerks)
    assert found.wrong == []
    assert found.resent > 0, "nobody was in the middle of anything"
    for line in filter(None, here.log.splitlines()):
        assert line.startswith("Fenghuo 烽火: ") or orjson.loads(line)["level"], line
    assert here.fenghuo("verify").stdout.startswith("ok: ")
