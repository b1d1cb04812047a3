"""What many listeners cost and survive: idle ones, some that stop reading, and the return of all of them.

Idle and returning ones listen to the whole product; the stalled ones to `measure.ours`, which can be told to
publish 500 entries a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure.crowd import Crowd, crowd
from measure.desk import CITY, clerks_at
from measure.fanout import listening_to
from measure.figures import Usage, quantile, resident_mb, times
from measure.stacks import BEARER, HELLO, OURS, REQUEST, running, stacks
from tests import words
from tests.product import FenghuoProcess
from tests.servers import Postgres, find_postgres

PER_TOKEN = 1_000  # listeners; a token may have twice as many
SETTLED_S = 10.0  # until memory is read: what connecting needed for a moment has been given back
HEALTHY, STALLED, RATE = 100, 5, 500.0
CUT_WITHIN_S = 15.0
ANSWERS_PER_S = 50.0
LIVE_WITHIN_S = 60.0
MIXED_RATE = 200.0


@contextmanager
def listening_at(desks: Sequence[FenghuoProcess], listeners: int, folder: Path) -> Iterator[Crowd]:
    """Listeners of the city's stream, at the first desk; at the next when that is gone."""
    tokens = folder / "tokens"
    tokens.write_text("\n".join(token for name, token in desks[0].tokens.items() if name.startswith("Ear")))
    request = REQUEST.format(path="/api/v1/live", more=BEARER)
    ports = [desk.port for desk in desks]
    with crowd(ports, listeners, request=request, hello=HELLO, greetings=1, tokens=str(tokens)) as ears:
        yield ears


