"""An incident's page by keyboard, in a real browser: choosing between numbers, ringing, what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from tests import words
from tests.product import FenghuoProcess
from tests.test_screens import opened, sign_in
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def each_database() -> str:
    return "sqlite"


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


def says(desk: FenghuoProcess, incident: str, ago: float, **over: Any) -> None:
    body = words.establish_facts(incident, known_at=words.just_now(ago), **over)
    assert desk.tell("Li", "establish-facts", body).status_code == 200


def contradicted(desk: FenghuoProcess) -> str:
    incident = opened(
        desk, title=f"厂房坍塌 {uuid4().hex[:6]}", source={"channel": "110", "phone": "0335-1100001"}
    )
    says(desk, incident, 40, dead=2)
    says(desk, incident, 20, dead=4, source={"channel": "120", "name": "调度张某", "phone": "139 0000 0003"})
    return incident


@pytest.mark.parametrize("path", ["/incidents/{}", "/?incident={}"])
async def test_one_of_two_numbers_is_chosen_by_one_key_and_the_log_has_who_and_when(
    page: Page, desk: FenghuoProcess, path: str
):
    incident = contradicted(desk)
    await sign_in(page, desk, "Wu", path.format(incident))
    table = page.locator(".differing")
    await expect(table.locator("tbody tr").nth(0)).to_contain_text("4")
    await expect(table.locator("tbody tr").nth(1)).to_contain_text("2")
    began = datetime.now(UTC)
    await page.keyboard.press("2")
    await expect(table).to_have_count(0)
    await expect(page.locator(f"#fact-dead-{incident} .value")).to_have_text("2")
    whole = desk.ask("Wu", f"incidents/{incident}")
    assert whole["facts"]["dead"] == 2
    chosen = next(one for one in reversed(whole["entries"]) if one["event"]["type"] == "facts_established")
    assert chosen["by"] == "Wu"
    assert began - timedelta(seconds=5) < datetime.fromisoformat(chosen["recorded_at"])
    assert chosen["event"]["explanation"].startswith("死亡采信2（卢龙")
    await expect(page.locator(".lines")).to_contain_text("另报4（卢龙 120 调度张某")


async def test_a_number_that_moved_under_the_hand_is_not_chosen(page: Page, desk: FenghuoProcess):
    incident = contradicted(desk)
    await sign_in(page, desk, "Wu", f"/incidents/{incident}")
    await expect(page.locator(".differing tbody tr")).to_have_count(2)
    await page.evaluate(
        """async () => {
             document.querySelector(".differing [data-digit='2']").dataset.value = "9";
             await new Promise(requestAnimationFrame);
             document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true }));
           }"""
    )
    await expect(page.locator(".differing h2")).to_contain_text("报数刚变")
    says(desk, incident, 1, missing=1)
    await eventually(lambda: desk.ask("Wu", f"incidents/{incident}")["facts"].get("missing") == 1)
    assert desk.ask("Wu", f"incidents/{incident}")["facts"]["dead"] == 4


async def test_a_digit_that_is_typed_into_a_field_chooses_nothing(page: Page, desk: FenghuoProcess):
    incident = contradicted(desk)
    await sign_in(page, desk, "Wu", f"/incidents/{incident}")
    await page.keyboard.press("f")
    await page.keyboard.type("2")
    await expect(page.locator("#facts-facts-dead")).to_have_value("2")
    assert desk.ask("Wu", f"incidents/{incident}")["facts"]["dead"] == 4


async def test_phones_and_related_incidents_are_one_key_away_and_follow_the_news(
    page: Page, desk: FenghuoProcess
):
    incident = contradicted(desk)
    await sign_in(page, desk, "Wu", f"/?incident={incident}")
    await page.keyboard.press("g")
    around = page.locator("#around-body")
    await expect(around.locator('a[href="tel:13900000003"]')).to_be_visible()
    await expect(around.locator('a[href="tel:03351100001"]')).to_be_visible()
    double = opened(desk, title="同一处的另一个电话")
    merged = {"command_id": str(uuid4()), "incident_id": double, "into": incident}
    assert desk.tell("Li", "merge-incident", merged).status_code == 200
    await expect(around.locator(f'a[href="/incidents/{double}"]')).to_be_visible()
    await page.keyboard.press("g")
    await expect(around).to_be_hidden()


@pytest.mark.parametrize(
    ("key", "form", "field"), [("l", "judge-level", "basis"), ("x", "close-incident", "reason")]
)
async def test_a_level_is_not_judged_and_nothing_closed_without_saying_why(
    page: Page, desk: FenghuoProcess, key: str, form: str, field: str
):
    incident = opened(desk, title=f"未说明 {uuid4().hex[:6]}")
    await sign_in(page, desk, "Wu", f"/incidents/{incident}")
    await page.keyboard.press(key)
    if form == "judge-level":
        await page.keyboard.press("Space")
    wrong = page.locator(f'#form-{form} .wrong[data-for="/{field}"]')
    for typed in ("", "  "):
        await page.locator(f"#form-{form} [name={field}]").fill(typed)
        await page.keyboard.press("Control+Enter")
        await expect(wrong).to_contain_text("必填")
    entries = desk.ask("Wu", f"incidents/{incident}")["entries"]
    assert not any(one["event"]["type"] in ("level_judged", "incident_closed") for one in entries)
    await page.locator(f"#form-{form} [name={field}]").fill("现场核实")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(f"#form-{form}")).to_be_hidden()
