"""People on the spot as the desk sees them: heard at once, answered by key, and how far from the place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Page, expect

from server.screens.field_lines import bearing
from tests import words
from tests.product import FenghuoProcess
from tests.test_screens import opened, sign_in


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


def told(desk: FenghuoProcess, name: str, body: words.Body) -> words.Body:
    answer = desk.tell("Song", name, body)
    assert answer.status_code == 200, answer.text
    return body


@pytest.mark.parametrize(
    ("there", "metres", "degrees"),
    [
        ((118.0, 40.0), 0, 0), ((118.0, 41.0), 111_195, 0), ((119.0, 40.0), 85_180, 90),
        ((118.0, 39.0), 111_195, 180), ((117.0, 40.0), 85_180, 270),
    ],
)  # fmt: skip
def test_how_far_and_which_way(there: tuple[float, float], metres: float, degrees: float) -> None:
    far, way = bearing((118.0, 40.0), there)
    assert far == pytest.approx(metres, rel=1e-3)
    assert (way - degrees + 180) % 360 - 180 == pytest.approx(0, abs=0.5)


def test_half_a_degree_of_the_date_line_is_near() -> None:
    far, way = bearing((179.9, 0.0), (-179.9, 0.0))
    assert (round(far), round(way)) == (22239, 90)


@pytest.mark.browser
async def test_a_call_for_help_is_heard_at_once_and_answered_by_key(page: Page, desk: FenghuoProcess):
    place = {"division": "130324", "text": "柳河桥", "lon": 118.88, "lat": 39.88}
    one = opened(desk, title="柳河桥漫水", place=place)
    await sign_in(page, desk, "Wu", f"/?incident={one}")
    await expect(page.locator(f"#incident-{one}")).to_be_visible()
    told(desk, "report-position", words.report_position(one, at=words.just_now(60), lon=118.9, lat=39.9))
    told(desk, "set-field-status", words.set_field_status(one, "engaged", at=words.just_now(50)))
    told(desk, "count-heads", words.count_heads(one, "in", 12, at=words.just_now(40), team="一队<b>"))
    wanted = words.request_help(one, at=words.just_now(5), text="堤上三人被困")
    told(desk, "request-help", wanted)
    panel = page.locator(".spot")
    await expect(panel.locator(".inside-all")).to_have_text("12")
    await expect(panel.locator(".somebody li")).to_contain_text("开展")
    await expect(panel.locator(".where")).to_contain_text(
        "北纬 39.90000 东经 118.90000 ±12 米 事发地东北 2.8 公里"
    )
    await expect(panel.locator(".teams")).to_contain_text("一队<b>")
    await expect(page.locator("#alarms .alarm")).to_contain_text("答复求援 船艇 3 ← Song")
    await expect(page.locator(f"#incident-{one} .row-help")).to_have_text("求援 1")
    await expect(page.locator(f"#incident-{one} .row-inside")).to_have_text("在内 12 人")
    await page.keyboard.press("+")
    await expect(panel.locator('[data-act="answer-help"]')).to_be_focused()
    await page.keyboard.press("Enter")
    await page.focus("#form-answer-help [name=text]")
    await page.keyboard.type("两艘冲锋舟 14:30 到")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#form-answer-help")).to_be_hidden()
    await expect(panel.locator(".is-help")).to_have_count(0)
    await expect(page.locator("#alarms")).to_be_hidden()
    await expect(page.locator(f"#incident-{one} .row-help")).to_have_count(0)
    (answered,) = desk.ask("Song", f"incidents/{one}")["field"]["requests"]
    assert (answered["accepted"], answered["answers"][0]["text"]) == (True, "两艘冲锋舟 14:30 到")


@pytest.mark.browser
async def test_the_wall_says_who_is_inside_and_who_calls(page: Page, desk: FenghuoProcess):
    one = opened(desk, title="矿井透水")
    told(desk, "count-heads", words.count_heads(one, "in", 7, at=words.just_now(40)))
    told(desk, "request-help", words.request_help(one, at=words.just_now(5)))
    await sign_in(page, desk, "Zhao", "/wall")
    row = page.locator(f"#incident-{one}")
    await expect(row.locator(".wall-place")).to_contain_text("求援 1 · 在内 7 人")
    told(desk, "count-heads", words.count_heads(one, "out", 7, at=words.just_now(1)))
    await expect(row.locator(".row-inside")).to_have_count(0)
