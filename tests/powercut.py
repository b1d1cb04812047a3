"""A disk whose power can be cut: an ext4 in memory, of which only what was synced is there afterwards.

The file system lies on a loop device in /dev/shm and commits by itself every five minutes only. A cut freezes
the desk, copies the device as it stands, and mounts the copy: what the kernel still held in its caches is
gone. Needs root and loop devices.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from sqlalchemy import select

from server.record.database import Database
from server.record.tables import ENTRY
from tests.faults import Clerk, Said, wait_for_more, writing
from tests.product import FenghuoProcess

SIZE = "160M"
CARELESS = (sys.executable, "-m", "tests.careless", "synchronous=NORMAL")


def why_not() -> str | None:
    """What this machine lacks; None when power can be cut here."""
    if os.geteuid() != 0:
        return "only root may mount a disk whose power can be cut"
    for program in ("mkfs.ext4", "mount", "umount"):
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            return f"no {program} here"
    try:
        with disk():
            return None
    except subprocess.CalledProcessError as failure:
        return f"no loop device can be mounted here: {failure.stderr.decode(errors='replace').strip()}"


def _run(*command: str | Path) -> None:
    environment = os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    subprocess.run(command, check=True, capture_output=True, env=environment)


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="fenghuo-disk-"))
    _run("mount", "-o", "loop,commit=300", image, place)
    try:
        yield place
    finally:
        _run("umount", place)
        place.rmdir()


@contextmanager
def disk() -> Iterator[tuple[Path, Path]]:
    """A fresh disk: the file that is the device, and where it is mounted."""
    with tempfile.TemporaryDirectory(prefix="fenghuo-power-", dir="/dev/shm") as folder:
        image = Path(folder) / "disk"
        with image.open("wb") as file:
            file.truncate(int(SIZE[:-1]) << 20)
        _run("mkfs.ext4", "-q", "-F", image)
        with mounted(image) as place:
            yield image, place


@dataclass
class Cuts:
    """What so many power cuts left. All is well when nothing is lost, doubled or faulty."""

    cuts: int = 0
    acked: int = 0
    lost: int = 0
    doubled: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.cuts} power cuts: acked {self.acked}, lost {self.lost}, doubled {self.doubled}, "
            f"faults {len(self.faults)}"
        )


def cut_power(
    furnish: Callable[[Path], FenghuoProcess], *, cuts: int, seed: int, careless: bool = False
) -> Cuts:
    """Eight clerks write to a desk on such a disk until the power goes, again and again.

    `furnish(folder)` makes a desk with people, not yet started, whose files are copied onto the disk.
    """
    chance = random.Random(seed)
    found = Cuts()
    for _ in range(cuts):
        with ExitStack() as stack:
            image, place = stack.enter_context(disk())
            model = furnish(place / "desk")
            _run("sync", "-f", place)
            desk = FenghuoProcess(place / "desk", tokens=model.tokens)
            if careless:
                desk.program = CARELESS
            desk.start()
            history, copy = _write_until_the_cut(desk, chance, image)
            found.cuts += 1
            with mounted(copy) as rest:
                _take_stock(rest / "desk", history, found)
    return found


def copy_desk(model: FenghuoProcess, place: Path) -> None:
    """The files of a desk that is not running, at another place."""
    shutil.copytree(model.folder, place)


def _write_until_the_cut(desk: FenghuoProcess, chance: random.Random, image: Path) -> tuple[list[Said], Path]:
    clerks = [Clerk(desk, "Li", "130324", chance.randrange(10**6), loses=0.0) for _ in range(8)]
    copy = image.with_name("copy")
    assert desk.process is not None
    with writing(clerks) as answered:
        wait_for_more(answered, chance.randint(40, 300))
        desk.process.send_signal(signal.SIGSTOP)
        # From here on nothing more is acknowledged; what the kernel has not written yet never will be.
        history = [said for clerk in clerks for said in clerk.history if said.outcome == "ok"]
        shutil.copyfile(image, copy)
        desk.kill9()
    return history, copy


def _take_stock(folder: Path, history: Sequence[Said], found: Cuts) -> None:
    found.acked += len(history)
    desk = FenghuoProcess(folder)
    said = desk.fenghuo("verify", expect=None)
    if not said.stdout.startswith("ok: "):
        found.faults.append((said.stdout + said.stderr)[-300:])
    database = Database.in_folder(folder)
    with database.reading() as connection:
        bodies = [orjson.loads(body) for body in connection.execute(select(ENTRY.c.body)).scalars()]
    database.close()
    stored = Counter(body["words"] for body in bodies if "words" in body)
    found.lost += sum(not stored[said.mark] for said in history)
    found.doubled += sum(stored[said.mark] > 1 for said in history)
