"""Writing a report in a real browser: from the first key to the PDF, two officers at once, and a crash."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from pypdf import PdfReader

from tests import words
from tests.product import FenghuoProcess
from tests.test_screens import BLNS, is_live, opened, sign_in
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def each_database() -> str:
    return "sqlite"


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.add_people([("Wang", "duty_leader", "130300")])
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture
async def other(browser: Browser) -> AsyncIterator[Page]:
    """The second officer's window."""
    context: BrowserContext = await browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai")
    yield await context.new_page()
    await context.close()


def leak(desk: FenghuoProcess, **over: Any) -> str:
    return opened(
        desk,
        "Wu",
        **{
            "title": "柳河湾镇宏远化工公司液氨泄漏",
            "category": "hazmat",
            "facts": {"dead": 0, "missing": 0, "hospital_observed": 4, "evacuated": 430},
            "occurred_at": words.just_now(300),
            **over,
        },
    )


def draft(desk: FenghuoProcess, incident: str, who: str = "Wu", **over: Any) -> str:
    report = str(uuid4())
    body = {"command_id": str(uuid4()), "incident_id": incident, "report_id": report, "stage": "initial"}
    answer = desk.tell(who, "draft-report", body | over)
    assert answer.status_code == 200, answer.text
    return report


def kept(desk: FenghuoProcess, incident: str, report: str) -> dict[str, Any]:
    drafts = desk.ask("Wu", f"incidents/{incident}")["drafts"]
    return next(one for one in drafts if one["report_id"] == report)


async def write(page: Page, desk: FenghuoProcess, who: str, incident: str, report: str) -> None:
    await sign_in(page, desk, who, f"/incidents/{incident}/reports/{report}")


async def is_saved(page: Page) -> None:
    await expect(page.locator("#report-saved")).to_contain_text("已保存")


# --- by keyboard ------------------------------------------------------------------------------------------


async def test_from_a_new_report_to_the_signed_pdf_without_the_mouse_and_within_two_minutes(
    page: Page, desk: FenghuoProcess
):
    incident = leak(desk)
    judged = words.judge_level(incident, "larger", judged_at=words.just_now(30))
    assert desk.tell("Wu", "judge-level", judged).status_code == 200
    await sign_in(page, desk, "Wu", f"/incidents/{incident}")
    began = datetime.now(UTC)
    await page.keyboard.press("w")
    await expect(page.locator("#draft-stage")).to_be_focused()
    await expect(page.locator("#draft-stage")).to_have_value("initial")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_url("**/reports/*")
    await is_live(page)
    await expect(page.locator("#report-title")).to_have_value(
        "卢龙县柳河湾镇宏远化工公司液氨泄漏，留院观察4人，已疏散转移430人"
    )
    await page.focus("#report-reviewed_by")
    await page.keyboard.type("孙某")
    await page.keyboard.press("Escape")
    await page.keyboard.press("v")  # a leader's word, by phone
    await expect(page.locator("#approve-approved_by")).to_be_focused()
    await page.keyboard.type("王某")
    await page.keyboard.press("Enter")
    await expect(page.locator(".report-state")).to_have_text("口头批准，待补签")
    async with page.expect_download() as waited:
        await page.keyboard.press("p")
    download = await waited.value
    assert datetime.now(UTC) - began < timedelta(seconds=120)
    assert download.suggested_filename.startswith("秦皇岛市应急管理局值班快报")
    assert download.suggested_filename.endswith(".pdf")
    printed = PdfReader(io.BytesIO(Path(await download.path()).read_bytes()))
    text = "".join(one.extract_text() for one in printed.pages).replace("\n", "")
    for said in ("签发人：王某", "审核：孙某", "留院观察4人", "第1期（首报）", "河北省应急管理厅"):
        assert said in text, text

    await page.keyboard.press("m")
    await expect(page.locator("#send-recipient")).to_be_focused()
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".delivery").first).to_contain_text("系统")
    await page.keyboard.press("c")
    await expect(page.locator("#receipt-received_by")).to_be_focused()
    await page.keyboard.type("省厅值班员")
    await page.keyboard.press("Enter")
    await expect(page.locator(".delivery").first).to_contain_text("省厅值班员")
    whole = desk.ask("Wu", f"incidents/{incident}")
    (sent,) = whole["reports"]
    assert (sent["valid"], sent["recipient"], sent["verbal_approval_by"]) == (True, "PRV_EMB", "王某")
    met = [one for one in whole["obligations"] if one["met_by"] == sent["report_id"]]
    assert met, "the clock knows of it"


async def test_everything_typed_is_there_after_the_tab_is_gone(page: Page, desk: FenghuoProcess):
    incident = leak(desk)
    report = draft(desk, incident)
    await write(page, desk, "Wu", incident, report)
    await page.route("**/commands/edit-report", lambda route: route.abort())  # the line is cut
    await page.focus("#report-body")
    await page.keyboard.press("Control+End")
    await page.keyboard.type("断线时写的一句。")
    await page.close()  # and the tab is closed
    again = await page.context.new_page()
    await again.goto(f"{desk.url}/incidents/{incident}/reports/{report}")
    await eventually(lambda: kept(desk, incident, report)["content"]["body"].endswith("断线时写的一句。"))
    assert (await again.input_value("#report-body")).endswith("断线时写的一句。")


