"""What a tablet without a network gives away by voice, on a stick, from screen to camera; all once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from server.domain.short_report.alphabet import CARRIED
from tests import words
from tests.product import FenghuoProcess
from tests.tablet import LINE, at, note, opened, sign_in
from tests.words import new_id

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


async def saved(page: Page) -> None:
    await page.click(".field-form button[type=submit]")
    await expect(page.locator("#sheet")).not_to_be_visible()


async def of_every_kind(page: Page, incident: str) -> str:
    """One deed of each kind that a short report can carry; the title of the incident that is opened."""
    await at(page, incident)
    await page.get_by_role("button", name="收到", exact=True).click()
    await note(page, "桥面塌陷, 车辆绕行")
    await page.click("[data-act=count-heads]")
    await page.fill("#f-people", "12")
    await page.fill("#f-team", "一队")
    await saved(page)
    await page.click("[data-act=set-field-status]")
    await page.locator(".field-chips input[value=engaged]").check()
    await saved(page)
    await page.click("[data-act=request-help]")
    await page.locator(".field-chips input[value=boats]").check()
    await page.fill("#f-quantity", "3")
    await saved(page)
    await page.click("[data-act=more]")
    await page.click("#sheet [data-act=establish-facts]")
    await page.fill("#f-dead", "?")
    await page.fill("#f-trapped", "3")
    await saved(page)
    await page.click("[data-act=more]")
    await page.click("#sheet [data-act=open-incident]")
    title = f"山洪 {new_id()[:4]}"
    await page.fill("#f-title", title)
    await saved(page)
    await expect(page.locator(".field-head")).to_contain_text(title)
    return title


async def test_every_deed_there_are_words_for_is_shown_to_be_read_aloud(
    page: Page, desk: FenghuoProcess
) -> None:
    incident = opened(desk)
    desk.tell("Li", "issue-order", words.issue_order(incident, "Song", text="到东门集结"))
    await sign_in(page, desk, "Song")
    await page.context.set_offline(True)
    await expect(page.locator("#line-word")).to_contain_text("断网", timeout=LINE)
    title = await of_every_kind(page, incident)
    await page.evaluate("location.hash = '#/outbox'")
    buttons = page.locator("button[data-short]")
    await expect(buttons).to_have_count(len(CARRIED))
    heard: dict[str, Any] = {}
    for which in range(len(CARRIED)):
        await buttons.nth(which).click()
        shown = page.locator(".field-short")
        said = [await one.get_attribute("data-short") or "" for one in await shown.all()]
        for text, box in zip(said, await shown.locator(".field-short-text").all(), strict=True):
            assert len(text) <= 70
            assert (await box.inner_text()).replace("\n", "").replace(" ", "") == text.replace(" ", "")
            size = await box.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
            assert size >= 25, "read at arm's length"
            sms = await shown.first.locator("a").get_attribute("href")
            assert sms is not None
            assert sms.startswith("sms:?body=")
        with desk.client("Li") as client:
            read = client.post("/api/v1/short-reports/read", json={"text": "\n".join(said)}).json()
        assert read["ready"], (said, read)
        heard[read["name"]] = read["body"]
        await page.get_by_role("button", name="关闭").click()
    assert set(heard) == set(CARRIED)
    assert heard["open-incident"]["title"] == title
    assert heard["establish-facts"]["facts"] == {"dead": None, "trapped": 3}
    assert (heard["count-heads"]["people"], heard["count-heads"]["team"]) == (12, "一队")
    assert heard["add-entry"]["text"] == "桥面塌陷, 车辆绕行"
