"""The map in a real browser: live, plotted on by hand, played again; and from nowhere but this server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests import words
from tests.product import FenghuoProcess
from tests.tablet import sign_in, switched_on, unlock
from tests.test_axe import window
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
SIGNS = """(kind) => [...document.getElementById("map").mapPanel.signs.things.values()]
  .filter((one) => one.kind === kind).map((one) => [one.label, one.lon, one.lat, Boolean(one.seen)])"""
#: Where a place of the earth is in the window.
AT = """([lon, lat]) => {
  const { map, box, edge } = document.getElementById("map").mapPanel, [x, y] = edge.put(lon, lat);
  const at = map.latLngToContainerPoint([y, x]), { left, top } = box.getBoundingClientRect();
  return [left + at.x, top + at.y];
}"""
READ = """async (text) => {
  const from = [...document.scripts].find((one) => one.src.endsWith("/map/page.js")).src;
  return (await import(new URL("place.js", from).href)).degreesIn(text);
}"""
DEGREES = (
    ("119.6，39.93", 119.6, 39.93), ("39.93 119.6", 119.6, 39.93), ("N39°56′ E119°36′", 119.6, 39.933333),
    ("北纬39度56分12秒，东经119度36分", 119.6, 39.936667), ("39.93N,119.6E", 119.6, 39.93),
    ("W73.98 N40.7", -73.98, 40.7), ("119.6", None, None), ("91, 95", None, None), ("N1 N2", None, None),
)  # fmt: skip

#: An answer that was under way when a person moved comes in.
SLOW = """async () => {
  const { mapPanel } = document.getElementById("map"), said = structuredClone(mapPanel.state);
  said.people.features[0].geometry.coordinates = [118, 39];
  said.OLD;
  mapPanel.fetched = async () => said;
  await mapPanel.refresh();
  delete mapPanel.fetched;
  const people = [...mapPanel.signs.things.values()].filter((one) => one.kind === "person");
  return people.map((one) => [one.label, one.lon]);
}"""

#: Whether the map's program and this of its data are on the tablet.
IS_ALONG = """async (key) => {
  if (!await caches.match("/field/map-is-kept")) return false;
  const database = await new Promise((done) => {
    indexedDB.open("fenghuo-tablet").onsuccess = ({ target }) => done(target.result);
  });
  const kept = await new Promise((done) => {
    const asked = database.transaction("meta").objectStore("meta").getAllKeys();
    asked.onsuccess = () => done(asked.result.some(([_person, id]) => id === key));
  });
  database.close();
  return kept;
}"""


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


async def point(page: Page, lon: float, lat: float) -> None:
    x, y = await page.evaluate(AT, [lon, lat])
    await page.mouse.click(x, y)


async def test_the_map_is_live_plotted_on_by_hand_and_asks_no_other_host(
    browser: Browser, desk: FenghuoProcess, tmp_path: Path
):
    place = {"division": "130324", "text": "柳河湾", "lon": 118.87, "lat": 39.89}
    now = words.just_now(60)
    fire = words.open_incident(title="厂房起火", place=place, known_at=now, occurred_at=now)
    nowhere = words.open_incident(title="无坐标", known_at=now, occurred_at=now)
    hidden = words.open_incident(
        title="别人的", place={**place, "division": "130321"}, known_at=now, occurred_at=now
    )
    for who, body in (("Wu", fire), ("Wu", nowhere), ("Qin", hidden)):
        assert desk.tell(who, "open-incident", body).status_code == 200
    one = fire["incident_id"]
    async with window(browser, desk, "Li", path="/map") as page:
        foreign: list[str] = []
        page.on("request", lambda asked: foreign.append(asked.url) if desk.url not in asked.url else None)
        await page.reload()
        foot = page.locator("#map .map-foot")
        await expect(foot).to_contain_text("1 起无坐标")
        await expect(foot).to_contain_text("只有经纬网")
        assert [sign[0] for sign in await page.evaluate(SIGNS, "incident")] == ["厂房起火"]
        await expect(page.locator("#map-incidents")).to_contain_text("无坐标")
        await expect(page.locator("#map-incidents")).not_to_contain_text("别人的")
        # live: a person comes, and moves
        for minutes, lon in ((2, 118.88), (1, 118.89)):
            here = words.report_position(one, at=words.just_now(60 * minutes), lon=lon)
            assert desk.tell("Song", "report-position", here).status_code == 200

            async def is_there(lon: float = lon) -> bool:
                people = await page.evaluate(SIGNS, "person")
                return any(sign[:2] == ["Song", lon] for sign in people)

            await eventually(is_there)
        await expect(page.locator("#map-people")).to_contain_text("Song")
        for slow in ("people.features[0].properties.at = '2020-01-01T00:00:00.000Z'", "head -= 1"):
            assert (await page.evaluate(SLOW.replace("OLD", slow)))[0][1] == 118.89, "nobody goes back"
        # a perimeter by three clicks and Enter, a sign by one
        await page.get_by_text("标绘", exact=True).click()
        await page.select_option('#plot-form [name="incident"]', one)
        await page.select_option('#plot-form [name="kind"]', "perimeter")
        await page.fill('#plot-form [name="label"]', "火场")
        await page.click("#plot-form .primary")
        for lon, lat in ((118.86, 39.88), (118.88, 39.88), (118.87, 39.90)):
            await point(page, lon, lat)
        await page.locator("#map .map-box").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#map-said")).to_have_text("已入库")
        await expect(page.locator("#map-drawings")).to_contain_text("火场")
        drawn = desk.ask("Li", "map")["drawings"]["features"]
        ((lon, lat), *_rest) = drawn[0]["geometry"]["coordinates"][0]
        assert (abs(lon - 118.86) < 0.001, abs(lat - 39.88) < 0.001) == (True, True), "where it was clicked"
        # what lies around
        await page.click("#map-around button")
        await point(page, 118.875, 39.89)
        await expect(page.locator("#map-found-title")).to_contain_text("3.00 km 以内")
        await expect(page.locator("#map-things")).to_contain_text("无电话")
        # a table with a wrong row
        file = tmp_path / "点.csv"
        file.write_text("名称,经度,纬度\n甲库,118.87,39.9\n乙库,x,39.9\n", encoding="utf-8")
        await page.get_by_text("导入地图数据").click()
        await page.set_input_files('#import-form [name="file"]', str(file))
        await page.select_option('#import-form [name="kind"]', "depot")
        await page.fill('#import-form [name="title"]', "物资库")
        await page.fill('#import-form [name="source"]', "县局")
        await page.click("#import-form .primary")
        await expect(page.locator("#import-faults li")).to_have_text(["第 3 行 lon：“x”不是数字"])
        await page.check('#import-form [name="without_faulty"]')
        await page.click("#import-form .primary")
        await expect(page.locator("#layer-list")).to_contain_text("物资库")
        assert [sign[0] for sign in await page.evaluate(SIGNS, "point")] == ["甲库"]
        # played again: at the beginning nobody was there
        await page.locator("#map-incidents button", has_text="厂房起火").click()
        await page.get_by_role("button", name="回放经过").click()
        await expect(page.locator("#film-said")).to_contain_text("标绘")
        await page.locator("#film-at").fill("0")
        assert await page.evaluate(SIGNS, "person") == []
        assert len(await page.evaluate(SIGNS, "incident")) == 1
        # a picture of that, onto the incident
        await page.click("#map-save")
        await expect(page.locator("#map-said")).to_have_text("已作为附件入库", timeout=30_000)
        await page.click("#film-close")
        assert len(await page.evaluate(SIGNS, "person")) == 1
        files = desk.ask("Li", f"incidents/{one}")["attachments"]
        assert [kept["media_type"] for kept in files] in (["image/png"], ["image/jpeg"], ["image/webp"])
        # where it is, by degrees and by a click; then a new one that lies where it was clicked
        for text, lon, lat in DEGREES:
            assert await page.evaluate(READ, text) == (None if lon is None else [lon, lat]), text
        await page.locator("#map-incidents button", has_text="厂房起火").click()
        await page.get_by_role("button", name="更正位置").click()
        await page.fill("#place-form [name=degrees]", "北纬39°53′30″ 东经118°53′24″")
        await page.press("#place-form [name=degrees]", "Tab")
        await expect(page.locator("#place-form output")).to_contain_text(re.compile(r"距原位置 1\.7\d km"))
        await expect(page.locator("#place-form output")).to_contain_text("1 km 内：Song")
        await page.click("#place-form .primary")
        await expect(page.locator("#place-form output")).to_be_empty()

        async def is_placed(lon: float = 118.89, lat: float = 39.8917) -> bool:
            said = desk.ask("Li", f"incidents/{one}")["place"]
            assert (said["division"], said["text"]) == ("130324", "柳河湾"), "the rest stays as it was said"
            return bool(abs(said["lon"] - lon) < 0.001 and abs(said["lat"] - lat) < 0.001)

        await eventually(is_placed)
        await page.click("#place-form [data-pick]")
        await point(page, 118.88, 39.89)
        await expect(page.locator("#place-form output")).to_contain_text("距原位置")
        await page.click("#place-form .primary")
        await expect(page.locator("#place-form output")).to_be_empty()
        assert await is_placed(118.88, 39.89)
        await page.select_option("#place-form [name=incident]", "new")
        await page.click("#place-form [data-pick]")
        await point(page, 118.86, 39.88)
        await page.click("#place-form .primary")
        await expect(page.locator("#intake-lon")).to_have_value(re.compile(r"118\.8[56]\d+"))
        await page.fill("#intake-title", "点图新接报")
        await page.click("#intake-submit")

        async def opened_there() -> bool:
            found = [one for one in desk.ask("Li", "incidents")["incidents"] if one["title"] == "点图新接报"]
            return bool(found) and abs(found[0]["place"]["lat"] - 39.88) < 0.001

        await eventually(opened_there)
        # on the incident's own page, loaded when it is opened
        await page.goto(f"{desk.url}/incidents/{one}")
        assert not await page.evaluate("() => Boolean(window.L)")
        await page.click("#map-here > summary")
        await expect(page.locator("#map-here .map-foot")).to_contain_text("在办 1 · 人员 1")
        assert foreign == []


async def test_a_tablet_has_the_map_of_its_incident_with_no_network_at_all(
    desk: FenghuoProcess, tmp_path: Path
):
    now, place = words.just_now(60), {"division": "130324", "text": "柳河湾", "lon": 118.87, "lat": 39.89}
    fire = words.open_incident(title="山场起火", place=place, known_at=now, occurred_at=now)
    one = fire["incident_id"]
    assert desk.tell("Li", "open-incident", fire).status_code == 200
    assert desk.tell("Li", "draw-on-map", words.draw_on_map(one, at=now)).status_code == 200
    async with async_playwright() as playwright, switched_on(playwright, tmp_path / "t", desk) as tablet:
        page = await tablet.switch_on(path="/sign-in")
        await sign_in(page, desk, "Song")
        await eventually(lambda: page.evaluate(IS_ALONG, f"map /api/v1/map?incident={one}"), within=30)
        await tablet.battery_ends()
        page = await tablet.switch_on(offline=True)
        await unlock(page)
        await page.evaluate("location.hash = '#/map'")
        await expect(page.locator(".field-map:not([data-incident])")).to_be_visible()
        await page.evaluate("where => { location.hash = where; }", f"#/map/{one}")
        foot = page.locator(".field-map .map-foot")
        await expect(foot).to_contain_text("在办 1")
        await expect(foot).to_contain_text("图上数据")
        shown = await page.evaluate(
            "() => [...document.querySelector('.field-map').mapPanel.signs.things.values()]"
            ".map((one) => one.label)"
        )
        assert set(shown) - {"甲库"} == {"山场起火"}, "and what a layer of the test before has there"
