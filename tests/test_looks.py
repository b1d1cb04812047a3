"""What somebody who looks sees: everything in its place at every size, and paper that is white at night."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests import words
from tests.product import FenghuoProcess
from tests.tablet import unlock
from tests.test_axe import fill, go, window

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
LONG = "青龙满族自治县大石岭镇石岭子村北侧山场因祭祀用火引发森林火灾且火势向东南方向蔓延威胁附近村庄"
#: Elements whose own text is as good as invisible on what lies behind it (less than 4.5 to 1).
UNREADABLE = """() => {
  const part = (one) => (one /= 255) <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
  const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const says = (one) => [...one.childNodes].some((text) => text.nodeType === 3 && text.data.trim());
  const isShown = (one) => one.checkVisibility({ visibilityProperty: true }) && one.offsetWidth > 1;
  return [...document.querySelectorAll("body *")].filter((one) => isShown(one) && says(one)).filter((one) => {
    const two = [light(parts(getComputedStyle(one).color)), light(behind(one))];
    return (Math.max(...two) + .05) / (Math.min(...two) + .05) < 4.5;
  }).map((one) => one.textContent.trim().slice(0, 30));
}"""
#: Who is on: one of these two begins in this month, whatever the hour (tests.test_axe).
SHIFTS = re.compile("吴某|赵某")
#: Whatever can be pressed and lies outside its window.
OUT_OF_REACH = """() => {
  const all = document.querySelectorAll("a:not(.skip), button, input, select, textarea, summary");
  return [...all].filter((one) => one.checkVisibility({ visibilityProperty: true })).filter((one) => {
    const { left, right, width } = one.getBoundingClientRect();
    return width && (right > innerWidth + 1 || left < -1);
  }).map((one) => `${one.tagName} ${one.textContent.trim().slice(0, 20)}`);
}"""
#: Fields of the intake over which something else lies.
COVERED = """() => [...document.querySelectorAll("#intake :is(input, select, button)")].filter((one) => {
  const { x, y, width, height } = one.getBoundingClientRect(), middle = y + height / 2;
  if (!width || middle >= innerHeight) return false;
  return !document.elementFromPoint(x + width / 2, middle)?.closest("#intake, .keys");
}).map((one) => one.name || one.id)"""
#: Parts of a page that run into the next.
OVERLAID = """() => [...document.querySelectorAll(".view, .log, .side, section")].filter((one) =>
  one.checkVisibility() && one.scrollHeight > one.offsetHeight + 1).map((one) => one.id || one.className)"""
#: Clocks that run out of their boxes.
OUTSIDE = """() => [...document.querySelectorAll(".hero-clock .clock")].filter((one) =>
  one.getBoundingClientRect().right > one.parentElement.getBoundingClientRect().right).length"""
#: Rows whose title has hardly any room, or whose level runs into it.
NARROW = """() => [...document.querySelectorAll(".wall-row:not(.is-off)")].filter((row) => {
  const title = row.querySelector(".wall-title"), level = row.querySelector(".wall-level");
  return title.offsetWidth / row.offsetWidth < .2 || level.scrollWidth > level.offsetWidth;
}).length"""


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[tuple[FenghuoProcess, tuple[str, ...]]]:
    desk = furnish("sqlite")
    desk.start()
    paths = fill(desk)
    late = words.open_incident(
        title=LONG, known_at=words.just_now(8000), occurred_at=..., occurred_precision=..., facts={"dead": 31}
    )
    assert desk.tell("Li", "open-incident", late).status_code == 200
    said = words.record_instruction(late["incident_id"], "130300-qx", given_at=words.just_now(7000))
    assert desk.tell("Wu", "record-instruction", said).status_code == 200
    assert desk.tell("Wu", "issue-order", words.issue_order(late["incident_id"])).status_code == 200
    yield desk, (f"/incidents/{late['incident_id']}", *paths)
    desk.stop()


async def sized(page: Page, width: int, height: int) -> None:
    await page.set_viewport_size({"width": width, "height": height})


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_nothing_to_press_lies_outside_the_window_and_the_head_is_one_line(
    browser: Browser, desk: tuple[FenghuoProcess, tuple[str, ...]], lang: str
):
    at, paths = desk
    wrong: list[str] = []
    async with window(browser, at, "Wu", lang, path=paths[0]) as page:
        pages = ("/", paths[2], "/map", "/roster", "/handover", "/statistics", "/search?q=火", "/joint")
        for path in (paths[0], *pages, paths[-1]):
            await go(page, at.url + path)
            await page.keyboard.press("Escape")  # whatever key it is, the sound is allowed from then on
            for width, height in ((1920, 1080), (1366, 768), (1280, 800), (800, 1280)):
                await sized(page, width, height)
                where = f"{path} {width}x{height}: "
                if await page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
                    wrong.append(where + "scrolls sideways")
                wrong += [where + one for one in await page.evaluate(OUT_OF_REACH)]
                head = await page.evaluate("() => document.querySelector('.top').offsetHeight")
                if width > 1300 and head > 50:
                    wrong.append(f"{where}the head is {head} px high")
    assert wrong == []


async def test_what_is_printed_at_night_is_dark_on_white(
    browser: Browser, desk: tuple[FenghuoProcess, tuple[str, ...]]
):
    at, paths = desk
    async with window(browser, at, "Wu") as page:
        for path in (paths[0], "/handover", "/statistics", "/roster", "/roll-call"):
            await go(page, at.url + path)
            await page.evaluate("() => { document.documentElement.dataset.theme = 'night'; }")
            await page.emulate_media(media="print")
            await sized(page, 794, 1123)  # A4
            white = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
            assert white == "rgb(255, 255, 255)", path
            assert await page.evaluate(UNREADABLE) == [], path
            assert await page.evaluate(OVERLAID) == [], path
            if path == "/roster":
                await expect(page.locator("#roster table.month").get_by_text(SHIFTS).first).to_be_visible()
            await page.emulate_media(media="screen")
            assert await page.evaluate(UNREADABLE) == [], f"{path} on the screen"


async def test_an_order_that_waits_on_a_tablet_can_be_read_at_night(
    browser: Browser, desk: tuple[FenghuoProcess, tuple[str, ...]]
):
    async with window(browser, desk[0], "Song", path="/account") as page:
        await sized(page, 800, 1280)
        await page.goto(f"{desk[0].url}/field")
        await unlock(page)
        await expect(page.locator(".field-order.is-waiting button").first).to_be_visible(timeout=20_000)
        await page.evaluate("() => { document.documentElement.dataset.theme = 'night'; }")
        assert await page.evaluate(UNREADABLE) == []


async def test_no_piece_of_the_incident_lies_over_the_intake(
    browser: Browser, desk: tuple[FenghuoProcess, tuple[str, ...]]
):
    async with window(browser, desk[0], "Wu") as page:
        await sized(page, 1280, 560)
        await page.keyboard.press("F2")
        assert await page.evaluate(COVERED) == []
        assert await page.evaluate("() => document.scrollingElement.scrollHeight - innerHeight") <= 0


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_walls_clocks_stay_in_their_boxes_and_no_row_loses_its_title(
    browser: Browser, desk: tuple[FenghuoProcess, tuple[str, ...]], lang: str
):
    async with window(browser, desk[0], "Wu", lang, path="/wall") as page:
        await sized(page, 1920, 1080)
        assert await page.locator(".hero-clock .is-past").count() > 0
        assert await page.evaluate(OUTSIDE) == 0
        assert await page.locator(".wall-row").count() > 3
        assert await page.evaluate(NARROW) == 0
