"""The field tablet in a real browser: no network, a dead server, an empty battery, another person's hands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Page, Route, async_playwright, expect

from schemas.fields import parse_instant
from server.clocks import utc_now
from server.migrations import open_database
from server.people.devices import Devices
from server.settings import Settings
from tests import uploads, words
from tests.product import FenghuoProcess
from tests.tablet import LINE, at, is_live, marks, note, opened, sign_in, switched_on, unlock
from tests.waiting import eventually
from tests.words import new_id

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


def notes(desk: FenghuoProcess, incident: str) -> list[dict[str, Any]]:
    entries = desk.ask("Li", f"incidents/{incident}")["entries"]
    return [one for one in entries if one["event"]["type"] == "entry_added"]


async def test_what_was_done_without_a_network_outlives_the_battery_and_arrives_once_in_order(
    desk: FenghuoProcess, tmp_path: Path, browser: object
) -> None:
    incident = opened(desk, title="三断演练点")
    async with async_playwright() as playwright, switched_on(playwright, tmp_path / "t", desk) as tablet:
        page = await tablet.switch_on(path="/sign-in")
        await sign_in(page, desk, "Song")
        desk.stop()  # no server at all: stronger than a cut line
        said = []
        for time in range(3):
            await tablet.battery_ends()
            page = await tablet.switch_on(offline=time == 1)
            await unlock(page)
            await at(page, incident)
            await expect(page.locator("#line-word")).to_contain_text("断网")
            for text in said:
                await expect(page.locator(marks(page, text))).to_have_text("待发送")
            said.append(f"第{time}次停电前记下")
            await note(page, said[-1])
            await expect(page.locator(marks(page, said[-1]))).to_have_text("待发送")
        before = datetime.now(UTC)
        await tablet.battery_ends()
        desk.start()
        page = await tablet.switch_on()
        await sign_in(page, desk, "Song")  # a browser that is killed at once forgets its cookies
        await eventually(lambda: len(notes(desk, incident)) == 3, within=30)
        stored = notes(desk, incident)
        assert [one["text"] for one in stored] == said
        for one in stored:
            assert parse_instant(one["device_at"]) < before, "the time at which it was done"
            assert parse_instant(one["recorded_at"]) > before
            assert abs(one["skew_ms"]) < 5_000
        await at(page, incident)
        line = page.locator(".field-log li", has_text=said[0])
        await expect(line).to_contain_text("设备 ")
        await expect(line).to_contain_text("入库 ")
        await expect(page.locator("#line-word")).to_have_text("实时")


async def cut(page: Page, is_cut: bool) -> None:
    await page.context.set_offline(is_cut)


async def test_an_incident_is_opened_without_a_network_and_its_clock_starts_at_once(
    page: Page, desk: FenghuoProcess
) -> None:
    await sign_in(page, desk, "Song")
    await page.evaluate("location.hash = '#/book'")  # its places are there only once it has come
    await expect(page.locator("main")).to_contain_text("个地名及代码", timeout=LINE)
    await cut(page, True)
    title = f"断网接报 {new_id()[:6]}"
    await page.evaluate("location.hash = '#/'")
    await page.get_by_role("button", name="接报").click()
    await page.fill("#f-title", title)
    await page.fill("#f-place", "ll smz")
    await page.get_by_role("button", name="卢龙县 石门镇").click()
    await page.click(".field-form button[type=submit]")
    await expect(page.locator(".field-hour .clock")).to_contain_text("剩 59:")
    clock = await page.locator(".field-hour .digits").text_content()
    await expect(page.locator(".field-hour .digits")).not_to_have_text(clock or "")
    await note(page, "已组织村民转移")
    await page.reload()
    await unlock(page)
    await expect(page.locator(".field-hour .clock")).to_contain_text("剩 59:")
    began = datetime.now(UTC)
    await cut(page, False)

    def stored() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = desk.ask("Li", "incidents", q=title)["incidents"]
        return found

    (one,) = await eventually(stored, within=30)
    assert parse_instant(one["known_at"]) < began
    assert one["place"]["division"].startswith("130324")
    await eventually(lambda: [line["text"] for line in notes(desk, one["id"])] == ["已组织村民转移"])
    await expect(page.locator(".field-head")).to_contain_text(one["number"], timeout=LINE)


async def test_a_refused_one_says_why_holds_up_only_its_own_and_goes_when_amended(
    page: Page, desk: FenghuoProcess
) -> None:
    other = opened(desk, title="另一处")
    await sign_in(page, desk, "Song")
    await cut(page, True)
    title = f"时间写错 {new_id()[:6]}"
    await page.evaluate("location.hash = '#/'")
    await page.get_by_role("button", name="接报").click()
    await page.fill("#f-title", title)
    await page.fill("#f-known_at", "2031-01-01T08:00:00")
    await page.click(".field-form button[type=submit]")
    await note(page, "属于写错的")
    await at(page, other)
    await note(page, "另一处照常")
    await cut(page, False)
    await eventually(lambda: [one["text"] for one in notes(desk, other)] == ["另一处照常"], within=30)
    await page.evaluate("location.hash = '#/outbox'")
    await expect(page.locator("#line-word")).to_contain_text("1 条待发送，1 条被退回")
    await expect(page.locator(".field-refusal")).to_contain_text("known_at")
    await expect(page.locator("li.is-waiting")).to_contain_text("先处理那一条")
    await page.get_by_role("button", name="修改").click()
    await expect(page.locator("#f-title")).to_have_value(title)
    now = await page.evaluate("new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 19)")
    await page.fill("#f-known_at", now)
    await page.click(".field-form button[type=submit]")
    (one,) = await eventually(lambda: desk.ask("Li", "incidents", q=title)["incidents"], within=30)
    await eventually(lambda: [line["text"] for line in notes(desk, one["id"])] == ["属于写错的"])
    await expect(page.locator("#line-word")).to_have_text("实时", timeout=LINE)


async def test_nothing_of_one_persons_outbox_goes_out_under_the_next_ones_name(
    page: Page, desk: FenghuoProcess
) -> None:
    incident = opened(desk)
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await page.context.clear_cookies()  # the session has ended
    await note(page, "宋记下的")
    await expect(page.locator("#notices")).to_contain_text("登录已失效", timeout=LINE)
    await expect(page.locator(marks(page, "宋记下的"))).to_have_text("待发送")
    await sign_in(page, desk, "Li")
    await expect(page.locator("#notices")).to_contain_text("另有 1 条是 Song 记下的", timeout=LINE)
    await at(page, incident)
    await note(page, "李记下的")
    await eventually(lambda: [one["by"] for one in notes(desk, incident)] == ["Li"], within=30)
    await page.context.clear_cookies()
    await sign_in(page, desk, "Song")
    await eventually(lambda: [one["by"] for one in notes(desk, incident)] == ["Li", "Song"], within=30)


async def test_an_order_rings_until_it_is_taken_and_changes_of_the_cut_are_told(
    page: Page, desk: FenghuoProcess
) -> None:
    incident = opened(desk)
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await cut(page, True)
    await expect(page.locator("#line-word")).to_contain_text("断网", timeout=LINE)
    order = words.issue_order(incident, "Song", text="立即到东门集结")
    assert desk.tell("Li", "issue-order", order).status_code == 200
    for text in ("增援已出发", "道路已抢通"):
        desk.tell("Li", "add-entry", words.add_entry(incident, text))
    await cut(page, False)
    waiting = page.locator(".field-order.is-waiting")
    await expect(waiting).to_contain_text("立即到东门集结", timeout=LINE)
    await expect(page.locator(".field-away")).to_contain_text("断网期间 3 条变化")
    await expect(page.locator("body")).to_have_attribute("data-rung", "1")
    await cut(page, True)
    await waiting.get_by_role("button", name="收到").click()
    await expect(waiting).to_have_count(0)  # taken by a person, sent or not
    await cut(page, False)

    def taken() -> Any:
        return desk.ask("Li", f"incidents/{incident}")["orders"][0]["acknowledged_by"]

    assert await eventually(taken, within=30) == "Song"


async def test_heads_status_and_a_call_for_help_reach_the_desk_and_its_answer_the_tablet(
    page: Page, desk: FenghuoProcess
) -> None:
    incident = opened(desk)
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await cut(page, True)
    for direction, people in (("in", "12"), ("out", "5")):
        await page.click("[data-act=count-heads]")
        await page.locator(f".field-chips input[value={direction}]").check()
        await page.fill("#f-people", people)
        await page.click(".field-form button[type=submit]")
        await expect(page.locator("#sheet")).not_to_be_visible()
    await expect(page.locator(".field-inside")).to_have_text("在内 7 人")
    await page.click("[data-act=set-field-status]")
    await page.locator(".field-chips input[value=engaged]").check()
    await page.click(".field-form button[type=submit]")
    await page.click("[data-act=request-help]")
    await page.locator(".field-chips input[value=boats]").check()
    await page.fill("#f-quantity", "3")
    await page.click(".field-form button[type=submit]")
    await cut(page, False)

    def said() -> dict[str, Any]:
        field: dict[str, Any] = desk.ask("Li", f"incidents/{incident}")["field"]
        return field if field["requests"] else {}

    field = await eventually(said, within=30)
    assert (field["inside"]["inside"], field["people"][0]["status"]) == (7, "engaged")
    (asked,) = field["requests"]
    assert (asked["kind"], asked["quantity"]) == ("boats", 3)
    answer = {"incident_id": incident, "request_id": asked["request_id"], "at": words.just_now()}
    desk.tell("Li", "answer-help", {**answer, "accepted": True, "text": "四十分钟到"})
    await expect(page.locator(".is-accepted")).to_contain_text("四十分钟到", timeout=LINE)
    await expect(page.locator(".field-inside")).to_have_text("在内 7 人")


async def test_a_photo_goes_after_the_text_in_pieces_through_a_cut_and_is_attached_once(
    page: Page, desk: FenghuoProcess, tmp_path: Path
) -> None:
    incident = opened(desk)
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await cut(page, True)
    picture = tmp_path / "现场.jpg"
    picture.write_bytes(uploads.noisy_photo())
    async with page.expect_file_chooser() as chosen:
        await page.click("[data-act=add-attachment]")
    await (await chosen.value).set_files(picture)
    await expect(page.locator(".field-form")).to_contain_text("原图 1600×1200")
    await page.click(".field-form button[type=submit]")
    await expect(page.locator(marks(page, "现场照片"))).to_have_text("待发送")
    await note(page, "照片之后才写的字")
    await page.reload()  # nothing of it is only in the page's memory
    await unlock(page)
    sent: list[int] = []

    async def piece(route: Route) -> None:
        sent.append(len(route.request.post_data_buffer or b""))
        if len(sent) == 2:
            return await route.abort()  # the line breaks in the middle of a piece
        await route.continue_()

    await page.route("**/api/v1/uploads/*", piece)
    await cut(page, False)

    def attached() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = desk.ask("Li", f"incidents/{incident}")["attachments"]
        return found

    (one,) = await eventually(attached, within=60)
    assert "原图 1600×1200" in one["note"]
    assert len(sent) > 3
    assert sum(sent) <= 1.3 * (sum(sent) - sent[1]), "hardly more than the file itself"
    kinds = [entry["event"]["type"] for entry in desk.ask("Li", f"incidents/{incident}")["entries"]]
    assert kinds.index("entry_added") < kinds.index("attachment_added"), "text before photos"
    await expect(page.locator("#line-word")).to_have_text("实时", timeout=LINE)


async def test_the_readiness_sheet_tries_everything_and_says_what_is_missing(
    page: Page, desk: FenghuoProcess
) -> None:
    await sign_in(page, desk, "Song")
    await page.evaluate("location.hash = '#/ready'")
    await expect(page.locator("#verdict")).to_contain_text("可以进山", timeout=LINE)
    await page.evaluate(
        """async () => {
          for (const name of await caches.keys()) {
            const cache = await caches.open(name);
            for (const one of await cache.keys()) {
              if (one.url.endsWith("/field/outbox.js")) await cache.delete(one);
            }
          }
        }"""
    )
    await page.get_by_role("button", name="再检查一遍").click()
    await expect(page.locator("#verdict")).to_contain_text("还缺 1 项")
    await expect(page.locator("[data-probe=files]")).to_have_class("is-missing")


async def test_a_new_version_waits_until_nothing_is_being_written(page: Page, desk: FenghuoProcess) -> None:
    incident = opened(desk)
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await page.click("[data-act=add-entry]")
    await page.fill("#f-text", "写到一半")
    await page.evaluate("document.body.dataset.same = 'page'")
    # As another release of the program would be: another worker's script at the same address.
    scope = {"scope": "/field"}
    await page.evaluate(
        "async scope => { await navigator.serviceWorker.register('/field/sw.js?another', scope); }", scope
    )
    await expect(page.locator("#notices")).to_contain_text("新版本已就绪", timeout=LINE)
    await expect(page.locator("#f-text")).to_have_value("写到一半")
    await page.click(".field-form button[type=submit]")
    await expect(page.locator("body")).to_have_attribute("data-same", "page")
    await page.get_by_role("button", name="现在换上").click()
    await expect(page.locator("body")).not_to_have_attribute("data-same", "page", timeout=LINE)
    await unlock(page)
    await is_live(page)
    await eventually(lambda: [one["text"] for one in notes(desk, incident)] == ["写到一半"], within=30)


async def without_the_browsers_help(route: Route) -> None:
    """Not every browser knows Clear-Site-Data."""
    answer = await route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "clear-site-data"}
    await route.fulfill(response=answer, headers=headers)


async def test_a_tablet_that_was_lost_forgets_everything_at_its_next_contact(
    desk: FenghuoProcess, tmp_path: Path, browser: object
) -> None:
    incident = opened(desk, title="平板遗失点")
    async with async_playwright() as playwright, switched_on(playwright, tmp_path / "t", desk) as tablet:
        database = open_database(Settings(data=desk.folder))
        try:
            devices = Devices(database, utc_now)
            before = {one.id for one in devices.all()}  # tablets of the tests before: not theirs is lost
            page = await tablet.switch_on(path="/sign-in")
            await sign_in(page, desk, "Song")
            await at(page, incident)
            known = await eventually(lambda: [one for one in devices.all() if one.id not in before])
            await page.context.set_offline(True)
            await note(page, "还没有送出的一条")
            assert devices.revoke(known[0].id, "Wang")
            cookies = {one["name"]: one["value"] for one in await page.context.cookies()}
            with httpx2.Client(base_url=desk.url, cookies=cookies, trust_env=False) as finder:
                await eventually(lambda: finder.get("/api/v1/me").status_code == 410)  # within two seconds
            await page.route("**/api/v1/**", without_the_browsers_help)
            await page.context.set_offline(False)
            await page.wait_for_url("**/sign-in*", timeout=LINE)
            left = await page.evaluate("indexedDB.databases().then((known) => known.map((one) => one.name))")
            assert left == []
            assert await page.evaluate("caches.keys()") == []
            assert await page.evaluate("localStorage.length") == 0
        finally:
            database.close()
        assert notes(desk, incident) == [], "what a finder typed is not the officer's word"
