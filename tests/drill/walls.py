"""The wall left alone for a night: E32."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from playwright.async_api import Browser, async_playwright

from tests import words
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.drill.desks import fleet, furnished, running
from tests.drill.experiment import Run, experiment
from tests.product import FenghuoProcess
from tests.wall_night import LEAKS, Night, a_night, described

#: By which share the heap may differ between the first hour and the last: it is never quite still.
FLAT, FLAT_SHORT, LEAKING = 0.10, 0.30, 0.60
HOURS = 8


@experiment(
    "E32",
    "a wall for eight hours: restarts, cuts, stepped clocks, Redis gone",
    needs=("chromium", "postgresql", "redis"),
    minutes=20,
)
def night(run: Run) -> None:
    rounds = run.scale(HOURS * 60, 12)
    desk = furnished(run.folder / "desk")
    with running(desk):
        faults = {"restart": run.scale(8, 1), "cut": run.scale(8, 1), "clock": run.scale(8, 1)}
        found = _slept(desk, rounds, run.seed, faults)
        leaking = _slept(desk, run.scale(60, 12), run.seed, {}, LEAKS)
    _judge(run, found, "S")
    run.control("a wall that keeps old pictures is seen to grow", leaking.grown > LEAKING, leaking.heap)
    if not run.is_short:
        _on_two(run)


def _on_two(run: Run) -> None:
    """The same, told by other processes: Redis goes away for a while, and the process of the wall dies."""
    with fleet(run) as both:
        desk = FenghuoProcess(run.folder / "hall", database_url=both.postgres.url, redis_url=both.redis.url)
        desk.tokens = both.desks[0].tokens

        def without_redis() -> None:
            both.redis.kill9()
            body = words.open_incident(known_at=words.just_now(), occurred_at=..., title="没有铃声的一案")
            assert both.desks[1].tell("Wu", "open-incident", body).status_code == 200
            both.redis.start()

        with running(desk):
            faults = {"redis": 6, "restart": 3, "cut": 3, "clock": 3}
            outside = {"redis": without_redis}
            found = _slept(desk, 120, run.seed, faults, outside=outside, office=both.desks[0])
    _judge(run, found, "M")


def _judge(run: Run, found: Night, where: str) -> None:
    run.faults += sum(found.faults.values())
    run.must(f"{where}: it is true or veiled, whatever happens", not found.wrong, found.wrong[:5])
    run.must(f"{where}: it was veiled while the line was cut", found.veiled or "cut" not in found.faults)
    run.must(f"{where}: its heap is flat", found.grown < (FLAT_SHORT if run.is_short else FLAT), found.heap)
    run.line(f"{where}: {described(found, run.seed)}", rounds=found.rounds, wrong=len(found.wrong))


def _slept(
    desk: FenghuoProcess,
    rounds: int,
    seed: int,
    faults: dict[str, int],
    meddle: str = "",
    outside: dict[str, Callable[[], None]] | None = None,
    office: FenghuoProcess | None = None,
) -> Night:
    async def night() -> Night:
        async with async_playwright() as playwright:
            browser: Browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS)
            )
            found = await a_night(
                browser,
                desk,
                rounds=rounds,
                seed=seed,
                faults=faults,
                meddle=meddle,
                outside=outside,
                office=office,
            )
            await browser.close()
            return found

    return asyncio.run(night())
