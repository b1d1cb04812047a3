"""The field tablet in a real Chromium: what a first visit brings, how soon a slow tablet opens without a
network, and whether its memory stays flat through a shift.

A cold start is a browser that was closed and comes up with what its disk has, no line, and its CPU slowed
before the first request. *Door*: from the navigation until the PIN can be typed, painted. *His screen*: from
the last touch of the PIN until it is painted. Chromium slows the page's thread alone: what the PIN costs
elsewhere (PBKDF2) is measured by itself, and added until it counts as often as the CPU is slow.

A shift is lived faster than it passes: every timer of the page runs `speed` times as often, and an hour's
work (the desk's entries, his own deeds, pages opened and left, a cut of the line) is done in each such hour.
Memory is what is left of the heap after a collection.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from measure.desk import start_desk
from server.pages.field import READER, later_files
from server.screens.static_files import STATIC_PATH
from tests import words
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.drill.bad_line import BadLine
from tests.drill.officers import lines_to
from tests.product import FenghuoProcess
from tests.tablet import PIN, Tablet, at, note, sign_in, unlock
from tests.waiting import eventually

Say = Callable[[str], None]
MOST_KB, MOST_MS, MOST_GROWN = 150, 1_000, 1.25  # what he did is kept for 72 hours
COLLECTIONS, PARTS = 4, ("program", "data")
SLOWER, WHO, COUNTY = 6, "Song", "130324"
INCIDENTS, LINES, ENTRIES_AN_HOUR, DEEDS_AN_HOUR = 20, 20, 60, 30
TITLES = {
    "field_visit": f"/field: the first visit over the wire without its map (goal {MOST_KB} kB)",
    "field_shown": f"/field: a cold start, no network, CPU {SLOWER}× slower (goal {MOST_MS} ms each)",
    "field_shift": f"/field: a shift's memory, collected (goal: {MOST_GROWN:g} × the first hour's at most)",
}
COLUMNS = {
    "field_visit": (
        "coding",
        "kb",
        "program_kb",
        "data_kb",
        "map_kb",
        "later_kb",
        "connections",
        "within",
    ),
    "field_shown": ("what", "runs", "p50_ms", "worst_ms", "of_it_pbkdf2_ms", "within"),
    "field_shift": ("hour", "heap_mb", "nodes", "listeners", "deeds_kept", "grown", "within"),
}
#: When something is on the glass: in the frame after the one in which the page says so.
PAINTED = """(() => {
  const seen = new Set();
  const look = () => {
    for (const what of ["shown", "opened"]) {
      if (!document.body?.dataset[what] || seen.has(what)) continue;
      seen.add(what);
      requestAnimationFrame(() => setTimeout(() => performance.mark(`painted ${what}`)));
    }
  };
  new MutationObserver(look).observe(document, { attributes: true, childList: true, subtree: true });
})();"""
#: The very derivation of the lock, timed where nothing slows it.
DERIVED = """(async () => {
  const entry = document.querySelector("script[type=module]").src;
  const { Lock } = await import(entry.replace(/field\\/start\\.js$/, "field_lock.js"));
  const lock = new Lock("bench"), took = [];
  await lock.create("4826");
  for (let one = 0; one < 5; one++) {
    const began = performance.now();
    await lock.unlock("4826");
    took.push(performance.now() - began);
  }
  await lock.forget();
  return took.sort((a, b) => a - b)[2];
})()"""
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
            with line:
                visits = [await _first_visit(browser, line, coding) for coding in ("zstd", "gzip")]
            say(f"bench: cold starts, {max(3, runs)} times")
            with tempfile.TemporaryDirectory() as kept:
                shown = await _cold_starts(Tablet(playwright, Path(kept), desk), ids, max(3, runs))
            say(f"bench: a shift of {hours} h, {speed:g} times as fast")
            shift = await _shift(browser, desk, ids, hours, speed, say)
        finally:
            await browser.close()
    return {"field_visit": visits, "field_shown": shown, "field_shift": shift}


async def _first_visit(browser: Browser, line: BadLine, coding: str) -> dict[str, Any]:
    """Everything that comes over the wire until the tablet is ready for a cold start."""
    line.unknown_coding = b"" if coding == "zstd" else b"zstd"
    signing = await browser.new_context()
    await sign_in(await signing.new_page(), line, WHO)
    cookies = await signing.cookies()
    await signing.close()
    context = await browser.new_context(locale="zh-CN", viewport={"width": 800, "height": 1280})
    await context.add_cookies(cookies)  # type: ignore[arg-type]
    page = await context.new_page()
    line.brought.clear()
    before = line.connections
    await page.goto(f"{line.url}/field")
    await unlock(page)
    await expect(page.locator("body")).to_have_attribute("data-kept", "yes", timeout=60_000)
    await expect(page.locator("#line")).to_have_class("field-line is-live", timeout=60_000)
    await eventually(lambda: any(READER in path for path in line.brought), within=60)  # the last to come
    connections = line.connections - before
    await context.close()
    came = Counter[str]()
    for path, count in line.brought.items():
        came[_part(path)] += count
    first = sum(count for part, count in came.items() if part in PARTS)
    return {
        "coding": coding, "kb": round(first / 1e3, 1), "connections": connections,
        **{f"{part}_kb": round(count / 1e3, 1) for part, count in came.items()},
        "within": "yes" if first <= MOST_KB * 1e3 else "NO",
    }  # fmt: skip


def _part(path: str) -> str:
    """What of a first visit this belongs to; the map and what reads codes come after it."""
    name = path.removeprefix(f"{STATIC_PATH}/")
    if name in later_files():
        return "later"
    if name.startswith(("map/", "vendor/leaflet/", "/map/", "/api/v1/map")):
        return "map"
    return "data" if path.startswith("/api/") else "program"


async def _cold_starts(tablet: Tablet, ids: list[str], runs: int) -> list[dict[str, Any]]:
    """Up from the disk, as far as the door; the PIN; his own screen. With a day's work in the outbox."""
    page = await tablet.switch_on(path="/sign-in?next=/field")
    await sign_in(page, tablet.desk, WHO)
    await at(page, ids[0])
    for number in range(DEEDS_AN_HOUR):
        await note(page, f"{number} 记一条")
    await page.evaluate("location.hash = '#/'")
    derived = await page.evaluate(DERIVED)
    door, opened = [], []
    for _ in range(runs):
        await tablet.switch_off()
        page = await tablet.switch_on(path="/static/icon.svg", offline=False)
        await page.context.set_offline(True)
        await page.context.add_init_script(PAINTED)
        session = await page.context.new_cdp_session(page)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        await page.goto(f"{tablet.desk.url}/field")
        door.append(await _marked(page, "painted shown"))
        await expect(page.locator("#door")).to_have_attribute("data-mode", "enter", timeout=60_000)
        await page.keyboard.type(PIN)  # the door has put the cursor there
        await page.keyboard.press("Enter")
        opened.append(await _marked(page, "painted opened") - await _marked(page, "tried"))
    slowed = (SLOWER - 1) * derived
    return [
        _times("from the start to the door", door, 0.0),
        _times("from the PIN to his screen", [one + slowed for one in opened], SLOWER * derived),
    ]


async def _marked(page: Page, name: str) -> float:
    found: list[float] = []

    async def is_there() -> bool:
        found[:] = await page.evaluate(
            "name => performance.getEntriesByName(name).map((one) => one.startTime)", name
        )
        return bool(found)

    await eventually(is_there, within=60)
    return found[0]


def _times(what: str, took: list[float], derived: float) -> dict[str, Any]:
    return {
        "what": what, "runs": len(took), "p50_ms": round(median(took)), "worst_ms": round(max(took)),
        "of_it_pbkdf2_ms": round(derived), "within": "yes" if median(took) <= MOST_MS else "NO",
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
        ".replace(/start\\.js$/, 'db.js'))).all('outbox')).length)()"
    )
    return {
        "heap_mb": round(found["JSHeapUsedSize"] / 1e6, 2), "nodes": int(found["Nodes"]),
        "listeners": int(found["JSEventListeners"]), "deeds_kept": deeds,
    }  # fmt: skip
