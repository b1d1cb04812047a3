"""Officers at their windows, in a real browser: E30."""

from __future__ import annotations

import asyncio

from playwright.async_api import async_playwright

from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.drill.desks import furnished, running
from tests.drill.experiment import Run, experiment
from tests.product import FenghuoProcess
from tests.two_officers import REPLACE, Edits, described, two_officers


@experiment("E30", "S: two officers and a county edit one incident", needs=("chromium",), minutes=11)
def edits(run: Run) -> None:
    seconds = run.scale(600, 10)
    desk = furnished(run.folder / "desk")
    desk.add_people([("Wang", "duty_leader", "130300")])
    with running(desk):
        found = asyncio.run(_edited(desk, seconds, run.seed, ""))
        harmed = asyncio.run(_edited(desk, 5, run.seed, REPLACE))
    run.faults += found.from_outside
    run.must(
        "no word is lost or doubled, no field replaced under the cursor", not found.wrong, found.wrong[:5]
    )
    run.must("something was typed", len(found.said) >= seconds // 20, len(found.said))
    run.control("a field that is replaced every tenth of a second is noticed", harmed.wrong)
    run.line(described(found, seconds, run.seed), texts=len(found.said), wrong=len(found.wrong))


async def _edited(desk: FenghuoProcess, seconds: float, seed: int, meddle: str) -> Edits:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        found = await two_officers(browser, desk, seconds=seconds, seed=seed, meddle=meddle)
        await browser.close()
        return found
