"""The whole intake by keyboard, in a real browser: a pasted message, a known incident, a draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from tests.product import FenghuoProcess
from tests.test_screens import is_live, opened, sign_in
from tests.waiting import eventually

pytestmark = pytest.mark.browser

PASTE = """([where, text]) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  document.querySelector(where).dispatchEvent(event);
}"""
MESSAGE = (
    "卢龙县应急管理局值班室李伟报告：今天0时5分，我县石门镇西街村{name}公司一台液氨储罐阀门泄漏，"
    "现场3人中毒送医，其中1人重伤，无人员死亡、失联，约560人正在疏散。\n消防3车15人已到场。联系电话13803350001"
)


@pytest.fixture(scope="module")
def each_database() -> str:
    return "sqlite"


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    desk.add_person("Wang", "duty_leader", "130300")
    yield desk
    desk.stop()


async def paste(page: Page, text: str, where: str = "#intake-title") -> None:
    await page.evaluate(PASTE, [where, text])
    await expect(page.locator("#reading .found:visible").first).to_be_visible()


async def test_a_pasted_message_is_read_taken_and_filed_by_three_keys(page: Page, desk: FenghuoProcess):
    await sign_in(page, desk, "Wu")
    message = MESSAGE.format(name="甲" + uuid4().hex[:4])
    await page.keyboard.press("F2")
    await paste(page, message)
    await expect(page.locator("#reading mark.is-taken").first).to_be_visible()
    assert await page.input_value("#intake-title") == "", "nothing is taken over before it was seen"
    await page.keyboard.press("Enter")
    await expect(page.locator("#reading")).to_be_hidden()
    await expect(page.locator("#intake-words")).to_have_value(message)
    await expect(page.locator('#intake [name="facts.poisoned"]')).to_have_value("3")
    await page.keyboard.press("Enter")
    await expect(page.locator("#intake-state")).to_contain_text("已入库")
    (found,) = [one for one in desk.ask("Wu", "incidents")["incidents"] if "液氨" in one["title"]]
    whole = desk.ask("Wu", f"incidents/{found['id']}")
    assert found["place"]["division"] == "130324105"
    assert whole["facts"]["dead"] == 0
    assert whole["facts"]["seriously_injured"] == 1
    assert whole["source"]["name"] == "李伟"
    first = whole["entries"][0]
    assert (first["words"], first["on_behalf_of"]["name"]) == (message, "李伟")


async def test_a_finding_is_left_by_its_number_and_by_the_space_bar(page: Page, desk: FenghuoProcess):
    await sign_in(page, desk, "Wu")
    await page.keyboard.press("F2")
    await paste(page, "昨天下午1点多，石门镇一厂房坍塌，2人死亡、3人受伤，具体原因正在调查之中，请领导知悉")
    dead = page.locator('#reading .found[data-field="dead"]')
    injured = page.locator('#reading .found[data-field="injured"]')
    await page.keyboard.press(str(await dead.get_attribute("data-key")))
    await expect(dead).to_have_attribute("aria-selected", "false")
    await page.keyboard.press("ArrowDown")
    await expect(injured).to_be_focused()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(page.locator("#intake-state")).to_contain_text("已采用")
    assert await page.input_value('#intake [name="facts.dead"]') == ""
    assert await page.input_value('#intake [name="facts.injured"]') == ""
    await expect(page.locator("#intake-occurred")).not_to_have_value("")
    await page.locator("#intake [data-clear]").click()


async def test_escape_keeps_the_text_and_takes_nothing(page: Page, desk: FenghuoProcess):
    await sign_in(page, desk, "Wu")
    await page.keyboard.press("F2")
    text = "昨天下午1点多，石门镇一厂房坍塌，2人死亡、3人受伤，具体原因正在调查之中，请领导知悉"
    await paste(page, text)
    await page.keyboard.press("Escape")
    await expect(page.locator("#intake-words")).to_have_value(text)
    assert await page.input_value('#intake [name="facts.dead"]') == ""
    await page.locator("#intake [data-clear]").click()


async def test_a_tip_is_filed_without_its_giver_in_the_open_log(page: Page, desk: FenghuoProcess):
    await sign_in(page, desk, "Wu")
    await page.keyboard.press("F2")
    await paste(page, "群众举报：卢龙县石门镇一作坊昨天爆炸，死2人。举报人王强，电话15033500028，请保密")
    await page.keyboard.press("Enter")
    await expect(page.locator("#intake-informer")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator("#intake-state")).to_contain_text("已入库")
    log = desk.ask("Li", "log", limit=1000)["entries"]
    (entry,) = [
        one for one in log if one["event"]["type"] == "incident_opened" and "作坊" in one["event"]["title"]
    ]
    assert "王强" not in str(entry)
    assert "15033500028" not in str(entry)
    restricted = desk.ask("Wu", "log", stream="restricted", limit=1000)["entries"]
    assert "王强" in str(restricted)


async def test_a_call_about_a_known_incident_lands_in_its_log_in_two_keys(page: Page, desk: FenghuoProcess):
    title = f"港城大街在建商业楼支模架坍塌{uuid4().hex[:4]}"
    place = {"division": "130302008", "text": "港城大街澜湾广场工地"}
    known = opened(desk, "Wu", title=title, place=place, category="work_safety")
    await sign_in(page, desk, "Wu")
    await page.keyboard.press("F2")
    await page.keyboard.type("群众反映港城大街工地塌了")
    await expect(page.locator(f'#alike li[data-incident="{known}"]')).to_be_visible()
    await page.keyboard.press("Alt+Digit1")
    await page.keyboard.press("Enter")
    await expect(page.locator("#intake-state")).to_contain_text("已记入")
    entries = desk.ask("Wu", f"incidents/{known}")["entries"]
    assert any("群众反映港城大街工地塌了" in str(one["event"].get("text", "")) for one in entries)
    await expect(page.locator("#incident-view h1")).to_have_text(title)


async def test_unknown_is_one_key_and_a_place_alone_is_enough(page: Page, desk: FenghuoProcess):
    await sign_in(page, desk, "Wu")
    await page.keyboard.press("F2")
    await page.keyboard.press("Enter")
    await page.keyboard.type("llsm")
    await expect(page.locator("#intake-places [aria-selected=true]")).to_have_text("卢龙县 石门镇")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await page.keyboard.type("?")  # the kind
    await page.keyboard.type("?")  # when
    await page.keyboard.press("Enter")
    await expect(page.locator("#intake-state")).to_contain_text("已入库")
    (found,) = desk.ask("Wu", "incidents", q="情况待核")["incidents"]
    assert (found["title"], found["category"]) == ("卢龙县 石门镇 情况待核", None)
    await page.keyboard.press("F2")
    await page.keyboard.type("储罐阀门漏了")
    await page.locator("#intake-category").focus()
    await page.keyboard.type("化学品 / 泄")  # a finer kind, by its name
    await expect(page.locator("#intake-categories [aria-selected=true]")).to_have_text("危险化学品 / 泄漏")
    await page.keyboard.press("Enter")
    await page.locator("#intake button.primary").click()
    await expect(page.locator("#intake-state")).to_contain_text("已入库")
    (found,) = desk.ask("Wu", "incidents", q="储罐阀门漏了")["incidents"]
    assert found["category"] == "hazmat/leak"


async def test_a_second_officer_sees_the_draft_and_goes_on_with_it(
    page: Page, browser: Browser, desk: FenghuoProcess
):
    await sign_in(page, desk, "Wu")
    title = f"建国路管道漏气 {uuid4().hex[:6]}"
    await page.keyboard.press("F2")
    await page.keyboard.type(title)
    other = await (await browser.new_context(locale="zh-CN")).new_page()
    await sign_in(other, desk, "Wang")
    line = other.locator("#drafts li").filter(has_text=title)
    await expect(line).to_contain_text("Wu 正在接报")
    await page.keyboard.type("，味很大")
    await expect(line).to_contain_text("味很大")  # told at once: nobody looks again before 20 s have passed
    await line.locator("button").press("Enter")
    await expect(other.locator("#intake-title")).to_have_value(f"{title}，味很大")
    await page.keyboard.type("，有人晕倒")
    await expect(page.locator("#intake-state")).to_contain_text("Wang已接手")
    await other.focus("#intake-known")
    await other.keyboard.press("Enter")
    await expect(other.locator("#intake-state")).to_contain_text("已入库")
    await eventually(lambda: desk.ask("Wu", "incidents", q=title)["incidents"])
    await other.context.close()


async def test_a_message_pasted_into_an_incident_s_facts_offers_its_figures(page: Page, desk: FenghuoProcess):
    known = opened(desk, "Wu", title=f"石门镇厂房坍塌 {uuid4().hex[:6]}")
    began = datetime.now(UTC)
    await sign_in(page, desk, "Wu", f"/incidents/{known}")
    await is_live(page)
    await page.keyboard.press("f")
    await paste(
        page,
        "县医院报：石门镇坍塌事故已收治伤员7名，其中2名危重，1人经抢救无效死亡，其余伤者正在救治",
        "#facts-facts-dead",
    )
    await page.keyboard.press("Enter")
    await expect(page.locator("#facts-facts-dead")).to_have_value("1")
    await page.keyboard.press("Enter")
    await eventually(lambda: desk.ask("Wu", f"incidents/{known}")["facts"].get("dead") == 1)
    assert desk.ask("Wu", f"incidents/{known}")["facts"]["injured"] == 7
    assert datetime.now(UTC) > began


async def test_a_duplicate_is_filed_and_merged_by_one_key(page: Page, desk: FenghuoProcess):
    name = uuid4().hex[:4]
    place = {"division": "130302008", "text": f"港城大街{name}市场"}
    known = opened(desk, "Wu", title=f"港城大街{name}市场顶棚垮塌", place=place, category="work_safety")
    await sign_in(page, desk, "Wu")
    await page.keyboard.press("F2")
    await page.keyboard.type(f"港城大街{name}市场塌了压了人")
    await expect(page.locator(f'#alike li[data-incident="{known}"]')).to_be_visible()
    await page.keyboard.press("Alt+Shift+Digit1")

    def merged() -> bool:
        found = desk.ask("Wu", "incidents", q=f"{name}市场塌了", state="all")["incidents"]
        return [one["state"] for one in found] == ["merged"]

    await eventually(merged)
