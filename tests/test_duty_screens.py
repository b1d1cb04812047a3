"""The duty on real screens: a roll-call heard on every page, a handover by keyboard, a roster pasted in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Route, expect

from tests import words
from tests.duty_deeds import CITY
from tests.product import PASSWORD, FenghuoProcess
from tests.words import new_id

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
PEOPLE = (("Wu", "duty_officer", CITY), ("Wang", "duty_leader", CITY), ("Li", "duty_officer", "130324"),
          ("Qin", "duty_officer", "130321"))  # fmt: skip
Open = Callable[[str, str], AbstractAsyncContextManager[Page]]


def _is_our_fault(said: ConsoleMessage) -> bool:
    """A refusal is no fault of the page, though Chromium calls every 4xx answer an error."""
    return said.type == "error" and "Failed to load resource" not in said.text


@pytest.fixture
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    known = {"Wu", "Li", "Qin"}
    desk.add_people([one for one in PEOPLE if one[0] not in known])
    yield desk
    desk.stop()


@pytest.fixture
def window(browser: Browser, desk: FenghuoProcess) -> Open:
    """`async with window("Li", "/statistics") as page`: a window whose console complains of nothing."""

    @asynccontextmanager
    async def opened(who: str, path: str) -> AsyncIterator[Page]:
        context = await browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai")
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if _is_our_fault(said) else None)
        await page.goto(f"{desk.url}/sign-in?next={path}")
        await page.fill("#name", who)
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(lambda url: "/sign-in" not in url)
        yield page
        await context.close()
        assert not errors, f"{who} {path}: {errors}"

    return opened


def told(desk: FenghuoProcess, who: str, name: str, body: dict[str, Any]) -> None:
    answer = desk.tell(who, name, {"command_id": new_id(), **body})
    assert answer.status_code == 200, answer.text


def shift(begins: timedelta, *names: str, leader: str) -> dict[str, Any]:
    starts = datetime.now(UTC).replace(second=0, microsecond=0) + begins
    posts = ("shift_leader", "information")
    return {
        "shift_id": new_id(),
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=8)).isoformat(),
        "posts": [{"post": post, "name": name} for post, name in zip(posts, names, strict=False)],
        "leader": {"name": leader, "phone": "0335-0000001"},
    }


async def test_what_stands_for_some_time_leaves_a_page_that_nobody_touches(
    desk: FenghuoProcess, window: Open
):
    """An unanswered roll-call is chased for twelve hours; here for as long as a page can be watched."""
    looks: list[str] = []

    async def sooner(route: Route) -> None:
        answer = await route.fetch()
        html = await answer.text()
        looks.append(html)
        if len(looks) == 1:
            soon = datetime.now(UTC) + timedelta(seconds=2)
            html = re.sub(r'data-until="[^"]+"', f'data-until="{soon.isoformat()}"', html)
            assert soon.isoformat() in html
        else:
            html = '<div id="duty-bar" class="duty-bar" role="alert" hidden>\n</div>'
        await route.fulfill(response=answer, body=html)

    async with window("Li", "/roster") as page:
        await expect(page.locator("#live")).to_have_class("live is-live")
        await page.route("**/duty/pieces", sooner)
        roll = {"unit": CITY, "roll_id": new_id(), "units": ["130324"], "answer_within_min": 5}
        assert desk.tell("Wu", "call-roll", roll).status_code == 200
        await expect(page.locator("#duty-bar .answer-here")).to_have_count(1)
        await expect(page.locator("#duty-bar")).to_be_hidden()
        assert len(looks) == 2


async def test_a_roll_call_is_heard_on_any_page_and_answered_by_one_key(desk: FenghuoProcess, window: Open):
    async with (
        window("Wu", "/roll-call") as city,
        window("Li", "/") as lulong,
        window("Qin", "/statistics") as qinglong,
        window("Qin", "/account") as account,
    ):
        await expect(lulong.locator("#live")).to_have_class("live is-live", timeout=20_000)
        await expect(city.locator("#live")).to_have_class("live is-live", timeout=20_000)
        await city.locator("#call button[type=submit]").click()
        for page in (lulong, qinglong, account):
            await expect(page.locator("#duty-bar .answer-here")).to_be_visible()
        await expect(city.locator("#rolls .ratio").first).to_have_text("0/9")
        await lulong.keyboard.press("F9")
        await expect(city.locator("#answer-130324")).to_have_class("outcome-in_time")
        await expect(lulong.locator("#duty-bar")).to_be_hidden()
        await expect(qinglong.locator("#duty-bar .answer-here")).to_be_visible()
        row = city.locator("#answer-130321")
        await row.locator("input").fill("秦某")
        await row.locator("button").click()
        await expect(row).to_have_class("outcome-by_phone")
        for page in (qinglong, account):
            await expect(page.locator("#duty-bar")).to_be_hidden()
        await expect(city.locator("#rolls .ratio").first).to_have_text("2/9")
        await city.locator('button[data-do="close"]').click()
        await expect(city.locator("#answer-130302")).to_have_class("outcome-missed")
    answers = {
        one["unit"]: one["outcome"] for one in desk.ask("Wu", "roll-calls")["roll_calls"][0]["answers"]
    }
    assert (answers["130324"], answers["130321"], answers["130302"]) == ("in_time", "by_phone", "missed")


async def test_a_handover_by_keyboard_moves_the_names_in_every_head(desk: FenghuoProcess, window: Open):
    first = shift(timedelta(hours=-7), "吴某", "李某", leader="王局")
    second = shift(timedelta(hours=1), "赵某", "钱某", leader="孙局")
    told(desk, "Wu", "plan-shifts", {"unit": CITY, "shifts": [first, second]})
    told(desk, "Wu", "take-over-shift", {"unit": CITY, "shift_id": first["shift_id"], "at": words.just_now()})
    told(desk, "Wu", "open-incident", words.open_incident(known_at=words.just_now(), occurred_at=...))
    async with (
        window("Wu", "/handover") as old,
        window("Wang", "/handover") as new,
        window("Li", "/") as county,
    ):
        async with window("Wu", "/") as board:
            await expect(board.locator("#on-duty")).to_contain_text("吴某")
            await expect(new.locator("#live")).to_have_class("live is-live", timeout=20_000)
            await old.keyboard.press("p")
            await expect(new.locator("#sheet .sheet-line").first).to_be_visible()
            await old.locator('button[data-side="from"]').click()
            await expect(new.locator(".signed")).to_contain_text("Wu")
            await new.locator('button[data-side="to"]').click()
            await expect(new.locator("#state")).to_contain_text("未")  # not before all is taken on
            await new.keyboard.press("j")
            await new.keyboard.press("Enter")
            await expect(new.locator(".sheet-line.is-taken").first).to_contain_text("Wang")
            await new.keyboard.press("a")
            await expect(new.locator("#sheet-open")).to_have_text("待接收 0")
            await new.locator('button[data-side="to"]').click()
            await expect(new.locator("#sheet")).to_have_class("sheet is-done")
            for page in (old, new, board):
                await expect(page.locator("#on-duty summary")).to_contain_text("赵某")
            await board.locator("#on-duty summary").click()
            await expect(board.locator('#on-duty a[href="tel:0335-0000001"]').first).to_be_visible()
            assert "赵某" not in await county.locator("header.top").inner_text()
    shown = desk.ask("Wu", "duty")
    assert shown["on"]["shift_id"] == second["shift_id"]


async def test_a_roster_is_pasted_looked_at_and_planned_and_somebody_stands_in(
    desk: FenghuoProcess, window: Open
):
    day = (datetime.now(UTC) + timedelta(hours=8)).date()
    lines = f"{day} 值班长 甲某; 信息岗 丁某; 带班 王局"
    async with window("Wu", "/roster") as officer, window("Wang", "/roster") as leader:
        await officer.locator("form[data-reading] textarea[name=text]").fill(lines)
        await officer.locator("form[data-reading] button").first.click()
        await expect(officer.locator("#plan")).to_have_text("1 班入库")
        await officer.locator("#plan").click()
        await expect(officer.locator("#state")).to_have_text("已入库")
        await expect(officer.locator(".month button.name").first).to_be_visible()
        await officer.locator(".month button.name", has_text="丁某").click()
        await officer.locator("#swap-substitute-name").fill("戊某")
        await officer.locator("#swap-reason").fill("家中有事")
        await officer.keyboard.press("Control+Enter")
        await leader.locator("button[data-approved=yes]").click()
        for page in (officer, leader):
            await expect(page.locator(".month button.name", has_text="戊某")).to_be_visible()
        await leader.locator('button[data-opens="form-change-shift"]').click()
        await expect(leader.locator("#change-posts")).to_have_value("值班长 甲某\n综合信息 戊某\n带班 王局")
        await leader.locator("#change-posts").fill("值班长 己某 13900000001\n带班 孙局")
        await leader.locator("#change-reason").fill("重排")
        await leader.keyboard.press("Control+Enter")
        await expect(leader.locator(".month button.name", has_text="己某")).to_be_visible()
    last = desk.ask("Wu", "shifts")["shifts"][-1]
    assert [(one["post"], one["name"], one.get("phone")) for one in last["posts"]] == [
        ("shift_leader", "己某", "13900000001")
    ]
    assert last["leader"] == {"name": "孙局"}
