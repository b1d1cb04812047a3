"""Command changes hands in a browser: on a tablet without a network, at the desk for who said so aloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests import words
from tests.product import FenghuoProcess
from tests.scene_deeds import commander, setting_up
from tests.tablet import LINE, at
from tests.tablet import sign_in as tablet_sign_in
from tests.test_axe import window
from tests.test_screens import opened

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


def post_of(desk: FenghuoProcess, incident: str) -> dict[str, Any]:
    (post,) = desk.ask("Wu", f"incidents/{incident}")["scene"]["posts"]
    return dict(post)


async def test_command_changes_hands_by_key_and_by_one_tap(
    page: Page, browser: Browser, desk: FenghuoProcess
) -> None:
    place = {"division": "130324", "text": "柳河湾"}
    one = opened(desk, title="柳河湾漫堤", place=place)
    post = setting_up(one, since=words.just_now(600), commander=commander("Song"))
    assert desk.tell("Song", "set-up-scene-post", post).status_code == 200
    await tablet_sign_in(page, desk, "Song")
    await at(page, one)
    await expect(page.locator(f'[data-post="{post["post_id"]}"]')).to_contain_text("现场指挥 Song")
    async with window(browser, desk, "Wu", path=f"/incidents/{one}/scene") as screen:
        await screen.keyboard.press("h")
        await expect(screen.locator('[data-opens="form-propose-transfer"]')).to_be_focused()
        await screen.keyboard.press("Enter")
        await screen.fill("#hand-to-name", "李某")
        await screen.keyboard.press("Control+Enter")
        await expect(screen.locator(".request b", has_text="待签字")).to_be_visible()
        button = page.get_by_role("button", name="移交指挥")
        await expect(button).to_be_visible(timeout=LINE)
        await page.context.set_offline(True)
        await button.click()
        await expect(button).to_have_count(0)
        assert post_of(desk, one)["commander"]["name"] == "Song"
        await page.context.set_offline(False)
        await expect(screen.locator(".what")).to_contain_text("✓ 移交方 Song", timeout=LINE)
        await screen.locator('[data-opens="form-sign-transfer"]').focus()
        await screen.keyboard.press("Enter")
        await expect(screen.locator("#sign-on_behalf_of-name")).to_have_value("李某")
        await screen.select_option("#sign-on_behalf_of-channel", "radio")
        await screen.locator("#sign-at").focus()
        await screen.keyboard.press("Control+Enter")
        await expect(screen.locator(".what")).to_contain_text("值班室代签（电台）")
        await expect(screen.locator(f"#post-{post['post_id']} > p b")).to_have_text("李某")
    await expect(page.locator(f'[data-post="{post["post_id"]}"]')).to_contain_text("李某", timeout=LINE)
    shown = post_of(desk, one)
    assert [term["commander"]["name"] for term in shown["terms"]] == ["Song", "李某"]
    assert {sign["side"]: sign["channel"] for sign in shown["transfers"][0]["signed"]} == {
        "outgoing": None, "incoming": "radio",
    }  # fmt: skip
