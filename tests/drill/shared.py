"""What processes share, and what becomes of them without it: E05, E07; and of their versions: E22."""

from __future__ import annotations

import os
import random
import signal
import time

import redis

from tests import words
from tests.drill.desks import (
    Hearing,
    answer_times,
    careless,
    fleet,
    lags,
    pause,
    populate,
    ready_within,
    roaming,
    said_by,
    until_all_listen,
)
from tests.drill.experiment import Run, experiment, percentile
from tests.faults import CLERKS, UNITS, Clerk, account, refetching, wait_for_more, whole_log, writing
from tests.fleet import AnyDoor, Fleet, state, until_all_have
from tests.servers import is_running
from tests.swarm import Swarm
from tests.waiting import wait_until


def _heads(both: Fleet) -> dict[str, int]:
    return {unit: len(whole_log(both.desks[0], who)) for who, unit in UNITS.items()}


@experiment("E05", "M: Redis is killed, emptied, frozen and away", needs=("postgresql", "redis"), minutes=5)
def without_redis(run: Run) -> None:
    kills, freezes, flushes = run.scale(10, 1), run.scale(3, 1), run.scale(3, 1)
    frozen_s, away_s, entries = run.scale(20, 3), run.scale(60, 3), run.scale(5_000, 60)
    with fleet(run) as both:
        here, there = both.desks
        swarm = Swarm(there.port, refetch=refetching(there))
        populate(swarm, there, run.scale(200, 20))
        until_all_listen(swarm)
        clerks = [
            Clerk(here, who, division, run.seed + n, loses=0.0) for n, (who, division) in enumerate(CLERKS)
        ]
        spells: list[tuple[float, float]] = []

        def disasters() -> None:
            for number in range(kills):
                spells.append(_away(both, 0.3 + 0.2 * (number % 4)))
                run.faults += 1
                _until_heard(both)
            with redis.Redis.from_url(both.redis.url) as hand:
                for _ in range(flushes):
                    hand.flushall()
                    run.faults += 1
                    pause(0.2)
                (channel,) = hand.pubsub_channels("fenghuo:*:doorbell")
                for number in range(1_000):
                    hand.publish(channel, f"130300={10**12 + number} 130324=1")
                run.faults += 1
            for _ in range(freezes):
                both.redis.freeze()
                began = time.monotonic()
                pause(frozen_s)
                spells.append((began + 1, time.monotonic()))
                both.redis.thaw()
                run.faults += 1
                _until_heard(both)
            spells.append(_away(both, away_s))
            run.faults += 1
            _until_heard(both)
            wait_until(lambda: answered() >= entries, within=240)

        with writing(clerks, pace=run.scale(200, 50) / 1_000) as answered:
            Hearing(run, [swarm], lambda: f"{run.faults} faults, {answered()} answered").while_doing(
                disasters
            )
        heads = _heads(both)
        until_all_have([swarm], heads)
        found = account(here, said_by(clerks))
        answers = percentile(answer_times(clerks), 99)
        without = [lag for since, until in spells for lag in lags(swarm, clerks, since, until)]
        usual = percentile(lags(swarm, clerks), 50)
        epochs = {ear.epoch for ear in swarm.ears}
        run.must("acknowledged = stored", not found.wrong, found.wrong[:5])
        run.must("nothing is missed or twice at the other process", not swarm.faults, swarm.faults[:5])
        run.must("answers p99 within 500 ms", answers <= 0.5, f"{answers * 1000:.0f} ms")
        run.must(
            "without Redis the other process has it within 3 s",
            without and max(without) <= 3,
            f"{max(without):.2f} s",
        )
        run.must("nobody was sent to another epoch", len(epochs) == 1, epochs)
        run.must("no line was cut", not swarm.closed_by_server, swarm.closed_by_server)
        swarm.close()
    late = _deaf_and_blind(run)
    run.control("without the look of every process, nothing comes without Redis", late)
    run.line(
        f"M {len(swarm.ears)} sockets: acked {found.ok:,} = stored {found.ok:,} = delivered; gaps 0, dup 0; "
        f"Redis killed {kills}, emptied {flushes}, frozen {freezes} × {frozen_s} s, away {away_s} s, 1,000 "
        f"doorbells forged; answers p99 {answers * 1000:.0f} ms; at the other process p50 "
        f"{usual * 1000:.0f} ms, "
        f"without Redis p50 {percentile(without, 50):.2f} s max {max(without):.2f} s",
        acked=found.ok, answers_p99_ms=round(answers * 1000), lag_max_s=round(max(without), 2),
    )  # fmt: skip


