"""What is kept, and how one knows: backup and restore (E21), tampering (E23)."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from server.record.database import Database
from server.safekeeping import verify as verification
from server.safekeeping.verify import verify, verify_in
from tests.chronicle import Chronicle
from tests.drill.desks import careless, furnished, populate, said_by, until_all_listen
from tests.drill.experiment import Run, experiment
from tests.faults import UNITS, Clerk, Said, account, refetching, wait_for_more, whole_log, writing
from tests.fleet import until_all_have
from tests.product import ROOT, FenghuoProcess
from tests.servers import Postgres, find_postgres
from tests.swarm import Swarm
from tests.tampering import disarm, rearm
from tests.tampering_tables import DEEDS

PACE_S = 0.16  # eight clerks: 50 writes a second


@experiment("E21", "a backup while people write, and a desk made from it", minutes=2)
def restored(run: Run) -> None:
    _restored(run, "S", furnished(run.folder / "sqlite"))
    if find_postgres() is not None and not run.is_short:
        with Postgres() as server:
            _restored(run, "S on PostgreSQL", furnished(run.folder / "postgresql", server.url))
    wrong = _with_the_old_epoch(run)
    run.control("a restored desk that keeps its epoch shows listeners what is not there", wrong)


def _clerks(desk: FenghuoProcess, seed: int) -> list[Clerk]:
    places = (("Wu", "130302"), ("Li", "130324"), ("Qin", "130321"), ("Li", "130324105"))
    return [Clerk(desk, who, division, seed + n, loses=0.0) for n, (who, division) in enumerate(places * 2)]


def _write(desk: FenghuoProcess, count: int, seed: int) -> None:
    with writing(_clerks(desk, seed), pace=PACE_S) as answered:
        wait_for_more(answered, count)


def _restored(run: Run, topology: str, desk: FenghuoProcess) -> None:
    before, after = run.scale(1_000, 60), run.scale(300, 30)
    file = run.folder / f"{desk.folder.name}.backup"
    desk.start()
    clerks = _clerks(desk, run.seed)
    swarm = Swarm(desk.port, refetch=refetching(desk))
    populate(swarm, desk, run.scale(50, 10))
    until_all_listen(swarm)
    with writing(clerks, pace=PACE_S) as answered:
        wait_for_more(answered, before)
        began = time.monotonic()
        desk.fenghuo("backup", str(file))
        took = time.monotonic() - began
        wait_for_more(answered, after)
    history = said_by(clerks)
    heads = {unit: len(whole_log(desk, who)) for who, unit in UNITS.items()}
    until_all_have([swarm], heads)
    desk.kill9()
    run.faults += 1
    began = time.monotonic()
    place = run.folder / f"{desk.folder.name}-again"
    again = FenghuoProcess(place, tokens=desk.tokens)
    restored = again.fenghuo("restore", str(file))
    again.start()
    back = time.monotonic() - began
    try:
        swarm.port, swarm.heard = again.port, {group: type(heard)() for group, heard in swarm.heard.items()}
        known = {entry["words"] for entry in whole_log(again, "Wu") if "words" in entry}
        lost = [said for said in history if said.outcome == "ok" and said.mark not in known]
        refilled = _refill(again, lost)
        found = account(again, [said for said in history if said.outcome != "unknown"])
        verified = again.fenghuo("verify").stdout
        swarm.keeps = False
        swarm._refetch = lambda ear, after, head: iter(())
        heads = {unit: len(whole_log(again, who)) for who, unit in UNITS.items()}
        resumes = _resumes(swarm, heads)
    finally:
        again.stop()
    run.must("the restored log is whole", verified.startswith("ok: "), verified)
    run.must("something was acknowledged after the backup", lost)
    run.must(
        "all of it comes back from the outboxes, once",
        not found.wrong and refilled == len(lost),
        found.wrong[:3],
    )
    run.must("every listener is told to read the state again", resumes, resumes)
    run.must("it serves again within 15 min", back <= 900, f"{back:.0f} s")
    run.line(
        f"{topology} at {len(clerks)} writers: backup of {len(known)} commands in {took:.1f} s; disk lost; "
        f"serving "
        f"again after {back:.1f} s (restore and start); acked after the backup {len(lost)}, back from the "
        f"outboxes "
        f"{refilled}, dup 0; {restored.stdout.strip()[:60]}",
        rto_s=round(back, 1), lost_until_refilled=len(lost),
    )  # fmt: skip


def _refill(desk: FenghuoProcess, lost: list[Said]) -> int:
    """Every outbox sends what it still holds; how many were taken as new."""
    taken = 0
    for said in sorted(lost, key=lambda one: one.answered_at):
        answer = desk.tell(said.who, said.name, said.body)
        assert answer.status_code == 200, answer.text
        said.answer = answer.json()
        taken += not said.answer["replayed"]
    return taken


def _resumes(swarm: Swarm, heads: dict[str, int]) -> bool:
    """Whether each listener is told `refresh` at the restored desk."""
    welcomes = [ear.welcomes for ear in swarm.ears]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not all(
        ear.welcomes > before for ear, before in zip(swarm.ears, welcomes, strict=True)
    ):
        swarm.poll()
    told = [ear.resumes[-1] for ear in swarm.ears if heads[ear.group]]
    swarm.close()
    return all(one == "refresh" for one in told)


def _with_the_old_epoch(run: Run) -> list[str]:
    """The same with a restore that keeps the epoch: what a listener then shows, against what is there."""
    desk = furnished(run.folder / "old-epoch")
    desk.start()
    _write(desk, 20, 1)
    desk.fenghuo("backup", str(run.folder / "old-epoch.backup"))
    swarm = Swarm(desk.port)
    swarm.add("130300", desk.tokens["Wu"])
    _write(desk, 10, 100)
    heads = {"130300": len(whole_log(desk, "Wu"))}
    until_all_have([swarm], heads)
    desk.kill9()
    again = FenghuoProcess(run.folder / "old-epoch-again", tokens=desk.tokens)
    _restore_with(again, careless("epoch=kept"), run.folder / "old-epoch.backup")
    again.start()
    try:
        _write(again, 40, 200)  # what is said now gets the numbers of what was lost
        swarm.port = again.port
        swarm.drop(swarm.ears[0])
        heads = {"130300": len(whole_log(again, "Wu"))}
        until_all_have([swarm], heads, within=20)
        shown = swarm.heard["130300"].entries
        log = [entry.get("words") for entry in whole_log(again, "Wu")]
        differs = [
            number
            for number, (one, mark) in enumerate(zip(shown, log, strict=False), start=1)
            if mark is not None and mark.encode() not in one
        ]
        return [f"entry {number} is shown as something else" for number in differs]
    finally:
        swarm.close()
        again.kill9()


def _restore_with(desk: FenghuoProcess, program: tuple[str, ...], file: Path) -> None:
    command = [*program, "restore", str(file), *desk.store]
    subprocess.run(command, cwd=ROOT, env=desk.environment, check=True, capture_output=True)


# --- tampering ----------------------------------------------------------------------------------------------


@experiment("E23", "the log and its tables are tampered with in every way", minutes=5)
def tampered(run: Run) -> None:
    entries, units, ledgers = run.scale(100_000, 1_500), run.scale(100, 5), run.scale(1_000, 4)
    database = Database.in_folder(run.folder / "long")
    with Chronicle(database, seed=run.seed).running() as chronicle:
        written = 0
        while written < entries:
            written = chronicle.write(min(entries, written + 5_000))
            run.tell(lambda so_far=written: f"{so_far} of {entries} entries written")
    began = time.monotonic()
    clean = verify(database, helped=True)  # as `fenghuo verify` does
    rate = clean.entries / (time.monotonic() - began)
    missed: list[str] = []
    tried = 0
    for name in DEEDS:
        bad, done = _tampered(database, name, units)
        tried += done
        missed += [f"{name}: {one}" for one in bad]
        run.tell(lambda name=name, so_far=tried: f"{name}: {so_far} units so far")
    run.faults += tried
    with patch.object(verification, "crosscheck", lambda *_asked: None):
        blind, _done = _tampered(database, _stream_deed(), 3)
    database.close()
    alarms = _false_alarms(run, ledgers)
    run.must("an untouched log raises no alarm", not clean.faults, clean.faults[:3])
    run.must("every unit of every kind is found and named", not missed, missed[:5])
    run.must(f"none of {ledgers} clean logs raises an alarm", not alarms, alarms[:3])
    if not run.is_short:
        run.must("20,000 entries a second at least", rate >= 20_000, f"{rate:,.0f}")
    run.control("a verifier that does not look at streams and tables misses what is hidden there", blind)
    run.line(
        f"{clean.entries:,} entries: {len(DEEDS)} kinds of tampering, {tried} units, found "
        f"{tried - len(missed)}; "
        f"{ledgers:,} clean logs, false alarms {len(alarms)}; {rate:,.0f} entries/s",
        kinds=len(DEEDS), rate=round(rate),
    )  # fmt: skip


def _stream_deed() -> str:
    return next(name for name in DEEDS if "stream" in name)


def _tampered(database: Database, name: str, units: int) -> tuple[list[set[int]], int]:
    """Do one kind of tampering, look, undo it: the units that were not named, and how many there were."""
    with database.engine.connect() as connection, connection.begin() as doings:
        guards = disarm(connection)
        touched = DEEDS[name](connection, random.Random(name), units)
        rearm(connection, guards)
        found = verify_in(connection)
        doings.rollback()
    assert touched, name
    return [unit for unit in touched if not unit & found.bad], len(touched)


def _false_alarms(run: Run, ledgers: int) -> list[str]:
    alarms: list[str] = []
    for seed in range(ledgers):
        with tempfile.TemporaryDirectory(dir=run.folder) as folder:
            database = Database.in_folder(Path(folder))
            with Chronicle(database, seed=run.seed % 1_000 * 10_000 + seed).running() as chronicle:
                chronicle.write(100)
            alarms += [f"seed {seed}: {fault}" for fault in verify(database).faults]
            database.close()
        run.tell(lambda seed=seed: f"{seed} of {ledgers} clean logs")
    return alarms
