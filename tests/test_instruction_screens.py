"""A leader's instruction from the first word to the last, in a real browser, by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.product import FenghuoProcess
from tests.test_screens import opened, sign_in

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    """The screens are the same over both databases; `tests/test_instructions.py` is about the store."""
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


async def type_and_send(page: Page, form: str, **typed: str) -> None:
    for name, text in typed.items():
        await page.focus(f"#form-{form} [name={name}]")
        await page.keyboard.press("Control+A")
        await page.keyboard.type(text)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(f"#form-{form}")).to_be_hidden()


async def test_an_instruction_goes_its_whole_way_by_two_keys_and_its_words(
    page: Page, browser: Browser, desk: FenghuoProcess
):
    one = opened(desk, category="hazmat")
    await sign_in(page, desk, "Wu", f"/incidents/{one}")
    lulong = await page.get_attribute('#unit-names option[data-code="130324"]', "value")
    city = await page.get_attribute('#unit-names option[data-code="130300"]', "value")
    await page.keyboard.press("i")
    await expect(page.locator("#instruction-leader")).to_be_focused()
    await type_and_send(
        page,
        "record-instruction",
        leader="李副市长",
        text="全力搜救<b>",
        to=f"{lulong} 局长、{city}",
        feedback_within_min="45",
    )
    panel = page.locator(".instructions")
    await expect(panel.locator("q")).to_have_text("全力搜救<b>")
    await expect(panel.locator(".owed-line")).to_have_count(2)
    await expect(panel).to_contain_text("2 个承办单位，2 个未办结")
    first, second = await panel.locator(".owed-line").all()
    await expect(first.locator(".clock")).to_contain_text("14")

    # the city's own addressee is finished on the spot, the county's goes the long way
    mine = panel.locator(".owed-line").filter(has_text=city or "").or_(second).last
    await mine.locator('[data-act="finish-instruction"]').focus()
    await page.keyboard.press("Enter")
    await type_and_send(page, "finish-instruction", text="已阅")
    await expect(panel).to_contain_text("2 个承办单位，1 个未办结")

    await expect(page.locator('.acts [data-key="b"]')).to_contain_text("批示传达")
    await page.keyboard.press("b")
    await type_and_send(page, "convey-instruction", told="卢龙值班员")
    await expect(panel).to_contain_text("卢龙值班员")

    context = await browser.new_context(locale="zh-CN")
    county = await context.new_page()
    await sign_in(county, desk, "Li", f"/incidents/{one}")
    await county.keyboard.press("b")
    await expect(county.locator("#sign-for-received_by")).to_have_value("Li")
    await type_and_send(county, "sign-for-instruction")
    await expect(county.locator('.acts [data-key="b"]')).to_contain_text("批示办理反馈")
    await county.keyboard.press("b")
    await county.focus("#form-report-on-instruction [name=done]")
    await county.keyboard.press("Space")
    await type_and_send(county, "report-on-instruction", text="被困人员全部救出")
    await expect(county.locator('.acts [data-key="b"]')).to_have_count(0)
    await expect(county.locator('.acts [data-act="finish-instruction"]')).to_have_count(0)
    await context.close()

    await expect(panel).to_contain_text("被困人员全部救出")
    await expect(page.locator('.acts [data-key="b"]')).to_contain_text("批示核对办结")
    await page.keyboard.press("b")
    await type_and_send(page, "finish-instruction")
    await expect(panel).to_contain_text("全部办结")
    await expect(page.locator('.acts [data-key="b"]')).to_have_count(0)
    (whole,) = desk.ask("Wu", f"incidents/{one}")["instructions"]
    assert {each["step"] for each in whole["addressees"]} == {"done"}
    assert sorted(each["post"] or "" for each in whole["addressees"]) == ["", "局长"]


async def test_the_desk_opens_the_form_that_does_what_is_due(page: Page, desk: FenghuoProcess):
    from tests import words

    one = opened(desk, category="flood", title="柳河桥漫水")
    said = words.record_instruction(one, "130324", given_at=words.just_now(30))
    assert desk.tell("Wu", "record-instruction", said).status_code == 200
    await sign_in(page, desk, "Wu", "/")
    due = page.locator(f'#next a[data-addressee="{said["to"][0]["addressee_id"]}"]')
    await expect(due).to_contain_text("批示传达")
    await due.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#form-convey-instruction")).to_be_visible()
    await type_and_send(page, "convey-instruction", told="值班员")
    await expect(due).to_contain_text("批示签收")
