"""Processes that are killed while people write and listen: E03, E04, E13; and the power that goes: E01."""

from __future__ import annotations

import time
from pathlib import Path

from tests import powercut
from tests.drill.desks import (
    Hearing,
    answer_times,
    fleet,
    furnished,
    populate,
    roaming,
    running,
    said_by,
    until_all_listen,
)
from tests.drill.experiment import Run, experiment, percentile
from tests.faults import (
    CLERKS,
    UNITS,
    Clerk,
    account,
    ask_again,
    besiege,
    storm,
    wait_for_more,
    whole_log,
    writing,
)
from tests.fleet import AnyDoor, Fleet, Roaming, until_all_have
from tests.product import FenghuoProcess
from tests.servers import Postgres, find_postgres
from tests.waiting import wait_until


@experiment("E01", "S: the power goes while eight write", needs=("power",), minutes=3)
def power(run: Run) -> None:
    model = furnished(run.folder / "model")

    def furnish(place: Path) -> FenghuoProcess:
        powercut.copy_desk(model, place)
        return model

    cuts = run.scale(20, 2)
    found = powercut.cut_power(furnish, cuts=cuts, seed=run.seed)
    run.faults += found.cuts
    run.must(
        "nothing acknowledged is lost, doubled or broken",
        not (found.lost or found.doubled or found.faults),
        found,
    )
    run.must("something was written", found.acked > 30 * cuts, found.acked)
    control = powercut.cut_power(furnish, cuts=max(1, cuts // 4), seed=run.seed, careless=True)
    run.control("SQLite not told to wait for the disk loses something", control.lost, control)
    run.line(f"S {found}; with synchronous=NORMAL lost {control.lost} of {control.acked}", lost=found.lost)


@experiment("E03", "S: killed -9 while eight write and send again", minutes=6)
def siege(run: Run) -> None:
    _besieged(run, "S", furnished(run.folder / "sqlite"))
    if find_postgres() is not None and not run.is_short:
        with Postgres() as server:
            _besieged(run, "S on PostgreSQL", furnished(run.folder / "postgresql", server.url))


def _besieged(run: Run, topology: str, desk: FenghuoProcess) -> None:
    kills = run.scale(100, 3)
    with running(desk):
        run.progress(f"{topology}: {kills} kills")
        history = besiege(desk, kills=kills, seed=run.seed)
        run.faults += kills
        found = account(desk, history)
        again = ask_again(desk, history, most=run.scale(2_000, 50))
        verified = desk.fenghuo("verify", expect=None).stdout.strip().splitlines()[-1]
        run.must(
            "acknowledged = stored, no answer: at most once, refused: never", not found.wrong, found.wrong[:5]
        )
        run.must("who asks again gets the first answer", not again, again[:5])
        run.must("the log is whole", verified.startswith("ok: "), verified)
        run.must("some commands were sent again", found.resent, found)
        clerks = [Clerk(desk, "Li", "130324", 900 + n, keyed=False, loses=0.2) for n in range(8)]
        with writing(clerks) as answered:
            wait_for_more(answered, run.scale(600, 150))
        control = account(desk, said_by(clerks))
        run.control("resending under new ids writes things twice", control.doubled, control)
    run.line(
        f"{topology} 8 writers: acked {found.ok} = stored {found.ok}; unknown {found.unknown}, of "
        f"them stored {found.unknown_stored}; dup 0; kills {kills}; without keys dup {control.doubled}",
        acked=found.ok,
        kills=kills,
    )


@experiment(
    "E04",
    "M: one of two processes killed -9 while thousands listen",
    needs=("postgresql", "redis"),
    minutes=9,
)
def resumed(run: Run) -> None:
    with fleet(run) as both:
        _kill_one_after_another(run, both)
    if not run.is_short:
        _dropped(run)


def _clerks(both: Fleet, seed: int, loses: float = 0.01) -> list[Clerk]:
    return [
        Clerk(AnyDoor(both, number), who, division, seed * 100 + number, loses=loses)
        for number, (who, division) in enumerate(CLERKS)
    ]


def _kill_one_after_another(run: Run, both: Fleet) -> None:
    listeners, entries, kills = run.scale(2_000, 60), run.scale(5_000, 240), run.scale(20, 2)
    swarm = roaming(both, listeners)
    forgetful = roaming(both, 8, forgets=True)
    until_all_listen(swarm)
    until_all_listen(forgetful)
    clerks = _clerks(both, run.seed)
    killed = 0

    def disaster() -> None:
        nonlocal killed
        for number in range(kills):
            wait_for_more(answered, entries // (kills + 1))
            both.desks[number % 2].kill9()
            killed += 1
            both.desks[number % 2].start()
        wait_for_more(answered, entries - min(answered(), entries - 10))

    with writing(clerks, pace=0.35) as answered:
        words = lambda: f"{killed} kills, {answered()} answered, {swarm.frames} frames"  # noqa: E731
        Hearing(run, [swarm, forgetful], words).while_doing(disaster)
    run.faults += killed
    desk = both.desks[0]
    heads = {unit: len(whole_log(desk, who)) for who, unit in UNITS.items()}
    stopped_at = time.monotonic()
    until_all_have([swarm], heads, within=60)
    level_s = time.monotonic() - stopped_at
    found = account(desk, said_by(clerks))
    back = swarm.back_s
    run.must("acknowledged = stored", not found.wrong, found.wrong[:5])
    run.must(
        "every listener has its stream, dense and in order, the same bytes for all",
        not swarm.faults,
        swarm.faults[:5],
    )
    run.must("all level within 15 s after the last fault", level_s <= 15, f"{level_s:.1f} s")
    run.must("live again within 15 s", percentile(back, 99) <= 15, f"{percentile(back, 99):.1f} s")
    run.must(
        "every kill cut off about half of the listeners", swarm.closed_by_server >= killed * listeners * 0.3
    )
    run.must("the log is whole", desk.fenghuo("verify").stdout.startswith("ok: "))
    run.control("who comes back without saying how far it had got has holes", forgetful.faults)
    run.line(
        f"M {len(swarm.ears):,} sockets: acked {found.ok:,} = stored {found.ok:,} = delivered (the city's "
        f"stream: {max(heads.values()):,} entries); gaps {len(swarm.faults)}, dup 0 (on the wire "
        f"{swarm.repeats}); "
        f"kills {killed}; live again p50 {percentile(back, 50):.2f} s p99 {percentile(back, 99):.2f} s, "
        f"{len(back):,} times; {swarm.frames:,} frames",
        acked=found.ok, kills=killed, back_p99_s=round(percentile(back, 99), 3), frames=swarm.frames,
    )  # fmt: skip
    for one in (swarm, forgetful):
        one.close()


def _dropped(run: Run) -> None:
    """S: it is the listeners' lines that are cut, and the log that is read again."""
    with running(furnished(run.folder / "dropped")) as desk:
        found = storm(desk, listeners=500, drops=200, entries=5_000, seed=run.seed)
        run.faults += found.drops
        run.must(
            "listeners that are dropped hear their stream, once, and nothing of others",
            not found.wrong,
            found.wrong[:5],
        )
        kinds = [kind for ear in found.swarm.ears for kind in ear.resumes]
        run.line(
            f"S {len(found.swarm.ears)} sockets: drops {found.drops}, acked "
            f"{sum(said.outcome == 'ok' for said in found.history):,}; gaps 0, dup 0, overheard 0; resumes "
            + ", ".join(f"{kind} {kinds.count(kind)}" for kind in ("nothing", "replay", "refresh"))
        )


@experiment("E13", "M: a process with thousands of listeners dies", needs=("postgresql", "redis"), minutes=3)
def storm_of_returns(run: Run) -> None:
    listeners = run.scale(5_000, 100)
    with fleet(run) as both:
        first, second = both.desks
        swarm = Roaming([first.port], None, patience=True)
        populate(swarm, first, listeners)
        until_all_listen(swarm)
        clerks = [
            Clerk(second, who, division, run.seed + n, loses=0.0)
            for n, (who, division) in enumerate(CLERKS[:4])
        ]
        with writing(clerks, pace=0.05) as answered:
            Hearing(run, [swarm], lambda: "quiet").while_doing(lambda: wait_for_more(answered, 20))
            before = _transactions(both)
            swarm.send_to([second.port])
            swarm.attempts.clear()
            died_at = time.monotonic()
            first.kill9()
            run.faults += 1

            def all_back() -> bool:
                swarm.poll(0.005)
                return len(swarm.back_s) >= len(swarm.ears)

            while not all_back() and time.monotonic() - died_at < 120:
                run.tell(lambda: f"{len(swarm.back_s)} of {len(swarm.ears)} are back")
            took = time.monotonic() - died_at
            meanwhile = answer_times(clerks, died_at, died_at + took)
            written = len(meanwhile)
            spent = _transactions(both) - before
        heads = {unit: len(whole_log(second, who)) for who, unit in UNITS.items()}
        until_all_have([swarm], heads, within=30)
        peak = _busiest(swarm.attempts, 0.1) / len(swarm.ears)
        queries = max(0.0, spent - 2 * written - 8 * took) / len(swarm.ears)
        answers = percentile(meanwhile, 99)
        run.must(
            "all are live on the other within 60 s",
            took <= 60 and len(swarm.back_s) >= len(swarm.ears),
            f"{took:.1f} s",
        )
        run.must("nothing is missed or twice", not swarm.faults, swarm.faults[:5])
        run.must("answers p99 within 1 s meanwhile", answers <= 1.0, f"{answers:.2f} s of {written}")
        run.must(
            "at most three reads of the database for each that comes back", queries <= 3, f"{queries:.1f}"
        )
        run.must("not more than half try in the same tenth of a second", peak <= 0.5, f"{peak:.0%}")
        rash = Roaming([second.port], None)
        populate(rash, second, max(40, listeners // 10))
        until_all_listen(rash)
        rash.attempts.clear()
        first.start()
        rash.send_to([first.port])
        second.kill9()
        run.faults += 1

        def rash_are_back() -> bool:
            rash.poll(0.005)
            return len(rash.attempts) >= len(rash.ears)

        wait_until(rash_are_back, within=60)
        together = _busiest(rash.attempts, 0.1) / len(rash.ears)
        run.control("without jitter they all come at the same moment", together > 0.5, f"{together:.0%}")
        run.line(
            f"M {len(swarm.ears):,} sockets of a dead process: all live again after {took:.1f} s (p50 "
            f"{percentile(swarm.back_s, 50):.1f} s, p99 {percentile(swarm.back_s, 99):.1f} s), gaps 0, dup "
            f"0; "
            f"answers p99 {answers * 1000:.0f} ms of {written}; {queries:.1f} reads each; "
            f"busiest tenth of a second {peak:.0%}, without jitter {together:.0%}",
            back_s=round(took, 2), answers_p99_s=round(answers, 3),
        )  # fmt: skip
        swarm.close()
        rash.close()


def _transactions(both: Fleet) -> int:
    ((count,),) = both.sql("SELECT sum(xact_commit + xact_rollback)::bigint FROM pg_stat_database")
    return int(count)


def _busiest(moments: list[float], span_s: float) -> int:
    """The most that fall into any stretch of so many seconds."""
    moments, most, first = sorted(moments), 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > span_s:
            first += 1
        most = max(most, last - first + 1)
    return most
