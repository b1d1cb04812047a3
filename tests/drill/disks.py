"""Disks that are full, fail, or hold something else than was written: E15, E16."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy.exc import DatabaseError

from server.record.database import Database
from server.safekeeping.verify import verify
from tests import words
from tests.drill.desks import careless, furnished, pause, said_by
from tests.drill.experiment import Run, experiment
from tests.faults import CLERKS, Account, Clerk, account, wait_for_more, whole_log, writing
from tests.fleet import state
from tests.product import FenghuoProcess
from tests.swarm import Swarm
from tests.waiting import wait_until

SIZE_MB = 64


@contextmanager
def small_disk(run: Run, name: str) -> Iterator[Path]:
    place = run.folder / name
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> Path:
    """Take every byte that is left."""
    ballast = place / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return ballast


@dataclass
class Full:
    """What a desk was like while its disk was full, and afterwards."""

    account: Account
    status: int  # of a command
    reading: int  # of a page
    listens: bool
    reason: str  # that /readyz gave
    again_s: float
    misheard: list[str]


def _filled(run: Run, name: str, program: tuple[str, ...] = ()) -> Full:
    """A desk whose disk is full for a while, with people writing. Its own log lies on that disk."""
    with small_disk(run, name) as place:
        desk = furnished(place / "desk")
        if program:
            desk.program = program
        ear = Swarm(desk.port)
        desk.start()
        try:
            ear.add("130300", desk.tokens["Wu"])
            clerks = [
                Clerk(desk, who, division, run.seed + n, loses=0.0)
                for n, (who, division) in enumerate(CLERKS[:4])
            ]
            with writing(clerks, pace=0.01) as answered:
                wait_for_more(answered, 40)
                ballast = fill(place)
                run.faults += 1
                if not program:
                    wait_until(lambda: ear.poll() >= 0 and not state(desk)["ready"], within=20)
                until = time.monotonic() + run.scale(10, 1)
                while time.monotonic() < until:
                    ear.poll(0.1)  # who does not answer a ping for 20 s is taken for dead, and rightly
                status = desk.tell("Li", "open-incident", words.open_incident()).status_code
                reason = state(desk)["checks"]["store"]
                reading = desk.phone("Wu").get("/api/v1/incidents").status_code
                ear.poll(0.2)
                listens = ear.ears[0].is_open
                ballast.unlink()
                began = time.monotonic()
                wait_for_more(answered, 8)
                again_s = time.monotonic() - began
            found = account(desk, said_by(clerks))
            verified = desk.fenghuo("verify", expect=None).stdout
            if not verified.startswith("ok: "):
                found.wrong.append(verified[:200])
            head = len(whole_log(desk, "Wu"))
            wait_until(lambda: ear.poll() >= 0 and ear.ears[0].last == head, within=15)
            return Full(found, status, reading, listens, reason, again_s, ear.faults)
        finally:
            ear.close()
            desk.kill9()


@experiment("E15", "S: the disk is full", needs=("tmpfs",), minutes=1)
def full(run: Run) -> None:
    found = _filled(run, "full")
    wrong, again_s = found.account.wrong, found.again_s
    run.must("what was acknowledged is stored, all else is not", not wrong, wrong[:3])
    run.must("a command that finds no room is told so: 507", found.status == 507, found.status)
    run.must("/readyz says why", "full" in found.reason, found.reason)
    run.must("reading goes on", found.reading == 200, found.reading)
    run.must("listening goes on, and nothing is missed", found.listens and not found.misheard, found.misheard)
    run.must("writes go on within 10 s of there being room, without a restart", again_s <= 10, again_s)
    try:
        lost = len(_filled(run, "forgiving", careless("errors=forgiven")).account.wrong)
    except AssertionError:
        lost = 1  # it did not even come back to its senses
    run.control("a desk that answers all the same loses what it acknowledged", lost)
    run.line(
        f"S {SIZE_MB} MB disk filled to the last byte: acked {found.account.ok} = stored {found.account.ok}; "
        f"while full commands {found.status}, reading {found.reading}, listening on; writes again "
        f"{again_s:.1f} s "
        f"after there was room; with errors forgiven {lost} wrong"
    )


# --- errors -------------------------------------------------------------------------------------------------


def _failing(run: Run, name: str, program: tuple[str, ...] = ()) -> tuple[Account, int, bool]:
    """A desk whose syncs and writes fail one time in five for a while; errors seen, whether it recovers."""
    desk = furnished(run.folder / name)
    inner = program or desk.program
    desk.program = ("fiu-run", "-x", *map(str, inner))
    desk.start()
    try:
        assert desk.process is not None
        pid = _served_by(desk)
        clerks = [
            Clerk(desk, who, division, run.seed + n, loses=0.0)
            for n, (who, division) in enumerate(CLERKS[:4])
        ]
        with writing(clerks, pace=0.002) as answered:
            wait_for_more(answered, 30)
            for point in ("posix/io/sync/fdatasync", "posix/io/sync/fsync", "posix/io/rw/pwrite"):
                subprocess.run(
                    ["fiu-ctrl", "-c", f"enable_random name={point},probability=0.2", str(pid)], check=True
                )
            pause(run.scale(15, 3))
            for point in ("posix/io/sync/fdatasync", "posix/io/sync/fsync", "posix/io/rw/pwrite"):
                subprocess.run(["fiu-ctrl", "-c", f"disable name={point}", str(pid)], check=True)
            before = answered()
            wait_until(lambda: answered() >= before + 20, within=20)
        recovered = _served_by(desk) == pid
        found = account(desk, said_by(clerks))
        verified = desk.fenghuo("verify", expect=None).stdout
        if not verified.startswith("ok: "):
            found.wrong.append(verified[:200])
        return found, desk.log.count("a round of writes failed"), recovered
    finally:
        os.kill(_served_by(desk), 9)
        desk.kill9()


def _served_by(desk: FenghuoProcess) -> int:
    """The process behind the program that starts it."""
    assert desk.process is not None
    children = Path(f"/proc/{desk.process.pid}/task/{desk.process.pid}/children").read_text().split()
    return int(children[0]) if children else desk.process.pid


@experiment("E16", "S: the disk reports errors, and holds flipped bits", needs=("fiu-run",), minutes=2)
def failing(run: Run) -> None:
    found, errors, recovered = _failing(run, "failing")
    run.faults += errors
    run.must("some rounds failed", errors, errors)
    run.must("nothing is acknowledged that is not stored", not found.wrong, found.wrong[:3])
    run.must("the writer goes on by itself", recovered)
    try:
        control, _errors, _recovered = _failing(run, "forgiving", careless("errors=forgiven"))
        lost = len(control.wrong)
    except AssertionError:
        lost = 1
    run.control("a desk that forgives errors loses what it acknowledged", lost)
    flips, found_out, silent = _flipped(run)
    run.must("no flipped bit is served in silence", not silent, silent[:3])
    run.must("a database cut short is refused or named", _cut_short(run))
    run.line(
        f"S errors in 20 % of syncs and writes: {errors} rounds failed, acked {found.ok} = stored "
        f"{found.ok}; with "
        f"errors forgiven {lost} lost; {flips} flipped bits: {found_out} found out, {flips - found_out} in "
        f"unused bytes"
    )


def _flipped(run: Run) -> tuple[int, int, list[str]]:
    """Bits of a copy are flipped one at a time: `verify` names it, or nothing that can be read changed."""
    chance = random.Random(run.seed)
    desk = furnished(run.folder / "flipped")
    desk.start()
    body = words.open_incident()
    desk.tell("Li", "open-incident", body)
    for number in range(60):
        desk.tell("Li", "add-entry", words.add_entry(body["incident_id"], f"第 {number} 条" * 20))
    desk.stop()
    desk.fenghuo("backup", str(run.folder / "whole.db"))
    whole, size = _contents(run.folder / "whole.db"), (run.folder / "whole.db").stat().st_size
    count, found_out, silent = run.scale(150, 12), 0, []
    for number in range(count):
        folder = run.folder / f"flip{number}"
        folder.mkdir()
        copy = folder / "fenghuo.db"
        shutil.copyfile(run.folder / "whole.db", copy)
        at = chance.randrange(100, size)
        with copy.open("r+b") as file:
            file.seek(at)
            (byte,) = file.read(1)
            file.seek(at)
            file.write(bytes([byte ^ 1 << chance.randrange(8)]))
        run.faults += 1
        if _is_found_out(folder):
            found_out += 1
        elif _contents(copy) != whole:
            silent.append(f"byte {at}")
        shutil.rmtree(folder)
        run.tell(lambda number=number: f"{number} of {count} bits flipped")
    return count, found_out, silent


def _is_found_out(folder: Path) -> bool:
    """Whether the database cannot be read, or `verify` names a fault."""
    try:
        database = Database.in_folder(folder)
    except DatabaseError:
        return True
    try:
        return bool(verify(database).faults)
    except DatabaseError:
        return True
    finally:
        database.close()


def _contents(file: Path) -> str | None:
    """Everything that the log and what is made from it say; None when it cannot be read."""
    tables = (
        "ledger",
        "entry",
        "stream_entry",
        "stream_head",
        "incident",
        "incident_unit",
        "obligation",
        "counter",
    )
    try:
        with sqlite.connect(f"file:{file}?mode=ro", uri=True) as hand:
            return repr([hand.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables])
    except sqlite.DatabaseError:
        return None


def _cut_short(run: Run) -> bool:
    folder = run.folder / "short"
    folder.mkdir()
    shutil.copyfile(run.folder / "whole.db", folder / "fenghuo.db")
    os.truncate(folder / "fenghuo.db", (folder / "fenghuo.db").stat().st_size // 2)
    run.faults += 1
    return _is_found_out(folder) and FenghuoProcess(folder).fenghuo("verify", expect=None).returncode != 0