def _away(both: Fleet, seconds: float) -> tuple[float, float]:
    both.redis.kill9()
    began = time.monotonic()
    pause(seconds)
    ended = time.monotonic()
    both.redis.start()
    return began, ended


def _until_heard(both: Fleet) -> None:
    wait_until(lambda: all(state(desk)["checks"]["bus"] == "ok" for desk in both.desks), within=20)


def _deaf_and_blind(run: Run) -> bool:
    """Whether an entry is still not at the other process after 4 s, with its look switched off."""
    with fleet(run, program=careless("look=off"), name="blind") as both:
        here, there = both.desks
        ear = Swarm(there.port)
        ear.add("130300", there.tokens["Wu"])
        until_all_listen(ear)
        both.redis.kill9()
        wait_until(lambda: "degraded" in state(there)["checks"]["bus"])
        quiet = words.open_incident(known_at=words.just_now(), occurred_at=..., occurred_precision=...)
        told = here.tell("Wu", "open-incident", quiet)  # of which no clock will speak in the next minutes
        Hearing(run, [ear], lambda: "waiting in vain").while_doing(lambda: pause(4))
        has = ear.ears[0].last or 0
        ear.close()
        return has < told.json()["offset"]


@experiment(
    "E07",
    "M: PostgreSQL is killed, sessions end at random, a process freezes",
    needs=("postgresql", "redis"),
    minutes=4,
)
def without_postgres(run: Run) -> None:
    chance = random.Random(run.seed)
    kills, ends, frozen_s = run.scale(10, 1), run.scale(40, 5), run.scale(30, 3)
    with fleet(run) as both:
        here, there = both.desks
        swarm = roaming(both, run.scale(100, 10))
        until_all_listen(swarm)
        clerks = [
            Clerk(AnyDoor(both, n), who, division, run.seed + n, loses=0.0)
            for n, (who, division) in enumerate(CLERKS)
        ]
        pids = [desk.process.pid for desk in both.desks if desk.process]
        back: list[float] = []

        def disasters() -> None:
            for _ in range(kills):
                wait_for_more(answered, 40)
                offspring = both.postgres.offspring()
                both.postgres.kill9()
                wait_until(lambda gone=offspring: not any(map(is_running, gone)))
                both.postgres.start()
                began = time.monotonic()
                wait_for_more(answered, 8)
                back.append(time.monotonic() - began)
                run.faults += 1
            for _ in range(ends):
                wait_for_more(answered, chance.randint(1, 20))
                ended = both.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'fenghuo' ORDER BY random() LIMIT 1"
                )
                run.faults += len(ended)
            assert there.process is not None
            os.kill(there.process.pid, signal.SIGSTOP)
            run.faults += 1
            try:
                pause(frozen_s)
            finally:
                os.kill(there.process.pid, signal.SIGCONT)
            wait_for_more(answered, 20)

        with writing(clerks, pace=0.02) as answered:
            Hearing(run, [swarm], lambda: f"{run.faults} faults, {answered()} answered").while_doing(
                disasters
            )
        for desk in both.desks:
            ready_within(desk, 10)
        heads = _heads(both)
        until_all_have([swarm], heads)
        found = account(here, said_by(clerks))
        run.must("acknowledged = stored, unknown resolved by its key", not found.wrong, found.wrong[:5])
        run.must("commands were in the middle of something", found.resent, found)
        run.must("writes go on within 10 s after PostgreSQL is back", max(back) <= 10, f"{max(back):.1f} s")
        run.must("nothing is missed or twice", not swarm.faults, swarm.faults[:5])
        run.must(
            "no process was restarted", [desk.process.pid for desk in both.desks if desk.process] == pids
        )
        run.must("the log is whole", here.fenghuo("verify").stdout.startswith("ok: "))
        unkeyed = [Clerk(here, "Li", "130324", 900 + n, keyed=False, loses=0.1) for n in range(8)]
        with writing(unkeyed) as answered:
            wait_for_more(answered, run.scale(300, 100))
        control = account(here, said_by(clerks) + said_by(unkeyed))
        run.control("resending under new ids writes things twice", control.doubled, control)
        run.line(
            f"M: acked {found.ok:,} = stored {found.ok:,}; unknown {found.unknown}, stored "
            f"{found.unknown_stored}; "
            f"dup 0; PostgreSQL killed {kills}, sessions ended {run.faults - kills - 1}, a process frozen "
            f"{frozen_s} s; writes again p50 {percentile(back, 50):.1f} s max {max(back):.1f} s after it "
            f"is back; "
            f"without keys dup {control.doubled}",
            acked=found.ok,
        )  # fmt: skip
        swarm.close()


