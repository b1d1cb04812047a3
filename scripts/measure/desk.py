"""The whole product as its own process, with writers and listeners in two others: what a person would feel.

Times: an *answer* counts from when its command was due until its 200 was read; *entry to last listener* from
the same moment until the last healthy listener that may see the entry has it. All on the one monotonic clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure.figures import Usage, resident_mb, times
from tests import words
from tests.product import FenghuoProcess

CITY = "130300"
COUNTIES = ("130302", "130303", "130304", "130321", "130322", "130324")
PEOPLE = ((CITY, "duty_officer", CITY), *((county, "duty_officer", county) for county in COUNTIES))


@dataclass
class Target:
    """A server to be measured: where it listens, who listens to what, and about what is written."""

    name: str
    port: int
    pid: int
    groups: list[dict[str, Any]]
    targets: list[dict[str, str]]
    reach: list[int]  # how many healthy listeners an entry about each target has


def start_desk(
    folder: Path, database_url: str | None = None, program: Sequence[str | Path] = FenghuoProcess.program
) -> FenghuoProcess:
    """A desk with an officer at the city and at each of six counties; everyone is named after the unit."""
    desk = FenghuoProcess(folder, database_url=database_url)
    desk.program = program
    desk.add_people(PEOPLE)
    desk.start()
    return desk


def at_desk(desk: FenghuoProcess, listeners: int, spread: bool) -> Target:
    """All listeners on the city's stream; or half of them there and the rest on those of six counties."""
    assert desk.process is not None
    targets, reach = [], []
    in_county = listeners // 2 // len(COUNTIES) if spread else 0
    in_city = listeners - in_county * len(COUNTIES)
    for county in COUNTIES:
        body = words.open_incident(
            place={"division": county, "text": "演练场"},
            known_at=words.just_now(),
            known_by=county,
            occurred_at=...,
            occurred_precision=...,
        )
        answer = desk.tell(county, "open-incident", body)
        assert answer.status_code == 200, answer.text
        targets.append({"token": desk.tokens[county], "incident_id": body["incident_id"]})
        reach.append(in_city + in_county)
    groups = [{"token": desk.tokens[CITY], "count": in_city}]
    groups += [{"token": desk.tokens[county], "count": in_county} for county in COUNTIES if in_county]
    name = "fenghuo, spread" if spread else "fenghuo"
    return Target(name, desk.port, desk.process.pid, groups, targets, reach)


@contextmanager
def _process(module: str, asked: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, json.dumps(asked)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a process of the measurement ended early")
    return line


class Clerks:
    """Those who write, in a process of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def results(self) -> dict[str, Any]:
        """When all is said: of each command its number, when it was due and answered, and how."""
        return dict(json.loads(_line(self._process)))


@contextmanager
def clerks_at(
    port: int,
    targets: list[dict[str, str]],
    *,
    connections: int,
    rate: float,
    seconds: float,
    batch: int = 0,
) -> Iterator[Clerks]:
    asked = {
        "port": port,
        "targets": targets,
        "connections": connections,
        "rate": rate,
        "seconds": seconds,
        "batch": batch,
    }
    with _process("measure.clerks", asked) as process:
        yield Clerks(process)


def fan_out(
    target: Target, *, rate: float, seconds: float, frozen: int = 0, crawling: int = 0
) -> dict[str, Any]:
    """Write at a steady rate while everybody listens."""
    listening = {"port": target.port, "groups": target.groups, "frozen": frozen, "crawling": crawling}
    with _process("measure.ears", listening) as ears:
        assert _line(ears).strip() == "ready"
        before = Usage.of(target.pid)
        with clerks_at(target.port, target.targets, connections=8, rate=rate, seconds=seconds) as clerks:
            said = clerks.results()
        used = Usage.of(target.pid).since(before)
        memory = resident_mb(target.pid)
        ears.stdin.write("\n")  # type: ignore[union-attr]
        ears.stdin.flush()  # type: ignore[union-attr]
        heard = json.loads(_line(ears))
    answers, deliveries, incomplete, delivered = [], [], 0, 0
    for number, due_at, answered_at, status in said["results"]:
        if status != 200:
            incomplete += 1
            continue
        answers.append(answered_at - due_at)
        everybody = target.reach[number % len(target.reach)]
        delivered += everybody
        if heard["counts"].get(str(number), 0) == everybody:
            deliveries.append(heard["last_at"][str(number)] - due_at)
        else:
            incomplete += 1
    return {
        "server": target.name,
        "listeners": sum(group["count"] for group in target.groups),
        "frozen": frozen,
        "crawling": crawling,
        "entries": len(said["results"]),
        "incomplete": incomplete + said["lost"] + len(heard["faults"]),
        **times("answer", answers),
        **times("last", deliveries),
        "cpu": round(used.cpu_s / seconds, 2),
        "cpu_s_per_million": round(used.cpu_s / max(1, delivered) * 1e6, 1),
        "waited": round(used.waited_s / seconds, 2),
        "listeners_cpu": round(heard["cpu"], 2),
        "listeners_waited": round(heard["waited"], 2),
        "rss_mb": memory,
    }


def durable_writes(target: Target, *, writers: int, seconds: float, batch: int = 0) -> dict[str, Any]:
    """Each writer sends its next line, or batch of lines, when the last one is on disk."""
    before = Usage.of(target.pid)
    with clerks_at(
        target.port, target.targets, connections=writers, rate=0, seconds=seconds, batch=batch
    ) as clerks:
        said = clerks.results()
    used = Usage.of(target.pid).since(before)
    done = [answered_at - due_at for _n, due_at, answered_at, status in said["results"] if status == 200]
    writes = len(done) * max(1, batch)
    return {
        "writers": writers,
        "writes": writes,
        "refused": len(said["results"]) - len(done) + said["lost"],
        "per_s": round(writes / seconds),
        **times("answer", done),
        "cpu_us_per_write": round(used.cpu_s / max(1, writes) * 1e6),
        "cpu": round(used.cpu_s / seconds, 2),
        "waited": round(used.waited_s / seconds, 2),
    }
