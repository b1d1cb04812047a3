"""A wall that is left alone for hours: news, restarts, a cut line, stepped clocks. Is it true, or veiled?

A round stands for a minute: something happens, and the wall looks again as it does each minute. What it shows
is held against a page painted afresh. Its heap is measured after the garbage is taken out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from bs4 import BeautifulSoup
from playwright.async_api import Browser, CDPSession, Page

from tests import words
from tests.product import FenghuoProcess
from tests.test_screens import is_live, sign_in
from tests.waiting import eventually
from tests.words import new_id

#: What stands on a wall, as far as it can be compared: rows, figures, scene.
SHOWN = """() => ({
  isVeiled: document.body.matches(".is-stale, .is-behind, .is-ended"),
  rows: [...document.querySelectorAll("#board > .wall-row")].map((row) =>
    `${row.id} ${row.querySelector(".wall-title").textContent.trim()} ${row.dataset.level}`),
  tiles: [...document.querySelectorAll("#panel-people .tile > b")].map((one) => one.textContent.trim()),
})"""
#: The clocks of the machine that hangs on the wall, stepped by so many milliseconds.
STEPPED = """(ms) => { const before = Date.now; Date.now = () => before() + ms; }"""
#: A wall that keeps what it should have let go.
LEAKS = """() => {
  window.kept = [];
  const keep = () => kept.push(document.getElementById("wall").cloneNode(true));
  document.addEventListener("fenghuo:refresh", keep);
}"""
LOOK = "() => dispatchEvent(new Event('online'))"
#: Until the page has nothing to do.
IDLE = "() => new Promise((done) => requestIdleCallback(done))"
LOOKS = 4
#: So long a wall may show what was before without a veil: 15 s, and what it takes to be told and to ask.
HONEST_S = 25.0
STANDING = 20  # open incidents at any time


@dataclass
class Night:
    """What was done, and what was amiss."""

    rounds: int = 0
    commands: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    veiled: int = 0
    slowest_s: float = 0.0
    heap: list[int] = field(default_factory=list)  # bytes, after each stretch
    nodes: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def grown(self) -> float:
        """By which share the heap, or what hangs in the page, grew once it was warm."""
        if len(self.heap) < 4:
            return 0.0
        return max(counted[-1] / counted[2] for counted in (self.heap, self.nodes)) - 1


class Watcher:
    """A wall, the desk behind it, and somebody who makes things happen."""

    def __init__(
        self, page: Page, desk: FenghuoProcess, office: FenghuoProcess, seed: int, night: Night
    ) -> None:
        self.page, self.desk, self.office, self.night = page, desk, office, night
        self._chance = random.Random(seed)
        self._open: list[str] = []

    async def told(self, name: str, body: dict[str, Any]) -> None:
        answer = await asyncio.to_thread(self.office.tell, "Wu", name, body)
        assert answer.status_code == 200, f"{name}: {answer.text}"
        self.night.commands += 1

    async def happens(self) -> None:
        """One more incident and one less, or other figures of one."""
        if len(self._open) < STANDING or self._chance.random() < 0.5:
            body = words.open_incident(
                title=f"夜间{new_id()[:6]}",
                known_at=words.just_now(30),
                occurred_at=...,
                facts={"dead": self._chance.randrange(2)},
                drill=self._chance.random() < 0.1,
            )
            await self.told("open-incident", body)
            self._open.append(body["incident_id"])
            if len(self._open) > STANDING:
                gone = self._open.pop(0)
                await self.told(
                    "close-incident", words.close_incident(gone, at=words.just_now(), outcome="handled")
                )
            return
        said = words.establish_facts(
            self._chance.choice(self._open), known_at=words.just_now(), evacuated=self._chance.randrange(900)
        )
        await self.told("establish-facts", said)

    async def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate(SHOWN)
        return found

    def fresh(self) -> dict[str, Any]:
        """The same of a page painted now."""
        answer = self.desk.phone("Wu").get("/wall/news", headers={"Accept-Language": "zh"})
        page = BeautifulSoup(answer.text, "lxml")
        return {
            "rows": [
                f"{row['id']} {row.select_one('.wall-title').get_text().strip()} {row['data-level']}"  # type: ignore[union-attr]
                for row in page.select("#board > .wall-row")
            ],
            "tiles": [one.get_text().strip() for one in page.select("#panel-people .tile > b")],
        }

    async def is_true(self) -> bool:
        """Whether it shows what is; a veiled one claims nothing."""
        seen = await self.shown()
        if seen.pop("isVeiled"):
            return False
        return seen == await asyncio.to_thread(self.fresh)

    async def must_be_honest(self, after: str) -> None:
        """Until it is true again it may be wrong without a veil for HONEST_S at most."""
        began = honest_at = monotonic()

        async def settled() -> bool:
            nonlocal honest_at
            if await self.is_true():
                return True
            if (await self.shown())["isVeiled"]:
                self.night.veiled += 1
                honest_at = monotonic()
            elif monotonic() - honest_at > HONEST_S:
                self.night.wrong.append(f"after {after} it shows what is not, and has no veil")
                return True
            return False

        try:
            await eventually(settled, 90)
        except AssertionError:
            self.night.wrong.append(f"after {after} it does not come back")
        self.night.slowest_s = max(self.night.slowest_s, monotonic() - began)

    async def suffers(self, name: str, fault: Callable[[], Awaitable[None]]) -> None:
        self.night.faults[name] = self.night.faults.get(name, 0) + 1
        await fault()
        await self.must_be_honest(name)

    async def restart(self) -> None:
        """The server is gone in the middle of whatever it did, and comes back."""
        await asyncio.to_thread(self.desk.kill9)
        await asyncio.to_thread(self.desk.start)

    async def cut(self) -> None:
        """The line is cut for so long that the wall must veil itself, and something happens meanwhile."""
        await self.page.context.set_offline(True)
        await self.happens()
        await eventually(self._is_veiled, 40)
        self.night.veiled += 1  # seen here: a quick desk has it away again before the next look
        await self.page.context.set_offline(False)

    async def _is_veiled(self) -> bool:
        return bool((await self.shown())["isVeiled"])

    async def step_clock(self) -> None:
        await self.page.evaluate(STEPPED, self._chance.choice((3_600_000, -3_600_000, 90_000)))

    async def measure(self, session: CDPSession) -> None:
        """What is kept. An answer that is just being read counts twice meanwhile: the least of some looks."""
        looks = []
        for _ in range(LOOKS):
            await session.send("HeapProfiler.collectGarbage")
            used = await session.send("Runtime.getHeapUsage")
            counted = await session.send("Memory.getDOMCounters")
            kept = int(used["usedSize"] + used.get("embedderHeapUsedSize", 0))
            looks.append((kept, int(counted["nodes"])))
            await self.page.evaluate(IDLE)
        self.night.heap.append(min(kept for kept, _nodes in looks))
        self.night.nodes.append(min(nodes for _kept, nodes in looks))


async def a_night(
    browser: Browser,
    desk: FenghuoProcess,
    *,
    rounds: int,
    seed: int,
    faults: dict[str, int],
    meddle: str = "",
    outside: dict[str, Callable[[], None]] | None = None,
    office: FenghuoProcess | None = None,
) -> Night:
    """`faults`: how many of each, spread over the rounds; `outside`: faults of other servers, by name;
    `office`: the process at which things are written down, when it is not the wall's own."""
    night = Night()
    context = await browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1920, "height": 1080}
    )
    page = await context.new_page()
    page.on("pageerror", lambda error: night.wrong.append(f"the page: {error}"))
    await sign_in(page, desk, "Wu", "/wall")
    await is_live(page)
    if meddle:
        await page.evaluate(meddle)
    watcher = Watcher(page, desk, office or desk, seed, night)
    session = await context.new_cdp_session(page)
    for _ in range(STANDING):
        await watcher.happens()
    await watcher.must_be_honest("the evening")
    own = {"restart": watcher.restart, "cut": watcher.cut, "clock": watcher.step_clock}
    planned = [name for name, times in faults.items() for _ in range(times)]
    random.Random(seed).shuffle(planned)
    every, stretch = max(2, rounds // (len(planned) + 1)), max(2, rounds // 6)
    for number in range(rounds):
        night.rounds += 1
        if number % stretch == 0:
            await watcher.measure(session)
        await watcher.happens()
        await page.evaluate(LOOK)
        await watcher.must_be_honest("news")
        if planned and number % every == every - 1:
            name = planned.pop()
            deed = own.get(name) or _outside((outside or {})[name])
            await watcher.suffers(name, deed)
    await watcher.measure(session)
    await context.close()
    return night


def _outside(fault: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def made() -> None:
        await asyncio.to_thread(fault)

    return made


def described(night: Night, seed: int) -> str:
    made = ", ".join(f"{times} × {name}" for name, times in sorted(night.faults.items()))
    heap = " → ".join(f"{one / 1e6:.1f}" for one in (night.heap[2:3] + night.heap[-1:]))
    return (
        f"seed {seed}: {night.rounds} minutes, {night.commands} commands, {made}; back to the truth within "
        f"{night.slowest_s:.1f} s, heap {heap} MB ({100 * night.grown:+.1f} %), nodes {night.nodes[2:3]} → "
        f"{night.nodes[-1:]}: {len(night.wrong)} wrong"
    )