@experiment(
    "E22",
    "M: from one version to the next, one process after another",
    needs=("postgresql", "redis"),
    minutes=2,
)
def rolling(run: Run) -> None:
    rounds = run.scale(6, 1)
    with fleet(run) as both:
        swarm = roaming(both, run.scale(300, 20))
        until_all_listen(swarm)
        clerks = [
            Clerk(AnyDoor(both, n), who, division, run.seed + n, loses=0.0)
            for n, (who, division) in enumerate(CLERKS)
        ]
        drains: list[float] = []

        def roll() -> None:
            for _ in range(rounds):
                for desk in both.desks:
                    wait_for_more(answered, 30)
                    began = time.monotonic()
                    desk.stop(within=15)
                    drains.append(time.monotonic() - began)
                    run.faults += 1
                    desk.program = careless("version=next")
                    desk.start()
            wait_for_more(answered, 30)

        with writing(clerks, pace=0.02) as answered:
            Hearing(run, [swarm], lambda: f"{run.faults} replaced, {answered()} answered").while_doing(roll)
        heads = _heads(both)
        until_all_have([swarm], heads)
        found = account(both.desks[0], said_by(clerks))
        versions = both.sql("SELECT version_num FROM alembic_version")
        run.must("no acknowledged command fails", not found.wrong, found.wrong[:5])
        run.must("each is gone within 10 s", max(drains) <= 10, f"{max(drains):.1f} s")
        run.must(
            "listeners were told to come back", swarm.codes[4012] >= len(swarm.ears) // 2, dict(swarm.codes)
        )
        run.must("nothing is missed or twice", not swarm.faults, swarm.faults[:5])
        run.must("the schema is the next version's", versions == [("9001",)], versions)
        swarm.close()
        here, there = both.desks
        there.stop()
        there.program = careless("version=rash")
    with fleet(run, name="rash") as both:
        here, there = both.desks
        there.stop()
        there.program = careless("version=rash")
        there.start(until_ready=False)
        wait_until(lambda: both.sql("SELECT version_num FROM alembic_version") == [("9001",)], within=30)
        refused = here.tell("Li", "open-incident", words.open_incident()).status_code
        run.control("a version that renames a column breaks the one beside it", refused >= 500, refused)
    run.line(
        f"M {len(swarm.ears)} sockets: {len(drains)} processes replaced, next version's schema among them; "
        f"acked {found.ok:,} = stored, failed 0; drained p50 {percentile(drains, 50):.1f} s max "
        f"{max(drains):.1f} s; told 4012: {swarm.codes[4012]}; gaps 0, dup 0",
        acked=found.ok, drain_max_s=round(max(drains), 2),
    )  # fmt: skip
