"""The wall in a real browser: turned at once, true or veiled, back by itself, taken back from afar."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from playwright.async_api import Browser, Error, Page, expect

from server.clocks import utc_now
from server.migrations import open_database
from server.people.people import People
from server.settings import Settings
from tests.product import FenghuoProcess
from tests.test_screens import is_live, opened, sign_in
from tests.wall_night import LEAKS, a_night
from tests.words import just_now, new_id

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
CITY = "130300"


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture
def own_desk_of_one(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


class Enrolled:
    """A wall screen of the city's, as its administrator has it."""

    def __init__(self, desk: FenghuoProcess) -> None:
        self.desk = desk
        session = self._asked(lambda people: people.wall_session(CITY, "大厅东墙"))
        self.secret, self.id = session.secret, session.session_id

    def take_back(self) -> None:
        self._asked(lambda people: people.sign_out(self.id.partition("@")[0]))

    def _asked(self, ask: Callable[[People], Any]) -> Any:
        database = open_database(Settings(data=self.desk.folder))
        try:
            return ask(People(database, lambda unit: True, utc_now))
        finally:
            database.close()


@asynccontextmanager
async def hung(browser: Browser, wall: Enrolled) -> AsyncIterator[Page]:
    """A browser with nothing but that screen's cookie in it."""
    context = await browser.new_context(locale="zh-CN", viewport={"width": 1920, "height": 1080})
    await context.add_cookies([{"name": "fenghuo_session", "value": wall.secret, "url": wall.desk.url}])
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"{wall.desk.url}/wall")
    await is_live(page)
    yield page
    await context.close()
    assert errors == []


async def test_a_wall_turns_at_once_comes_to_the_front_goes_on_after_a_power_cut_and_ends_when_taken_back(
    browser: Browser, desk: FenghuoProcess
):
    wall = Enrolled(desk)
    opened(desk, title="平常的一案")
    scene = {"scene_id": new_id(), "title": "防汛", "main": "people", "side": ["news", "forces"]}
    async with hung(browser, wall) as page:
        told = desk.tell("Wu", "arrange-wall", {"unit": CITY, "scenes": [scene]})
        assert told.status_code == 200, told.text
        await expect(page.locator("#scene-title")).to_have_text("防汛")
        await expect(page.locator("#panel-people")).to_have_attribute("data-place", "main")
        await expect(page.locator("#panel-incidents")).to_be_hidden()
        # what is grave comes by itself, large
        grave = opened(desk, title="重大的一案", facts={"dead": 12})
        await expect(page.locator("#scene-title")).to_have_text("重大事件")
        large = page.locator(f"#panel-incident-{grave}")
        await expect(large).to_have_attribute("data-place", "main")
        await expect(large).to_contain_text("重大的一案")
        # the power goes, and comes back before the server does
        await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        desk.stop()
        await page.reload()
        await expect(page.locator("#waiting-word")).to_have_text(re.compile("自 .* 起连不上服务器"))
        assert "重大的一案" not in await page.content(), "what is not live is not shown at all"
        desk.start()
        await is_live(page)
        await expect(page.locator(f"#panel-incident-{grave}")).to_be_visible()
        # an administrator takes the screen back
        wall.take_back()
        await expect(page.locator("#veil-word")).to_have_text("此屏已被收回", timeout=15_000)
        assert "重大的一案" not in await page.content()
        assert page.url.endswith("/wall"), "nobody is there to sign in"


async def test_a_wall_that_cannot_read_the_latest_says_so_though_its_line_is_live(
    browser: Browser, desk: FenghuoProcess
):
    wall = Enrolled(desk)
    async with hung(browser, wall) as page:
        await page.route("**/wall/news*", lambda route: route.fulfill(status=500))
        opened(desk, title="没有取到的一案")
        await expect(page.locator("body")).to_have_class(re.compile(r"\bis-behind\b"), timeout=40_000)
        await expect(page.locator("#veil-word")).to_have_text(re.compile("数据停在"))
        assert "没有取到的一案" not in await page.locator("#wall").inner_text()
        await page.unroute("**/wall/news*")
        await expect(page.locator("body")).not_to_have_class(re.compile(r"\bis-behind\b"), timeout=15_000)
        await expect(page.locator("#board")).to_contain_text("没有取到的一案")


