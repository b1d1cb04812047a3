"""What was acknowledged is kept: once, on disk, whatever ends the process.

The long forms (100 kills, 20 power cuts) are `scripts/drill E03` and `scripts/drill E01`.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from server.record.database import Database
from tests import powercut, words
from tests.conftest import CI, eventually
from tests.faults import Clerk, Said, account, ask_again, besiege, writing
from tests.product import FenghuoProcess
from tests.waiting import wait_until

KILLS = 3
pytestmark = pytest.mark.timeout(180)  # whichever test comes first waits until the siege is over


@pytest.fixture(scope="module")
def besieged(
    each_database: str, furnish: Callable[[str], FenghuoProcess]
) -> Iterator[tuple[FenghuoProcess, list[Said]]]:
    """A desk that was killed again and again while eight clerks wrote, and all they said."""
    desk = furnish(each_database)
    desk.start()
    yield desk, besiege(desk, kills=KILLS, seed=7)
    desk.stop()


def test_a_desk_killed_while_eight_officers_write_keeps_each_word_once(
    besieged: tuple[FenghuoProcess, list[Said]],
):
    desk, history = besieged
    found = account(desk, history)
    print(f"{KILLS} kills: {found}")
    assert not found.wrong
    assert found.ok > 100
    assert found.resent, "no command was ever sent again, so this tested nothing"
    assert desk.fenghuo("verify").stdout.startswith("ok: ")


def test_who_asks_again_gets_the_first_answer_also_after_the_desk_was_killed(
    besieged: tuple[FenghuoProcess, list[Said]],
):
    desk, history = besieged
    assert not ask_again(desk, history)


def test_without_the_idempotency_record_the_same_faults_write_things_twice(
    besieged: tuple[FenghuoProcess, list[Said]],
):
    """The control: a program that resends under new ids, as if there were no record of commands done."""
    desk, _history = besieged
    clerks = [Clerk(desk, "Li", "130324", seed, keyed=False, loses=0.2) for seed in range(901, 905)]
    with writing(clerks) as answered:
        eventually(lambda: answered() > 100, within=30)
    assert account(desk, [said for clerk in clerks for said in clerk.history]).doubled


# --- on disk before the answer ----------------------------------------------------------------------------


class Tracer:
    """strace on a running desk: its writes and syncs, in the order in which they were finished."""

    CALLS = "pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync"

    def __init__(self, desk: FenghuoProcess, folder: Path) -> None:
        assert desk.process is not None
        self._pid, self._output = desk.process.pid, folder / "strace"
        self._strace = subprocess.Popen(
            ["strace", "-f", "-y", "-s", "32", "-e", f"trace={self.CALLS}", "-o", str(self._output),
             "-p", str(self._pid)],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self._is_attached)

    def _is_attached(self) -> bool:
        assert self._strace.poll() is None, "strace may not look at other processes here"
        tasks = Path(f"/proc/{self._pid}/task").glob("*/status")
        return all("TracerPid:\t0\n" not in task.read_text() for task in tasks)

    def deeds(self) -> str:
        """Stop looking. A letter for each deed: w into the WAL, s synced the WAL, a an answer of 200 or an
        entry to a listener."""
        self._strace.send_signal(signal.SIGINT)
        self._strace.wait(timeout=10)
        begun: dict[str, str] = {}
        deeds = ""
        for line in self._output.read_text(errors="replace").splitlines():
            thread, _, call = line.partition(" ")
            call = call.strip()
            if call.endswith("<unfinished ...>"):
                begun[thread] = call
                if _tells(call):  # on its way from here on, so this is its moment
                    deeds += "a"
                continue
            if call.startswith("<..."):
                call = begun.pop(thread, "") + call
                if _tells(call):
                    continue
            if _tells(call):
                deeds += "a"
            elif re.match(r"pwrite(64|v)\(\d+<[^>]*-wal>", call):
                deeds += "w"
            elif re.match(r"f(data)?sync\(\d+<[^>]*-wal>.*= 0$", call):
                deeds += "s"
        return deeds


def _tells(call: str) -> bool:
    """Whether these bytes tell somebody that something is written down."""
    return "HTTP/1.1 200" in call or '\\"entry\\"' in call


async def test_neither_answer_nor_listener_is_told_before_the_words_are_synced_to_the_disk(
    furnish: Callable[[str], FenghuoProcess], tmp_path: Path
):
    """SQLite: what strace sees. That PostgreSQL is asked for the same is the next test."""
    if shutil.which("strace") is None:
        missing = "no strace here: fsync before the answer is not tested. Remedy: apt-get install strace"
        pytest.fail(missing) if CI else pytest.skip(missing)
    desk = furnish("sqlite")
    desk.start()
    opened = words.open_incident()
    assert desk.tell("Li", "open-incident", opened).status_code == 200
    async with desk.listen("Wu") as live, desk.async_client("Li") as client:
        tracer = Tracer(desk, tmp_path)
        for number in range(20):
            body = words.add_entry(opened["incident_id"], f"第 {number} 条")
            assert (await client.post("/api/v1/commands/add-entry", json=body)).status_code == 200
            assert (await live.entry())["event"]["text"] == f"第 {number} 条"
        deeds = tracer.deeds()
    desk.stop()
    told = re.findall(r"[ws]+a+", deeds)
    assert len(told) == 20
    for (
        one
    ) in told:  # what one command wrote is synced, and nothing is written after that, before anybody is told
        assert re.fullmatch(r"w+s+aa", one), deeds


# --- power cuts -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people_on(furnish: Callable[[str], FenghuoProcess]) -> Callable[[Path], FenghuoProcess]:
    """`people_on(folder)`: the files of a desk with people, at that place. Needs a disk that can be cut."""
    if missing := powercut.why_not():
        pytest.skip(f"{missing}: no power is cut, durability is not tested to the end. Remedy: run as root")

    def copy(folder: Path) -> FenghuoProcess:
        model = furnish("sqlite")
        powercut.copy_desk(model, folder)
        return model

    return copy


def test_nothing_that_was_acknowledged_is_lost_when_the_power_goes(
    people_on: Callable[[Path], FenghuoProcess],
):
    found = powercut.cut_power(people_on, cuts=2, seed=5)
    print(found)
    assert found.acked >= 80
    assert (found.lost, found.doubled, found.faults) == (0, 0, [])


def test_without_waiting_for_the_disk_a_power_cut_does_lose_words(
    people_on: Callable[[Path], FenghuoProcess],
):
    """The control: the same cut, with SQLite told not to sync at every commit."""
    assert powercut.cut_power(people_on, cuts=1, seed=5, careless=True).lost


def test_a_postgresql_told_to_be_careless_is_not_careless_with_our_words(
    new_database: Callable[..., str],
):
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        name = url.rpartition("/")[2]
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    database = Database(url)
    with database.writing() as writer:
        assert writer.execute(text("SHOW synchronous_commit")).scalar() == "on"
    database.close()


def test_sqlite_syncs_its_log_at_every_commit(tmp_path: Path):
    database = Database.in_folder(tmp_path)
    with database.writing() as writer:
        assert writer.execute(text("PRAGMA synchronous")).scalar() == 2
        assert writer.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    database.close()
