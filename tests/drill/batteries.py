"""A tablet whose battery ends, again and again (E10)."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, async_playwright, expect

from tests import words
from tests.drill.bad_line import MOUNTAIN, BadLine
from tests.drill.desks import furnished, pause, running
from tests.drill.experiment import Run, experiment
from tests.drill.officers import (
    OPENED_IN_THE_FIELD,
    Door,
    away_of,
    does,
    entries,
    file_bytes,
    hour_of,
    kept,
    lines_to,
    must_be_there_once,
    opened,
    refused_of,
    until_all_went,
    went,
    written,
)
from tests.product import FenghuoProcess
from tests.tablet import Altered, Tablet, at, marks, note, sign_in, unlock
from tests.waiting import eventually
from tests.words import new_id

IN_MEMORY: Altered = {
    "field/outbox.js": [
        (
            "outbox.add({ ...record, seq: item.seq, order: item.order });",
            "(globalThis.unkept ??= []).push(item);",
        ),
        (
            "this.items = items.filter(Boolean)",
            "this.items = [...items, ...(globalThis.unkept ?? [])].filter(Boolean)",
        ),
    ]
}


@experiment(
    "E10", "the battery ends again and again while he types and sends", needs=("chromium",), minutes=12
)
def without_battery(run: Run) -> None:
    desk = furnished(run.folder / "desk")
    (line,) = lines_to(desk, 1, run.seed)
    with running(desk):
        asyncio.run(_without_battery(run, desk, line))
        run.must("the log is whole", desk.fenghuo("verify").stdout.startswith("ok: "))


@dataclass
class Day:
    """What the officer saw on his screen, in his order."""

    tablet: Tablet
    desk: FenghuoProcess
    incident: str
    own: str  # which he opens himself
    cookies: list[Any]
    run: Run
    promised: list[str]
    said: int = 0
    drafts_kept: int = 0

    async def until_the_battery_ends(self, chance: random.Random, *, offline: bool) -> None:
        """He writes one note after another; in the middle of the second to fourth there is no battery."""
        page = await self.on_again(offline=offline)
        working = asyncio.create_task(self._works(page))
        last = self.said + chance.randint(2, 4)
        await eventually(lambda: self.said >= last or working.done(), within=90)
        if working.done():
            working.result()  # he cannot write, which no battery is to blame for
        await asyncio.to_thread(pause, chance.uniform(0.0, 0.8))
        await self.tablet.battery_ends()
        self.run.faults += 1
        with suppress(PlaywrightError, AssertionError):
            await working
        self.run.tell(lambda: f"{self.run.faults} faults, {len(self.promised)} notes called 待发送")

    async def on_again(self, *, offline: bool = False) -> Page:
        """Switched on; all that the screen had promised is there, and nothing is called sent that is not."""
        page = await self.tablet.switch_on(offline=offline, cookies=self.cookies)
        await unlock(page)
        await at(page, self.incident)
        box = await kept(page)
        texts = [one["text"] for one in box if one["name"] == "add-entry"]
        lost = [text for text in self.promised if text not in texts]
        self.run.must("what the screen called 待发送 is there", not lost, lost)
        self.run.must("and once", len(texts) == len(set(texts)), texts[-3:])
        stored = {one["command_id"] for one in box if one["state"] == "stored"}
        log = [one for incident in (self.incident, self.own) for one in entries(self.desk, incident)]
        there = {one.get("command_id") for one in log}
        self.run.must("nothing is called sent that the desk has not", stored <= there, len(stored - there))
        return page

    async def _works(self, page: Page) -> None:
        while True:
            self.said += 1
            text = f"第{self.said}条, 边走边记"
            await page.click("[data-act=add-entry]")
            await expect(page.locator("#sheet")).to_be_visible()
            draft = await page.locator("#f-text").input_value()
            texts = [one["text"] for one in await kept(page)]
            self.run.must("what is done is no draft any more", not draft or draft not in texts, draft)
            self.drafts_kept += bool(draft)
            await page.fill("#f-text", "")
            await page.locator("#f-text").press_sequentially(text, delay=15)
            await page.click(".field-form button[type=submit]")
            await expect(page.locator(marks(page, text)).first).to_be_visible()
            self.promised.append(text)


async def _without_battery(run: Run, desk: FenghuoProcess, line: BadLine) -> None:
    kills, deeds, photos = run.scale(30, 2), run.scale(500, 12), run.scale(20, 1)
    cuts, cut_s = run.scale(3, 1), run.scale(30, 1)
    chance, incident, own = random.Random(run.seed), opened(desk, "没电也要记"), new_id()
    async with async_playwright() as playwright:
        with line:
            tablet = Tablet(playwright, run.folder / "tablet", Door(line.url))
            page = await tablet.switch_on(path="/sign-in")
            await sign_in(page, Door(line.url), "Song")
            day = Day(tablet, desk, incident, own, list(await page.context.cookies()), run, [])
            await tablet.switch_off()
            for _ in range(kills // 2):
                await day.until_the_battery_ends(chance, offline=True)
            for text in ("增援已出发", "道路已抢通", "请注意山洪"):
                desk.tell("Li", "add-entry", words.add_entry(incident, text))
            page = await day.on_again(offline=True)
            await does(page, own, opens=OPENED_IN_THE_FIELD | {"ago_ms": 50 * 60_000})
            rest = range(deeds - 1 - len(day.promised))
            await does(page, own, marks=[f"一天的事 {n}" for n in rest])
            sizes = await does(
                page, own, photos=[f"照片{n}" for n in range(photos)], edge=run.scale(900, 480)
            )
            await tablet.battery_ends()
            run.faults += 1
            line.quality = MOUNTAIN
            bytes_before = file_bytes(line)
            for number in range(kills - kills // 2 - 1):
                await day.until_the_battery_ends(chance, offline=False)
                if number == 1:
                    desk.kill9()
                    desk.start()
                    run.faults += 1
            page = await day.on_again()
            for _ in range(cuts):
                await eventually(lambda: file_bytes(line) > bytes_before or went(desk, own) > 1, within=120)
                line.cut()
                run.faults += 1
                await asyncio.to_thread(pause, cut_s)
                line.heal()
            if run.is_short:
                desk.kill9()
                desk.start()
                run.faults += 1
            box = await until_all_went(page, within=run.scale(900, 120))
            share = (file_bytes(line) - bytes_before) / sum(sizes)
            away = await away_of(page)
            await tablet.switch_off()
    count = must_be_there_once(
        run, [box], [one for one in written(desk, incident, own) if one["by"] == "Song"]
    )
    run.must("nothing was refused", not refused_of([box]), refused_of([box])[:3])
    run.must("all of it went", count == len(box), (count, len(box)))
    run.must("photos cost at most 1.2 times their bytes", share <= 1.2 or run.is_short, f"{share:.2f}")
    run.must("what changed meanwhile is told", "变化" in away, away)
    hour = hour_of(desk, own)
    run.must("the hour is counted as if the line had been there", hour == (2_400, "pass"), hour)
    harm = await _in_memory_only(run, desk)
    run.control("a tablet that keeps 待发送 in its memory loses it", harm)
    run.line(
        f"Chromium killed {kills} times, {len(day.promised)} notes typed meanwhile, {count} deeds "
        f"with {photos} "
        f"photos over 300 ms, 5 % loss, 256 kbit/s, {cuts} cuts of {cut_s} s and a killed server: "
        f"all once, in "
        f"order; photos {share:.2f} × their bytes; the hour {hour[0]} s, {hour[1]}; "
        f"{day.drafts_kept} half-typed "
        "notes were still there",
        deeds=count, photo_share=round(share, 3),
    )  # fmt: skip


async def _in_memory_only(run: Run, desk: FenghuoProcess) -> bool:
    """Whether what such a tablet called 待发送 is lost with its battery."""
    incident = opened(desk, "只在内存里")
    async with async_playwright() as playwright:
        tablet = Tablet(playwright, run.folder / "careless", Door(desk.url))
        page = await tablet.switch_on(path="/sign-in", altered=IN_MEMORY)
        await sign_in(page, Door(desk.url), "Song", is_kept=False)
        cookies = await page.context.cookies()
        await at(page, incident)
        await page.context.set_offline(True)
        await note(page, "只在内存里的")
        await expect(page.locator(marks(page, "只在内存里的"))).to_have_text("待发送")
        await tablet.battery_ends()
        page = await tablet.switch_on(altered=IN_MEMORY, cookies=cookies)
        await unlock(page)
        lost = [one for one in await kept(page) if one["text"] == "只在内存里的"] == []
        await tablet.switch_off()
    return lost
