"""The desk's own alarm in a browser: tried at the start of a shift, and heard though the server is dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from tests import words
from tests.product import PASSWORD, FenghuoProcess
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
#: Counts the tones that really run: started in a context that the browser lets be heard.
COUNT = """
window.tones = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) {
  if (this.context.state === "running") window.tones += 1;
  return start.call(this, at);
};
"""


@pytest.fixture
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


async def sign_in(page: Page, desk: FenghuoProcess, who: str = "Wu") -> None:
    await page.goto(f"{desk.url}/sign-in?next=/")
    await page.fill("#name", who)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{desk.url}/")
    await expect(page.locator("#live")).to_have_class("live is-live", timeout=20_000)


async def test_a_page_that_cannot_be_heard_says_so_until_it_can_and_was_tried_in_this_shift(
    page: Page, desk: FenghuoProcess
) -> None:
    await page.add_init_script(COUNT)
    await sign_in(page, desk)
    await page.reload()
    bar = page.locator("#sound-bar")
    await expect(bar).to_contain_text("还不能发声")
    await page.locator(".brand").click()
    await expect(bar).to_contain_text("本班尚未试音")
    await bar.get_by_role("button", name="试音").click()
    await expect(bar).to_contain_text("听到了吗")
    assert await page.evaluate("window.tones") >= 3
    await bar.get_by_role("button", name="没听到").click()
    await expect(bar).to_contain_text("检查音箱")
    await bar.get_by_role("button", name="试音").click()
    await bar.get_by_role("button", name="听到了").click()
    await expect(bar).to_be_hidden()
    await page.reload()
    await page.locator(".brand").click()
    await expect(page.locator("#sound-switch")).to_have_text("声 开")
    await expect(bar).to_be_hidden()
    await page.locator("#sound-switch").click()
    await expect(bar).to_contain_text("声音已关")
    await page.locator("#sound-switch").click()
    await expect(bar).to_be_hidden()
    now = datetime.now(UTC)
    shift = {
        "shift_id": words.new_id(),
        "starts_at": (now - timedelta(hours=1)).isoformat(),
        "ends_at": (now + timedelta(hours=7)).isoformat(),
        "posts": [{"post": "shift_leader", "name": "吴某"}],
    }
    for name, body in (
        ("plan-shifts", {"shifts": [shift]}),
        ("take-over-shift", {"shift_id": shift["shift_id"], "at": words.just_now()}),
    ):
        assert desk.tell("Wu", name, {"unit": "130300", **body}).status_code == 200
    await expect(bar).to_contain_text("本班尚未试音"), "another shift tries it anew"


async def test_a_page_whose_server_is_dead_sounds_by_itself_when_a_deadline_passes(
    page: Page, desk: FenghuoProcess
) -> None:
    now = words.just_now()
    body = words.open_incident(known_at=now, occurred_at=now, known_by="130300", facts={"dead": 11})
    assert desk.tell("Wu", "open-incident", body).status_code == 200
    judged = words.judge_level(body["incident_id"], "major", judged_at=now)
    assert desk.tell("Wu", "judge-level", judged).status_code == 200
    await page.add_init_script(COUNT)
    await page.clock.install()
    await sign_in(page, desk)
    await page.locator(".brand").click()
    await expect(page.locator("#sound-switch")).to_have_text("声 开")
    alarms = page.locator("#alarms .alarm")
    await expect(alarms).to_have_count(0)
    own = await page.title()
    desk.kill9()
    await page.clock.run_for(26 * 60_000)
    await expect(alarms.first).to_contain_text("剩")
    soft = await page.evaluate("window.tones")
    assert soft >= 2
    await page.clock.run_for(5 * 60_000)
    await expect(alarms.first).to_contain_text("已超")
    assert await page.evaluate("window.tones") >= soft + 3
    titles = set()
    for _ in range(4):
        titles.add(await page.title())
        await page.clock.run_for(1000)
    assert titles == {own, f"【告警】{own}"}, "it calls and lets go, second by second"
    await expect(page.locator("#veil")).to_be_visible()


async def test_desks_that_do_not_answer_are_heard_every_minute_until_somebody_here_goes_about_it(
    page: Page, desk: FenghuoProcess
) -> None:
    await page.add_init_script(COUNT)
    await page.clock.install()
    await sign_in(page, desk)
    await page.goto(f"{desk.url}/roster")  # which asks for its pieces; the desk is sent them
    await expect(page.locator("#live")).to_have_class("live is-live", timeout=20_000)
    await page.locator(".brand").click()
    await expect(page.locator("#sound-switch")).to_have_text("声 开")
    line = (  # as tests/test_roll_alarms.py has it from the server
        '<div id="duty-bar" class="duty-bar" role="alert"><div class="notice-line is-silent" '
        'id="notice-silent-1" data-aloud><b>点名无应答</b><a href="#">去处理</a></div></div>'
    )
    await page.route("**/duty/pieces", lambda route: route.fulfill(content_type="text/html", body=line))
    item = {"unit": "130300", "item_id": words.new_id(), "text": "盯防", "kind": "note"}
    assert desk.tell("Wu", "add-duty-item", item).status_code == 200
    await expect(page.locator("#notice-silent-1")).to_be_visible()
    await eventually(lambda: page.evaluate("window.tones >= 3"))
    await page.clock.run_for(61_000)
    assert await page.evaluate("window.tones") >= 6, "again, a minute later"
    await page.get_by_role("link", name="去处理").click()
    heard = await page.evaluate("window.tones")
    await page.clock.run_for(180_000)
    assert await page.evaluate("window.tones") == heard, "who goes about it is not called again"
    await expect(page.locator("#notice-silent-1")).to_be_visible()