# --- two at once ------------------------------------------------------------------------------------------


async def test_two_officers_write_in_two_places_and_nothing_moves_under_either_cursor(
    page: Page, other: Page, desk: FenghuoProcess
):
    incident = leak(desk)
    report = draft(desk, incident, content={"body": "第一段。\n第二段。\n第三段。"})
    await write(page, desk, "Wu", incident, report)
    await write(other, desk, "Wang", incident, report)
    await page.focus("#report-body")
    await page.keyboard.press("Control+Home")
    await page.keyboard.type("甲")
    await other.focus("#report-body")
    await other.keyboard.press("Control+End")
    await other.keyboard.type("乙")
    await eventually(
        lambda: kept(desk, incident, report)["content"]["body"] == "甲第一段。\n第二段。\n第三段。乙"
    )
    await expect(page.locator('.theirs[data-field="body"]')).to_contain_text("别人改过")
    assert await page.input_value("#report-body") == "甲第一段。\n第二段。\n第三段。", "under his cursor"
    await page.keyboard.type("丙")
    await page.keyboard.press("Escape")
    for window in (page, other):
        await window.evaluate("document.activeElement.blur()")
        await expect(window.locator("#report-body")).to_have_value("甲丙第一段。\n第二段。\n第三段。乙")
    assert kept(desk, incident, report)["others"] == []


async def test_two_versions_of_the_same_words_are_both_shown_until_one_is_chosen(
    page: Page, other: Page, desk: FenghuoProcess
):
    incident = leak(desk)
    report = draft(desk, incident, content={"title": "死亡2人"})
    await write(page, desk, "Wu", incident, report)
    await write(other, desk, "Wang", incident, report)
    await other.route("**/commands/edit-report", lambda route: route.abort())
    await other.fill("#report-title", "死亡4人")
    await page.fill("#report-title", "死亡3人")
    await page.keyboard.press("Escape")
    await is_saved(page)
    await other.unroute("**/commands/edit-report")
    await expect(other.locator(".others pre")).to_have_text("死亡4人", timeout=20_000)
    await expect(page.locator(".others pre")).to_have_text("死亡4人")
    assert kept(desk, incident, report)["content"]["title"] == "死亡3人"
    await page.locator(".others [data-take]").click()
    await expect(page.locator(".others")).to_have_count(0)
    await expect(page.locator("#report-title")).to_have_value("死亡4人")
    assert kept(desk, incident, report)["content"]["title"] == "死亡4人"


async def test_a_leader_cannot_sign_what_was_changed_behind_his_back(
    page: Page, other: Page, desk: FenghuoProcess
):
    incident = leak(desk)
    report = draft(desk, incident)
    await write(other, desk, "Wang", incident, report)
    await other.keyboard.press("s")
    await expect(other.locator("#form-sign-report")).to_be_visible()
    await other.evaluate("document.querySelector('#form-sign-report [name=version]').value = '99'")
    await other.keyboard.press("Control+Enter")
    await expect(other.locator("#form-sign-report .state")).to_contain_text("又有改动")
    await other.keyboard.press("Escape")
    await other.keyboard.press("s")
    await other.keyboard.press("Control+Enter")
    await expect(other.locator(".report-state")).to_have_text("已签发")
    await write(page, desk, "Wu", incident, report)
    assert await page.get_attribute("#report-body", "readonly") is not None
    await expect(page.locator("[data-act=sign-report]")).to_have_count(0)


# --- in bad faith -----------------------------------------------------------------------------------------


async def test_naughty_strings_in_every_field_are_words_and_nothing_else(page: Page, desk: FenghuoProcess):
    if not BLNS.exists():
        pytest.skip("the list of naughty strings is not here")
    nasty = [one for one in json.loads(BLNS.read_text(encoding="utf-8")) if "\x00" not in one]
    incident = leak(desk)
    text = "\n".join(nasty)[:20_000]
    picked = [one for one in nasty if "<" in one]
    content = {
        "title": picked[0][:200], "addressees": picked[1][:500], "body": text,
        "attachments": picked[2][:2000], "copy_to": picked[3][:500], "urgency": picked[4][:20],
        "secrecy": picked[5][:60], "drafted_by": picked[6][:60], "reviewed_by": picked[7][:60],
        "phone": picked[8][:100],
    }  # fmt: skip
    report = draft(desk, incident, content=content)
    await write(page, desk, "Wu", incident, report)
    assert await page.evaluate("violations.length") == 0
    for name in ("title", "body", "phone"):
        said = await page.input_value(f"#report-{name}")
        assert said.replace("\n", "") == content[name].replace("\r", "").replace("\n", "")
    assert kept(desk, incident, report)["version"] == 1, "looking at it changed nothing"