def add_people(desk: FenghuoProcess, listeners: int) -> None:
    """One who writes, and as many ears as it takes."""
    ears = [(f"Ear {number}", "duty_officer", CITY) for number in range(1 + (listeners - 1) // PER_TOKEN)]
    desk.add_people([(CITY, "duty_officer", CITY), *ears])


def idle(listeners: int, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """How much memory a listener takes to which nothing happens, in the whole product."""
    say(f"bench: {listeners} listeners to whom nothing happens")
    desk = FenghuoProcess(folder / "idle")
    add_people(desk, listeners)
    desk.start()
    try:
        assert desk.process is not None
        before = resident_mb(desk.process.pid)
        with listening_at([desk], listeners, folder) as ears:
            time.sleep(SETTLED_S)
            after = resident_mb(desk.process.pid)
            state = ears.state()
    finally:
        desk.stop()
    return {
        "listeners": listeners,
        "live": state["live"],
        "kb_each": round((after - before) * 1024 / listeners, 1),
        "connects_per_s": round(listeners / ears.ready_s),
    }


def stalled(seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Healthy listeners alone; then the same with some beside them that stop reading, and come back."""
    say(f"bench: {HEALTHY} listeners at {RATE:g} entries/s, without and with {STALLED} that stop reading")
    (ours,) = [stack for stack in stacks() if stack.name == OURS]
    with running(ours) as server, listening_to(server, HEALTHY) as healthy:
        count = int(RATE * seconds)
        healthy.pace(RATE, count // 4)
        alone = healthy.pace(RATE, count)
        before = server.resident_kb()
        with listening_to(server, STALLED) as bad:
            bad.ask("stall")
            beside = healthy.pace(RATE, count)
            after = server.resident_kb()
            until = time.monotonic() + CUT_WITHIN_S  # no entry comes now; who has not been cut will be
            bad.ask("read")
            last = healthy.state()["most"]
            while (back := bad.state())["least"] < last and time.monotonic() < until:
                time.sleep(0.1)
        state = healthy.state()
    return {
        "healthy": HEALTHY,
        "stalled": STALLED,
        "alone_p50_ms": round(quantile(alone["ms"], 0.5), 2),
        "alone_p99_ms": round(quantile(alone["ms"], 0.99), 2),
        "beside_p50_ms": round(quantile(beside["ms"], 0.5), 2),
        "beside_p99_ms": round(quantile(beside["ms"], 0.99), 2),
        "kb_per_stalled": round((after - before) / STALLED),
        "cut_off": back["lost"],
        "told_to_read_again": back["refreshed"],
        "complete": back["least"] >= last and not back["gaps"] + state["gaps"] + state["lost"],
    }


def mixed(listeners: int, seconds: float, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Commands at a steady rate, durably, while every one of many listeners is sent each of them."""
    say(f"bench: {MIXED_RATE:g} commands/s, {listeners} listeners of each")
    desk = FenghuoProcess(folder)
    add_people(desk, listeners)
    desk.start()
    try:
        body = words.open_incident(known_at=words.just_now(), occurred_at=..., occurred_precision=...)
        assert desk.tell(CITY, "open-incident", body).status_code == 200
        target = {"token": desk.tokens[CITY], "incident_id": body["incident_id"]}
        assert desk.process is not None
        pid = desk.process.pid
        with listening_at([desk], listeners, folder.parent) as ears:
            before = Usage.of(pid)
            with clerks_at(desk.port, [target], connections=16, rate=MIXED_RATE, seconds=seconds) as clerks:
                said = clerks.results()
            used = Usage.of(pid).since(before)
            until = time.monotonic() + 10
            while (end := ears.state())["least"] < end["most"] and time.monotonic() < until:
                time.sleep(0.1)
    finally:
        desk.stop()
    answers = [answered_at - due for _, due, answered_at, status in said["results"] if status == 200]
    return {
        "listeners": listeners,
        "rate": MIXED_RATE,
        "answers": len(answers),
        "unanswered": len(said["results"]) - len(answers) + said["lost"],
        **times("answer", answers),
        "cpu": round(used.cpu_s / seconds, 2),
        "gaps": end["gaps"],
        "behind": end["most"] - end["least"],
        "lost": end["lost"],
    }


def storm(listeners: int, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """All listeners of a killed process return to another on the same PostgreSQL; people write there."""
    if find_postgres() is None:
        return {"left_out": "PostgreSQL: apt-get install postgresql"}
    say(f"bench: {listeners} listeners of a killed process return to another one")
    with Postgres() as postgres:
        first = FenghuoProcess(folder / "first", database_url=postgres.url)
        add_people(first, listeners)
        second = FenghuoProcess(folder / "second", database_url=postgres.url, tokens=first.tokens)
        first.start()
        second.start()
        try:
            return _return_of(listeners, first, second, folder)
        finally:
            first.kill9()
            second.stop()


def _return_of(listeners: int, first: FenghuoProcess, second: FenghuoProcess, folder: Path) -> dict[str, Any]:
    body = words.open_incident(known_at=words.just_now(), occurred_at=..., occurred_precision=...)
    assert second.tell(CITY, "open-incident", body).status_code == 200
    target = {"token": second.tokens[CITY], "incident_id": body["incident_id"]}
    with listening_at([first, second], listeners, folder) as ears:
        with clerks_at(second.port, [target], connections=8, rate=ANSWERS_PER_S, seconds=30.0) as clerks:
            time.sleep(5.0)
            first.kill9()
            killed_at = time.monotonic()
            while (state := ears.state())["live"] < listeners or state["lost"] < listeners:
                if time.monotonic() > killed_at + LIVE_WITHIN_S:
                    break
                time.sleep(0.1)
            live_at = time.monotonic()
            said = clerks.results()
        until = time.monotonic() + 5
        while (end := ears.state())["least"] < end["most"] and time.monotonic() < until:
            time.sleep(0.1)
        figures = second.phone(None).get("/metrics").text
    answers = [(due, answered_at - due) for _, due, answered_at, status in said["results"] if status == 200]
    meanwhile = [took for due, took in answers if killed_at < due < live_at]
    pages = [line.split()[1] for line in figures.splitlines() if line.startswith("fenghuo_log_pages_total ")]
    return {
        "listeners": listeners,
        "live_again_s": round(live_at - killed_at, 1),
        "live": state["live"],
        **times("calm_answer", [took for due, took in answers if due < killed_at]),
        **times("answer", meanwhile),
        "answers": len(meanwhile),
        "unanswered": len(said["results"]) - len(answers) + said["lost"],
        "gaps": end["gaps"],
        "behind": end["most"] - end["least"],
        "pages_read": round(float(pages[0])) if pages else 0,
    }