async def test_a_night_of_restarts_cuts_and_stepped_clocks_leaves_it_true_and_its_heap_flat(
    browser: Browser, own_desk_of_one: FenghuoProcess
):
    faults = {"restart": 1, "cut": 1, "clock": 1}
    night = await a_night(browser, own_desk_of_one, rounds=18, seed=1, faults=faults)
    assert night.wrong == []
    assert sum(night.faults.values()) == 3
    assert night.veiled
    assert night.grown < 0.3, (
        night.heap,
        night.nodes,
    )  # E32 holds longer nights to less
    leaking = await a_night(browser, own_desk_of_one, rounds=12, seed=2, faults={}, meddle=LEAKS)
    assert leaking.grown > 0.6, "a wall that keeps old pictures is seen to grow"


async def test_no_page_of_the_whole_asks_anybody_but_this_server(browser: Browser, desk: FenghuoProcess):
    """What leaves the browser, from the first byte on: the wall, the map, the joint duty, a consultation."""
    incident = opened(desk, title="只问本机的一案")
    period = {
        "unit": CITY,
        "period_id": new_id(),
        "kind": "flood_season",
        "title": "主汛期",
        "required": ["130324"],
    }
    span = {"starts_at": just_now(), "ends_at": just_now(-7200)}
    assert desk.tell("Wu", "open-joint-duty", {**period, **span}).status_code == 200
    context = await browser.new_context(locale="zh-CN", viewport={"width": 1920, "height": 1080})
    asked: set[str] = set()
    errors: list[str] = []
    context.on("request", lambda request: asked.add(request.url))
    page = await context.new_page()
    page.on("websocket", lambda socket: asked.add(socket.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    await sign_in(page, desk, "Wu", "/wall")
    await page.keyboard.press("ArrowRight")  # away from the map before it has drawn itself
    await expect(page.locator("#panel-joint")).to_contain_text("主汛期")
    seen = {
        "/map": ".map-foot",
        "/joint": "#joint h2",
        f"/incidents/{incident}/consultations": "h1",
        "/wall/scenes": "h1",
        "/wall": "#panel-people h2",
    }
    for path, part in seen.items():
        await page.goto(desk.url + path)
        await expect(page.locator(part).first).to_have_text(re.compile("[\u4e00-\u9fff]"))
        await page.evaluate("() => document.fonts.ready")
    here = re.compile(rf"(http|ws)://127\.0\.0\.1:{desk.port}/|data:|blob:")
    assert {one.partition("?")[0].removeprefix(desk.url) for one in asked} >= {*seen}
    assert [one for one in asked if one.startswith("ws:")], "the stream, too, is heard of here"
    assert [one for one in asked if not here.match(one)] == []
    elsewhere = "http://127.0.0.1:9/"
    other = await context.new_page()
    with suppress(Error):
        await other.goto(elsewhere)
    assert [one for one in asked if not here.match(one)] == [elsewhere], "had there been one, it were here"
    await context.close()
    assert errors == []


async def test_the_scenes_are_arranged_by_hand_and_the_walls_have_them(page: Page, desk: FenghuoProcess):
    await sign_in(page, desk, "Wu", "/wall/scenes")
    await page.click('[data-do="add"][data-main="incident"]')
    await page.click('[data-do="add"][data-main="news"]')
    await page.click("#scenes .primary")
    await expect(page.locator("#state")).to_contain_text("已")
    await page.click('.scene-row:nth-child(2) [data-do="show"]')
    await expect(page.locator("#scenes-now")).to_contain_text("定屏")
    walls = desk.phone("Wu").get("/wall/news").text
    assert 'data-mode="held"' in walls or 'data-mode="front"' in walls
    await page.click("#scenes-now [data-do=turn]")
    await expect(page.locator("#scenes-now")).not_to_contain_text("定屏")
