"""The faults of the tests in their long forms: `scripts/faults` and `scripts/powercut` run this.

Each prints one line of figures, and ends with 1 when anything was lost, doubled, overheard or not found out.
A run that made no fault fails.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from server.record.database import Database
from server.safekeeping.verify import verify, verify_in
from tests import powercut
from tests.chronicle import Chronicle
from tests.conftest import PEOPLE
from tests.faults import Clerk, account, ask_again, besiege, storm, wait_for_more, writing
from tests.product import FenghuoProcess
from tests.servers import Postgres, find_postgres
from tests.tampering import disarm, rearm
from tests.tampering_tables import DEEDS


def _say(text: str) -> None:
    print(text, flush=True)


def _furnished(folder: Path, database_url: str | None = None) -> FenghuoProcess:
    desk = FenghuoProcess(folder, database_url=database_url)
    desk.add_people(PEOPLE)
    return desk


@contextmanager
def _desks() -> Iterator[list[FenghuoProcess]]:
    """One desk on SQLite, and one on PostgreSQL where there is one; running."""
    with tempfile.TemporaryDirectory(prefix="fenghuo-faults-") as folder:
        desks = [_furnished(Path(folder) / "sqlite")]
        if find_postgres() is None:
            _say("no PostgreSQL here: only SQLite is tried")
            yield _started(desks)
            return
        with Postgres() as server:
            desks.append(_furnished(Path(folder) / "postgresql", server.url))
            yield _started(desks)
            for desk in desks:
                desk.stop()


def _started(desks: list[FenghuoProcess]) -> list[FenghuoProcess]:
    for desk in desks:
        desk.start()
    return desks


def kill(asked: argparse.Namespace) -> bool:
    """Eight clerks write while the desk is killed again and again; then the same without the record."""
    well = True
    with _desks() as desks:
        for desk in desks:
            history = besiege(desk, kills=asked.kills, seed=asked.seed)
            found = account(desk, history)
            wrong = [*found.wrong, *ask_again(desk, history, most=1_000)]
            verified = desk.fenghuo("verify", expect=None).stdout.strip().splitlines()[-1]
            _say(f"{desk.folder.name}: {asked.kills} kills: {found}; verify {verified}")
            for line in wrong[:20]:
                _say(f"  {line}")
            clerks = [Clerk(desk, "Li", "130324", 900 + n, keyed=False, loses=0.2) for n in range(8)]
            with writing(clerks) as answered:
                wait_for_more(answered, 300)
            control = account(desk, [said for clerk in clerks for said in clerk.history])
            _say(f"  control without the record: {control.doubled} doubled")
            well &= not wrong and verified.startswith("ok") and bool(found.resent and control.doubled)
    return well


def listeners(asked: argparse.Namespace) -> bool:
    """Listeners are dropped at random moments while three clerks write."""
    well = True
    with _desks() as desks:
        for desk in desks:
            began = time.monotonic()
            found = storm(
                desk,
                listeners=asked.listeners,
                drops=asked.drops,
                entries=asked.entries,
                seed=asked.seed,
            )
            swarm = found.swarm
            resumes = [resume for ear in swarm.ears for resume in ear.resumes]
            counted = {kind: resumes.count(kind) for kind in ("nothing", "replay", "refresh")}
            _say(
                f"{desk.folder.name}: {len(swarm.ears)} listeners, {found.drops} drops, "
                f"{sum(said.outcome == 'ok' for said in found.history)} commands, {swarm.frames} frames, "
                f"resumes {counted}, repeats {swarm.repeats}, wrong {len(found.wrong)}, "
                f"{time.monotonic() - began:.0f} s"
            )
            for line in found.wrong[:20]:
                _say(f"  {line}")
            well &= not found.wrong and found.drops >= asked.drops
    return well


def tamper(asked: argparse.Namespace) -> bool:
    """A long log is tampered with in every way, so many units of each at once."""
    with tempfile.TemporaryDirectory(prefix="fenghuo-faults-") as folder:
        database = Database.in_folder(Path(folder))
        with Chronicle(database, seed=asked.seed).running() as chronicle:
            entries = chronicle.write(asked.entries)
        began = time.monotonic()
        clean = verify(database)
        took = time.monotonic() - began
        _say(f"{entries} entries, untouched: {len(clean.faults)} faults, {entries / took:,.0f} entries/s")
        well = not clean.faults
        for name, deed in DEEDS.items():
            with database.engine.connect() as connection, connection.begin() as doings:
                guards = disarm(connection)
                units = deed(connection, random.Random(asked.seed), asked.units)
                rearm(connection, guards)
                found = verify_in(connection)
                doings.rollback()
            missed = sum(not unit & found.bad for unit in units)
            _say(f"{name}: {len(units) - missed} of {len(units)} found and named")
            well &= bool(units) and not missed
        database.close()
    return well


def clean(asked: argparse.Namespace) -> bool:
    """Many short histories, none of which may raise an alarm."""
    alarms = entries = 0
    for seed in range(asked.ledgers):
        with tempfile.TemporaryDirectory(prefix="fenghuo-faults-") as folder:
            database = Database.in_folder(Path(folder))
            with Chronicle(database, seed=asked.seed * 10_000 + seed).running() as chronicle:
                entries += chronicle.write(100)
            found = verify(database)
            database.close()
            alarms += bool(found.faults)
            for fault in found.faults[:3]:
                _say(f"  seed {seed}: {fault}")
    _say(f"{asked.ledgers} clean logs of {entries} entries: {alarms} false alarms")
    return not alarms


def power(asked: argparse.Namespace) -> bool:
    """Power cuts under SQLite, then the same with a desk that does not wait for its disk."""
    if missing := powercut.why_not():
        _say(f"{missing}. Remedy: run as root on a machine with loop devices")
        return False
    with tempfile.TemporaryDirectory(prefix="fenghuo-faults-") as folder:
        model = _furnished(Path(folder) / "model")

        def furnish(place: Path) -> FenghuoProcess:
            powercut.copy_desk(model, place)
            return model

        found = powercut.cut_power(furnish, cuts=asked.cuts, seed=asked.seed)
        _say(f"synchronous=FULL, as shipped: {found}")
        control = powercut.cut_power(furnish, cuts=max(1, asked.cuts // 4), seed=asked.seed, careless=True)
        _say(f"synchronous=NORMAL, the control: {control}")
    return not (found.lost or found.doubled or found.faults) and bool(found.acked and control.lost)


def main() -> int:
    options = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    options.add_argument("--seed", type=int, default=int(time.time()), help="of all chance; printed")
    kinds = options.add_subparsers(dest="kind", required=True)

    def kind(name: str, run: Callable[[argparse.Namespace], bool], **figures: int) -> None:
        one = kinds.add_parser(name, help=run.__doc__)
        for figure, usual in figures.items():
            one.add_argument(f"--{figure}", type=int, default=usual)
        one.set_defaults(run=run)

    kind("kill", kill, kills=20)
    kind("listeners", listeners, listeners=500, drops=200, entries=5_000)
    kind("tamper", tamper, entries=100_000, units=100)
    kind("clean", clean, ledgers=1_000)
    kind("power", power, cuts=20)
    asked = options.parse_args()
    _say(f"seed {asked.seed}")
    well = asked.run(asked)
    _say("all well" if well else "NOT WELL")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
