"""Every page, empty and full, by day and night, in both languages: axe finds nothing serious.

And the palette, the card of the keys and the help, as somebody at the keyboard finds them.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from playwright.async_api import Browser, Page, expect
from pypdf import PdfReader

from tests import words
from tests.consultation_deeds import concluding, convening
from tests.product import PASSWORD, FenghuoProcess
from tests.scene_deeds import a_transfer_that_waits
from tests.test_actions import unlisted
from tests.words import new_id

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
CITY = "130300"
AXE = (Path(__file__).parent / "vendor" / "axe" / "axe.min.js").read_text(encoding="utf-8")
ASK = """async (only) => (await axe.run(document, {resultTypes: ["violations"], preload: false, ...only}))
  .violations.filter(({impact}) => impact === "serious" || impact === "critical")
  .map(({id, impact, nodes}) => `${impact} ${id}: ${nodes.slice(0, 4).map((one) => one.html.slice(0, 200)
    + " " + (one.any[0]?.message ?? one.all[0]?.message ?? "").slice(0, 160)).join(" | ")}`)"""
#: What the eyes alone are asked for: all that another theme can change, and most of axe's time.
OF_COLOUR = ("color-contrast", "link-in-text-block")
EMPTY_PAGES = (
    "/",
    "/handover",
    "/roster",
    "/roll-call",
    "/joint",
    "/map",
    "/incidents",
    "/search?q=火",
    "/statistics",
    "/account",
    "/keys",
    "/channels",
    "/wall",
)
#: Whatever happens at the desk.
ALWAYS_THE_SAME = ("/account", "/keys")


async def serious(page: Page, where: str, lang: str = "zh") -> list[str]:
    """What axe calls serious or critical on a page as it stands: in Chinese in both themes, in English but
    for the colours, which are those of the Chinese page."""
    if not await page.evaluate("() => Boolean(window.axe)"):
        await page.evaluate(AXE)
    if lang != "zh":
        colourless = {"rules": {name: {"enabled": False} for name in OF_COLOUR}}
        return [f"{where}: {one}" for one in await page.evaluate(ASK, colourless)]
    found = [f"{where}: {one}" for one in await page.evaluate(ASK, {})]
    if await page.evaluate("() => document.documentElement.dataset.theme") == "day":
        await page.evaluate("() => { document.documentElement.dataset.theme = 'night'; }")
        found += [f"{where} at night: {one}" for one in await page.evaluate(ASK, {"runOnly": OF_COLOUR})]
        await page.evaluate("() => { document.documentElement.dataset.theme = 'day'; }")
    return found


@pytest.fixture(scope="module")
def bare_desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    desk.add_people([("Chen", "admin", CITY)])
    yield desk
    desk.stop()


@pytest.fixture(scope="module")
def full_desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[tuple[FenghuoProcess, tuple[str, ...]]]:
    desk = furnish("sqlite")
    desk.start()
    desk.add_people([("Chen", "admin", CITY), ("Wang", "duty_leader", CITY)])
    yield desk, fill(desk)
    desk.stop()


def fill(desk: FenghuoProcess) -> tuple[str, ...]:
    """A desk at work, and the paths of the pages that only this one has."""

    def told(who: str, name: str, body: dict[str, Any]) -> None:
        answer = desk.tell(who, name, {"command_id": new_id(), **body})
        assert answer.status_code == 200, answer.text

    now = words.just_now(60)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    shifts = [
        {
            "shift_id": new_id(),
            "starts_at": (hour + timedelta(hours=begins)).isoformat(),
            "ends_at": (hour + timedelta(hours=begins + 8)).isoformat(),
            "posts": [{"post": "shift_leader", "name": name, "phone": "0335-0000001"}],
            "leader": {"name": "王局", "phone": "13900000000"},
        }
        for begins, name in ((-7, "吴某"), (1, "赵某"))
    ]
    told("Wu", "plan-shifts", {"unit": CITY, "shifts": shifts})
    told("Wu", "take-over-shift", {"unit": CITY, "shift_id": shifts[0]["shift_id"], "at": words.just_now()})
    item = {"unit": CITY, "item_id": new_id(), "kind": "promise", "text": "六点前回复省厅"}
    told("Wu", "add-duty-item", {**item, "due_at": (hour + timedelta(hours=2)).isoformat()})
    bodies = [
        words.open_incident(known_at=now, occurred_at=now, facts={"dead": dead, "missing": None}, drill=drill)
        for dead, drill in ((0, False), (4, False), (11, False), (31, False), (3, True))
    ]
    for body in bodies:
        told("Li", "open-incident", body)
    one = {"incident_id": bodies[2]["incident_id"]}
    entry = {**one, "entry_id": new_id(), "kind": "call_in", "text": "来电", "happened_at": now}
    told("Wu", "add-entry", {**entry, "words": "原话"})
    told("Wu", "strike-entry", {**one, "entry_id": entry["entry_id"], "reason": "重复"})
    told(
        "Wu",
        "issue-order",
        {**one, "order_id": new_id(), "to": CITY, "text": "核实", "acknowledge_within_min": 5},
    )
    report = {**one, "report_id": new_id(), "stage": "initial", "channel": "written", "recipient": "PRV_EMB"}
    told("Wu", "record-report", {**report, "sent_at": now, "signed_by": "王局"})
    draft = {**one, "report_id": new_id(), "stage": "initial"}
    told("Wu", "draft-report", draft)
    wanted = words.request_help(one["incident_id"], at=now, text="堤上三人")
    spot = {"lon": 118.9, "lat": 39.9, "at": now}
    told("Song", "report-position", words.report_position(one["incident_id"], **spot))
    told("Song", "count-heads", words.count_heads(one["incident_id"], "out", 2, at=now, team="一队"))
    told("Song", "request-help", wanted)
    prepared = {"unit": CITY, "handover_id": new_id(), "to_shift": shifts[1]["shift_id"]}
    told("Wu", "prepare-handover", prepared)
    told("Wu", "call-roll", {"unit": CITY, "roll_id": new_id(), "units": ["130324"], "answer_within_min": 5})
    confer_and_watch_together(told, one["incident_id"], now)
    a_transfer_that_waits(told, one["incident_id"], now)
    incident = f"/incidents/{one['incident_id']}"
    paper = f"{incident}/reports/{draft['report_id']}"
    return (
        *(incident, paper, f"{paper}/paper", f"/incidents/{bodies[4]['incident_id']}"),
        *(f"{incident}/consultations", f"{incident}/scene"),
    )


def confer_and_watch_together(told: Callable[..., None], incident_id: str, now: str) -> None:
    """A joint duty with a seat, data and a request; a consultation with an opinion and one concluded."""
    period = {"unit": CITY, "period_id": new_id()}
    ends = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    begun = {"kind": "flood_season", "title": "主汛期联合值守", "starts_at": now, "ends_at": ends}
    told("Wu", "open-joint-duty", {**period, **begun, "required": ["130324"], "others": ["130321"]})
    told("Li", "take-joint-seat", {**period, "seat": "130324", "at": words.just_now(), "phone": "0335-1"})
    data = {"seat": "130324", "text": "水位", "every_min": 60, "first_due_at": now}
    told("Wu", "ask-joint-data", {**period, "data_id": new_id(), **data})
    asked = {"request_id": new_id(), "to": CITY, "text": "请派车", "answer_within_min": 60}
    told("Li", "ask-joint-request", {**period, **asked})
    for ending in (False, True):
        talk = convening(incident_id, "130324", convened_at=now)
        told("Wu", "convene-consultation", talk)
        of = {"incident_id": incident_id, "consultation_id": talk["consultation_id"]}
        told("Li", "give-opinion", {**of, "opinion_id": new_id(), "text": "可守", "at": words.just_now()})
        if ending:
            told("Wu", "conclude-consultation", concluding(talk, ("130324", "巡查"), at=words.just_now()))


#: Who has signed in already, by desk and name: their cookies, and the language of their account.
SIGNED_IN: dict[tuple[str, str], tuple[Any, str]] = {}


@asynccontextmanager
async def window(
    browser: Browser, desk: FenghuoProcess, who: str, lang: str = "zh", path: str = "/"
) -> AsyncIterator[Page]:
    """A person at the desk by day, in a language."""
    cookies, spoken = SIGNED_IN.get((desk.url, who), (None, ""))
    context = await browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1920, "height": 1080},
        storage_state=cookies,
    )  # fmt: skip
    page = await context.new_page()
    if cookies is None:
        await context.add_cookies([{"name": "fenghuo_theme", "value": "day", "url": desk.url}])
        await page.goto(f"{desk.url}/sign-in?next=/account")
        await page.fill("#name", who)
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{desk.url}/account")
        cookies = await context.storage_state()
    if spoken != lang:
        await page.goto(f"{desk.url}/account")
        await page.locator("#lang").select_option(lang)
        await page.locator('form:has(#lang) button[type="submit"]').click()
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN" if lang == "zh" else "en")
    SIGNED_IN[desk.url, who] = (cookies, lang)
    await go(page, f"{desk.url}{path}")
    yield page
    await context.close()


async def go(page: Page, url: str) -> None:
    """To a page that has shown itself to be live, where it is one."""
    await page.goto(url)
    if await page.locator("#live-word").count() and await page.locator("#live").is_visible():
        await expect(page.locator("#live")).to_have_class("live is-live", timeout=20_000)
    if await page.locator("#palette").count():
        await expect(page.locator("#palette")).to_have_attribute("data-ready", "")


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_axe_finds_nothing_serious_on_empty_pages(
    browser: Browser, bare_desk: FenghuoProcess, lang: str
):
    found: list[str] = []
    async with window(browser, bare_desk, "Wu", lang) as page:
        for path in EMPTY_PAGES:
            await go(page, bare_desk.url + path)
            found += await serious(page, path, lang)
    async with window(browser, bare_desk, "Chen", lang, "/people") as page:
        found += await serious(page, "/people", lang)
        for path in ("/sign-in", "/invitation/nothing", "/incidents/00000000-0000-0000-0000-000000000000"):
            await page.goto(f"{bare_desk.url}{path}?lang={lang}")
            found += await serious(page, path, lang)
    assert found == []


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_axe_finds_nothing_serious_on_full_pages(
    browser: Browser, full_desk: tuple[FenghuoProcess, tuple[str, ...]], lang: str
):
    desk, paths = full_desk
    found: list[str] = []
    async with window(browser, desk, "Wu", lang) as page:
        for path in (*(one for one in EMPTY_PAGES if one not in ALWAYS_THE_SAME), *paths[1:], paths[0]):
            await go(page, desk.url + path)
            found += await serious(page, path, lang)
        for keys, shown in (
            ("n", "#form-add-entry"), ("f", "#form-establish-facts"), ("l", "#form-judge-level"),
            ("o", "#form-issue-order"), ("Control+k", "#palette[open]"), ("?", "#help[open]"),
        ):  # fmt: skip
            await page.keyboard.press(keys)
            await expect(page.locator(shown)).to_be_visible(timeout=20_000)
            found += await serious(page, f"{paths[0]} {keys}", lang)
            await page.keyboard.press("Escape")
            await expect(page.locator(shown)).to_be_hidden()
            await page.evaluate("() => document.activeElement?.blur()")
        await go(page, f"{desk.url}/")
        await page.keyboard.press("F2")
        await page.keyboard.type(
            "11月23日13时50分, 卢龙县柳河湾镇一化工厂液氨泄漏, 1人死亡3人受伤, 县局李某电话报告"
        )
        found += await serious(page, "/ F2", lang)
    async with window(browser, desk, "Li", lang) as page:
        found += await serious(page, "/ asked by a roll-call", lang)
    async with window(browser, desk, "Wang", lang, paths[1]) as page:
        found += await serious(page, f"{paths[1]} as the leader", lang)
    assert found == []


async def test_axe_finds_what_is_serious_by_day_and_at_night(page: Page):
    await page.set_content(
        '<html lang="zh" data-theme="day"><title>x</title><main><button></button>'
        '<p style="color:#ccc">灰色的字</p></main>'
    )
    found = await serious(page, "x")
    assert [one.split(":")[0] for one in found] == ["x", "x", "x at night"]
    assert {one.split(":")[1].split()[1] for one in found} == {"button-name", "color-contrast"}
    assert len(await serious(page, "x", "en")) == 1


async def test_everything_on_the_pages_of_accounts_is_in_the_list_too(
    browser: Browser, full_desk: tuple[FenghuoProcess, tuple[str, ...]]
):
    async with window(browser, full_desk[0], "Chen", path="/people") as page:
        assert unlisted(BeautifulSoup(await page.content(), "lxml")) == []
        await page.goto(f"{full_desk[0].url}/account")
        assert unlisted(BeautifulSoup(await page.content(), "lxml")) == []
    async with window(browser, full_desk[0], "Wu") as page:
        await page.keyboard.press("F2")
        await page.keyboard.type("山上冒烟")
        await expect(page.locator("#drafts button")).not_to_have_count(0)
        assert unlisted(BeautifulSoup(await page.content(), "lxml")) == []


async def test_the_palette_finds_everything_in_either_language_on_any_page(
    browser: Browser, full_desk: tuple[FenghuoProcess, tuple[str, ...]]
):
    desk, paths = full_desk
    async with window(browser, desk, "Wu", "en", path="/statistics") as page:
        path = await page.locator("#palette").get_attribute("data-actions")
        mine = (await page.locator("body").get_attribute("data-commands") or "").split(" ")
        answer = await page.request.get(f"{desk.url}{path}")
        listed = {one["en"]: one for one in await answer.json()}
        await page.keyboard.press("Control+k")
        shown = set(await page.locator("#palette-list .name").all_text_contents())
        hidden = {name for name in listed if name not in shown}
        for name in hidden:  # nothing but what this person may not do, or an answer that nobody asks for
            one = listed[name]
            assert one["go"] in ("/people", "/channels", "") or one.get("command", "add-entry") not in mine, (
                name
            )
        await page.keyboard.type("下达指令")
        await expect(page.locator("#palette-list .name")).to_have_text(["Issue an order"])
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{desk.url}/")
        await expect(page.locator('.acts [data-act="issue-order"]')).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#form-issue-order")).to_be_visible()
    async with window(browser, desk, "Wu", "zh", path=paths[0]) as page:
        await page.keyboard.press("Control+k")
        await page.keyboard.type("judge level")
        await page.keyboard.press("Enter")
        await expect(page.locator("#form-judge-level")).to_be_visible()


async def test_keys_go_to_every_page_and_from_one_of_many_to_the_next(
    browser: Browser, full_desk: tuple[FenghuoProcess, tuple[str, ...]]
):
    desk, _paths = full_desk
    async with window(browser, desk, "Wu") as page:
        for keys, path in ((".s", "/statistics"), (".r", "/roster"), (".h", "/handover"), (".a", "/account"),
                           (".f", "/search"), (".d", "/")):  # fmt: skip
            await page.evaluate("() => document.activeElement?.blur()")
            for key in keys:
                await page.keyboard.press(key)
            await page.wait_for_url(f"{desk.url}{path}")
            await expect(page.locator("#palette")).to_have_attribute("data-ready", "")
        await page.keyboard.press("F8")
        await page.wait_for_url(f"{desk.url}/roll-call")
        await expect(page.locator("#palette")).to_have_attribute("data-ready", "")
        await page.evaluate(
            "() => { for (const one of document.querySelectorAll('details')) one.open = true; }"
        )
        await page.keyboard.press("a")
        first = await page.evaluate("() => document.activeElement.dataset.all")
        await page.keyboard.press("a")
        assert first != await page.evaluate("() => document.activeElement.dataset.all")


async def test_help_opens_by_key_and_by_button_says_the_law_and_gives_the_focus_back(
    browser: Browser, full_desk: tuple[FenghuoProcess, tuple[str, ...]]
):
    desk, paths = full_desk
    async with window(browser, desk, "Wu", path=paths[0]) as page:
        button = page.locator('[data-help="hour"]').first
        await button.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#help")).to_contain_text("国务院令第493号")
        assert await page.locator("#help").evaluate("one => getComputedStyle(one).display") == "block"
        await page.keyboard.press("Escape")
        await expect(page.locator("#help")).to_be_hidden()
        await expect(button).to_be_focused()
        await page.locator('[data-help="obligations"]').focus()
        await page.keyboard.press("?")
        await expect(page.locator("#help-title")).to_have_text("报送时限")
        await expect(page.locator("#help .rule-list li").first).to_be_visible()
        await page.keyboard.press("Escape")
        await page.keyboard.press("n")
        await page.keyboard.type("?")
        await expect(page.locator("#help")).to_be_hidden()


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_card_of_the_keys_is_one_sheet_of_a4(
    browser: Browser, bare_desk: FenghuoProcess, lang: str
):
    async with window(browser, bare_desk, "Wu", lang, path="/keys") as page:
        made = PdfReader(io.BytesIO(await page.pdf(prefer_css_page_size=True)))
        assert len(made.pages) == 1
        assert [round(float(side) / 72 * 25.4) for side in made.pages[0].mediabox[2:]] == [210, 297]
        text = made.pages[0].extract_text()
        assert "Ctrl K" in text
        assert "换班" in text
