"""What grows with the years: how fast a log is verified, how a desk starts with many closed incidents.

python -m measure.records write FOLDER ENTRIES      a log of every kind of command
python -m measure.records close FOLDER INCIDENTS    a desk with so many closed incidents
python -m measure.records verify FOLDER             verifies it, prints the figures
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measure.figures import resident_mb
from schemas.commands import COMMANDS
from server.record.database import Database
from server.safekeeping.verify import verify
from tests import words
from tests.chronicle import Chronicle
from tests.product import FenghuoProcess

AT_ONCE = 100


def write_log(folder: Path, entries: int) -> None:
    with Chronicle(Database.in_folder(folder), seed=1).running() as chronicle:
        chronicle.write(entries)


def write_closed(folder: Path, incidents: int) -> None:
    """Each was opened, noted down thrice and closed: 5 commands, a dozen rows."""
    with Chronicle(Database.in_folder(folder), seed=1).running() as chronicle:
        for start in range(0, incidents, AT_ONCE):
            chronicle.say_all(
                COMMANDS[name].model_validate(body)
                for _ in range(start, min(incidents, start + AT_ONCE))
                for name, body in _one_closed()
            )


def _one_closed() -> list[tuple[str, dict[str, Any]]]:
    opened = words.open_incident(
        category="other",
        known_at=words.at("08:35", day=-3),
        occurred_at=words.at("08:30", day=-3),
        known_by="130324",
    )
    the = opened["incident_id"]
    notes = [("add-entry", words.add_entry(the, "处置中", "08:45", day=-3)) for _ in range(3)]
    return [
        ("open-incident", opened),
        *notes,
        ("close-incident", words.close_incident(the, "18:00", day=-3)),
    ]


def verifying(folder: Path) -> dict[str, Any]:
    """As `fenghuo verify` does, in this process: but for its helper's, nothing of starting Python counts."""
    database = Database.in_folder(folder)
    began, cpu = time.monotonic(), time.process_time()
    found = verify(database, helped=True)
    took, used = time.monotonic() - began, time.process_time() - cpu
    return {
        "entries": found.entries,
        "faults": len(found.faults),
        "per_s": round(found.entries / took),
        "per_cpu_s": round(found.entries / used),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def in_a_process_of_its_own(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "measure.records", *map(str, arguments)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(json.loads(said)) if said else {}


def starting(folder: Path) -> dict[str, Any]:
    """From starting the process until `/readyz` says 200, and the memory it has then."""
    desk = FenghuoProcess(folder)
    began = time.monotonic()
    desk.start()
    took = time.monotonic() - began
    assert desk.process is not None
    figures = {"ready_s": round(took, 2), "rss_mb": resident_mb(desk.process.pid)}
    desk.stop()
    return figures


def main() -> None:
    match sys.argv[1:]:
        case ["write", folder, entries]:
            write_log(Path(folder), int(entries))
        case ["close", folder, incidents]:
            write_closed(Path(folder), int(incidents))
        case ["verify", folder]:
            print(json.dumps(verifying(Path(folder))))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
