"""The field tablet in a real Chromium: what a first visit brings, how soon a slow tablet shows its first
screen without a network, and whether its memory stays flat through a shift.

A shift is lived faster than it passes: every timer of the page runs `speed` times as often, and an hour's
work (the desk's entries, his own deeds, pages opened and left, a cut of the line) is done in each such hour.
Memory is what is left of the heap after a collection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from measure.desk import start_desk
from tests import words
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.drill.bad_line import BadLine
from tests.drill.officers import lines_to
from tests.product import FenghuoProcess
from tests.tablet import at, note, sign_in, unlock
from tests.waiting import eventually

Say = Callable[[str], None]
MOST_KB, MOST_MS, MOST_GROWN = 150, 1_000, 1.25  # what he did is kept for 72 hours
COLLECTIONS = 4
SLOWER, WHO, COUNTY = 6, "Song", "130324"
INCIDENTS, LINES, ENTRIES_AN_HOUR, DEEDS_AN_HOUR = 20, 20, 60, 30
TITLES = {
    "field_visit": f"/field: the first visit over the wire without its map (goal {MOST_KB} kB)",
    "field_shown": f"/field: first usable screen, no network, CPU {SLOWER}× slower (goal {MOST_MS} ms)",
    "field_shift": f"/field: a shift's memory, collected (goal: {MOST_GROWN:g} × the first hour's at most)",
}
COLUMNS = {
    "field_visit": ("kb", "program_kb", "data_kb", "connections", "within"),
    "field_shown": ("runs", "p50_ms", "worst_ms", "within"),
    "field_shift": ("hour", "heap_mb", "nodes", "listeners", "deeds_kept", "grown", "within"),
}
WEIGHED = """Promise.all(["/api/v1/field", "/api/v1/field/book"].map(async (path) => {
  performance.clearResourceTimings();
  await (await fetch(path, { cache: "no-store" })).text();
  return performance.getEntriesByName(new URL(path, location.href).href).at(-1)?.encodedBodySize ?? 0;
})).then((sizes) => sizes.reduce((sum, one) => sum + one, 0))"""
FASTER = """(() => {
  const real = globalThis.setInterval;
  globalThis.setInterval = (act, ms, ...rest) => real(act, Math.max(4, ms / SPEED), ...rest);
})();"""


def measure(folder: Path, *, runs: int, hours: int, speed: float, say: Say) -> dict[str, Any]:
    desk = start_desk(folder / "field")
    try:
        desk.add_people([(WHO, "field_commander", COUNTY)])
        (line,) = lines_to(desk, 1, seed=1)
        desk.restart()
        ids = _furnish(desk)
        return asyncio.run(_measure(desk, line, ids, runs, hours, speed, say))
    finally:
        desk.stop()


def _furnish(desk: FenghuoProcess) -> list[str]:
    """A busy county: so many incidents, each with so many lines."""
    ids = [words.new_id() for _ in range(INCIDENTS)]
    for number, one in enumerate(ids):
        said = [("open-incident", words.open_incident(
            incident_id=one, title=f"第{number}处险情", known_at=words.just_now(60 + number),
            place={"division": COUNTY, "text": f"{number}号点"}, known_by=COUNTY, occurred_at=...,
        ))]  # fmt: skip
        said += [
            ("add-entry", words.add_entry(one, f"{n} 现场情况" * 8, happened_at=words.just_now(n)))
            for n in range(LINES)
        ]
        _send(desk, said)
    return ids


def _send(desk: FenghuoProcess, said: list[tuple[str, dict[str, Any]]]) -> None:
    commands = [{"name": name, "body": {"command_id": words.new_id(), **body}} for name, body in said]
    answer = desk.phone(COUNTY).post("/api/v1/commands", json={"commands": commands})
    assert answer.status_code == 200, answer.text


async def _measure(
    desk: FenghuoProcess, line: BadLine, ids: list[str], runs: int, hours: int, speed: float, say: Say
) -> dict[str, Any]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        try:
            say("bench: the tablet's first visit")
            visit = await _first_visit(browser, line)
            say(f"bench: its first screen, {runs} times")
            shown = await _first_screen(browser, desk, max(3, runs))
            say(f"bench: a shift of {hours} h, {speed:g} times as fast")
            shift = await _shift(browser, desk, ids, hours, speed, say)
        finally:
            await browser.close()
    return {"field_visit": [visit], "field_shown": [shown], "field_shift": shift}


async def _first_visit(browser: Browser, line: BadLine) -> dict[str, Any]:
    """Everything that comes over the wire until the tablet is ready for a cold start."""
    with line:
        signing = await browser.new_context()
        await sign_in(await signing.new_page(), line, WHO)
        cookies = await signing.cookies()
        await signing.close()
        context = await browser.new_context(locale="zh-CN", viewport={"width": 800, "height": 1280})
        await context.add_cookies(cookies)  # type: ignore[arg-type]
        page = await context.new_page()
        before, by_path = line.came_down, line.connections
        await page.goto(f"{line.url}/field")
        await unlock(page)
        await expect(page.locator("body")).to_have_attribute("data-kept", "yes", timeout=60_000)
        await expect(page.locator("#line")).to_have_class("field-line is-live", timeout=60_000)
        came = line.came_down - before
        data = await page.evaluate(WEIGHED)
        await context.close()
    return {
        "kb": round(came / 1e3, 1), "program_kb": round((came - data) / 1e3, 1),
        "data_kb": round(data / 1e3, 1),
        "connections": line.connections - by_path, "within": "yes" if came <= MOST_KB * 1e3 else "NO",
    }  # fmt: skip


async def _first_screen(browser: Browser, desk: FenghuoProcess, runs: int) -> dict[str, Any]:
    context = await browser.new_context(locale="zh-CN", viewport={"width": 800, "height": 1280})
    page = await context.new_page()
    await sign_in(page, desk, WHO)
    await context.set_offline(True)
    session = await context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    took = []
    for _ in range(runs):  # what is there first is the door: the PIN costs as much again
        await page.reload()
        await expect(page.locator("body")).to_have_attribute("data-shown", "yes", timeout=60_000)
        took.append(await page.evaluate("performance.getEntriesByName('shown')[0].startTime"))
    await context.close()
    return {
        "runs": runs, "p50_ms": round(median(took)), "worst_ms": round(max(took)),
        "within": "yes" if median(took) <= MOST_MS else "NO",
    }  # fmt: skip


async def _shift(
    browser: Browser, desk: FenghuoProcess, ids: list[str], hours: int, speed: float, say: Say
) -> list[dict[str, Any]]:
    context = await browser.new_context(locale="zh-CN", viewport={"width": 800, "height": 1280})
    await context.add_init_script(FASTER.replace("SPEED", f"{speed:g}"))
    page = await context.new_page()
    await sign_in(page, desk, WHO)
    session = await context.new_cdp_session(page)
    for domain in ("HeapProfiler", "Performance"):
        await session.send(f"{domain}.enable")
    rows: list[dict[str, Any]] = []
    for hour in range(1, hours + 1):
        began = asyncio.get_running_loop().time()
        await _an_hours_work(page, desk, ids, hour)
        spent = asyncio.get_running_loop().time() - began
        await page.wait_for_timeout(max(0.0, 3_600 / speed - spent) * 1e3)
        rows.append({"hour": hour, **await _memory(page, session)})
        rows[-1]["grown"] = round(rows[-1]["heap_mb"] / rows[0]["heap_mb"], 3)
        rows[-1]["within"] = "yes" if rows[-1]["grown"] <= MOST_GROWN else "NO"
        say(f"bench: hour {hour}: {rows[-1]['heap_mb']} MB, {rows[-1]['nodes']} nodes")
    await context.close()
    return rows


async def _an_hours_work(page: Page, desk: FenghuoProcess, ids: list[str], hour: int) -> None:
    """What comes from the desk, what he does himself, what he looks at, and a cut."""
    for number in range(ENTRIES_AN_HOUR):
        _send(desk, [("add-entry", words.add_entry(ids[number % 5], f"{hour}-{number} 情况" * 8))])
        if number * DEEDS_AN_HOUR % ENTRIES_AN_HOUR == 0:
            await at(page, ids[number % 5])
            await note(page, f"{hour}-{number} 记一条")
        if number % 5 == 0:
            for where in ("#/outbox", "#/book", "#/news", "#/"):
                await page.evaluate("where => { location.hash = where; }", where)
        if number == ENTRIES_AN_HOUR // 2:
            await page.context.set_offline(True)
            await note(page, f"{hour} 断网时记的")
            await page.context.set_offline(False)
    await expect(page.locator("#line-word")).to_have_text("实时", timeout=60_000)
    await page.evaluate("location.hash = '#/'")


async def _memory(page: Page, session: Any) -> dict[str, Any]:
    async def is_calm() -> bool:
        return "field-line is-live" == await page.locator("#line").get_attribute("class")

    await eventually(is_calm, within=60)
    found: dict[str, float] = {}
    for _ in range(COLLECTIONS):  # what finalizers let go is gone with the next
        await session.send("HeapProfiler.collectGarbage")
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        found = min(
            found or {"JSHeapUsedSize": float("inf")},
            {one["name"]: one["value"] for one in metrics},
            key=lambda one: one["JSHeapUsedSize"],
        )
    deeds = await page.evaluate(
        "(async () => (await (await import(document.querySelector('script[type=module]').src"
        ".replace(/app\\.js$/, 'db.js'))).all('outbox')).length)()"
    )
    return {
        "heap_mb": round(found["JSHeapUsedSize"] / 1e6, 2), "nodes": int(found["Nodes"]),
        "listeners": int(found["JSEventListeners"]), "deeds_kept": deeds,
    }  # fmt: skip
