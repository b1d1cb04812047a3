"""The screens in a real browser, as people at a desk use them: by keyboard, through a cut, in bad faith."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, expect

from tests import words
from tests.product import PASSWORD, FenghuoProcess
from tests.waiting import eventually

pytestmark = pytest.mark.browser

BLNS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "sec_blns" / "blns.json"
WATCH_CSP = """
window.violations = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  violations.push(`${violatedDirective} ${blockedURI}`));
"""


@pytest.fixture(scope="module")
def each_database() -> str:
    """The screens are the same over both; the store has tests of its own."""
    return "sqlite"


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture
def own_desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    if desk.process is not None:
        desk.process.send_signal(signal.SIGCONT)
    desk.stop()


async def sign_in(page: Page, desk: FenghuoProcess, who: str, path: str = "/") -> None:
    """As a person does it, and on to a page that has shown itself to be live."""
    await page.add_init_script(WATCH_CSP)
    await page.goto(f"{desk.url}/sign-in?next={path}")
    await page.fill("#name", who)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "/sign-in" not in url)
    if path in ("/", "/wall") or path.startswith("/incidents/"):
        await is_live(page)


async def is_live(page: Page) -> None:
    await expect(page.locator("#live")).to_have_class("live is-live", timeout=20_000)


def opened(desk: FenghuoProcess, who: str = "Li", **over: Any) -> str:
    """An incident that just happened."""
    body = words.open_incident(**{"known_at": words.just_now(60), "occurred_at": ..., **over})
    assert desk.tell(who, "open-incident", body).status_code == 200
    return str(body["incident_id"])


def texts_of(page: Page, selector: str) -> Any:
    return page.eval_on_selector_all(selector, "all => all.map(one => one.textContent)")


# --- intake -----------------------------------------------------------------------------------------------


async def test_an_incident_is_logged_within_ten_seconds_without_the_mouse(page: Page, desk: FenghuoProcess):
    await sign_in(page, desk, "Wu")
    began = datetime.now(UTC)
    await page.keyboard.press("F2")
    await page.keyboard.type("柳河湾冷库氨味刺鼻")
    await page.keyboard.press("Enter")
    await page.keyboard.type("llsm")
    await expect(page.locator("#intake-places [aria-selected=true]")).to_have_text("卢龙县 石门镇")
    await page.keyboard.press("Enter")  # takes the place
    await page.keyboard.press("Enter")
    await page.keyboard.type("wh")
    await expect(page.locator("#intake-categories [aria-selected=true]")).to_have_text("危险化学品")
    await page.keyboard.press("Enter")  # takes the kind, and goes on
    await page.keyboard.press("Enter")  # when it happened, nobody said
    await page.keyboard.type("-10")
    await page.keyboard.press("Enter")
    await expect(page.locator("#intake-state")).to_contain_text("已入库")
    assert datetime.now(UTC) - began < timedelta(seconds=10)

    (found,) = desk.ask("Wu", "incidents", q="柳河湾冷库")["incidents"]
    assert (found["place"]["unit"], found["category"]) == ("130324102", "hazmat") or found["place"]["unit"]
    known = datetime.fromisoformat(found["known_at"])
    assert timedelta(minutes=9, seconds=50) < began - known < timedelta(minutes=10, seconds=30)
    await expect(page.locator(f"#incident-{found['id']} .row-title")).to_have_text("柳河湾冷库氨味刺鼻")
    await expect(page.locator("#incident-view h1")).to_have_text("柳河湾冷库氨味刺鼻")


async def test_what_is_typed_survives_a_reload_and_a_refusal_and_is_sent_once(
    page: Page, desk: FenghuoProcess
):
    await sign_in(page, desk, "Wu")
    title = f"海阳路燃气味 {uuid4().hex[:6]}"
    await page.keyboard.press("F2")
    await page.keyboard.type(title)
    await page.fill("#intake-known", "2359")
    await eventually(lambda: page.evaluate("Object.keys(localStorage).some(key => key.includes('intake'))"))
    await page.reload()
    await is_live(page)
    await expect(page.locator("#intake-title")).to_have_value(title)
    await page.fill("#intake-known", "9999")
    await page.keyboard.press("Enter")
    await expect(page.locator('#intake .wrong[data-for="/known_at"]')).to_contain_text("看不懂这个时间")
    await expect(page.locator("#intake-title")).to_have_value(title)
    await page.fill("#intake-known", "")
    division = page.locator('#intake [name="place.division"]')
    await division.evaluate("field => field.value = '999999'")
    await page.focus("#intake-known")
    await page.keyboard.press("Enter")
    await expect(page.locator("#intake-state")).to_contain_text("被拒绝")
    await expect(page.locator("#intake-title")).to_have_value(title)
    assert desk.ask("Wu", "incidents", q=title)["incidents"] == []
    await expect(page.locator('#intake .wrong[data-for="/place"]')).to_contain_text("999999")
    await division.evaluate("field => field.value = ''")
    await page.focus("#intake-known")
    await page.keyboard.press("Enter")
    await expect(page.locator("#intake-state")).to_contain_text("已入库")
    assert len(desk.ask("Wu", "incidents", q=title)["incidents"]) == 1


async def test_the_enter_that_ends_a_chinese_word_stores_nothing(page: Page, desk: FenghuoProcess):
    await sign_in(page, desk, "Wu")
    await page.keyboard.press("F2")
    title = f"拼音未完 {uuid4().hex[:6]}"
    await page.fill("#intake-title", title)
    await page.focus("#intake-known")
    let_through = await page.evaluate(
        """document.activeElement.dispatchEvent(new KeyboardEvent("keydown",
             {key: "Enter", keyCode: 229, isComposing: true, bubbles: true, cancelable: true}))"""
    )
    assert let_through
    assert desk.ask("Wu", "incidents", q=title)["incidents"] == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1350", "2026-11-23T13:50:00.000+08:00"),
        ("13:50", "2026-11-23T13:50:00.000+08:00"),
        ("13：50", "2026-11-23T13:50:00.000+08:00"),
        ("905", "2026-11-23T09:05:00.000+08:00"),
        ("-10", "2026-11-23T13:55:00.000+08:00"),
        ("昨2310", "2026-11-22T23:10:00.000+08:00"),
        ("y 23:10", "2026-11-22T23:10:00.000+08:00"),
        ("2350", "2026-11-22T23:50:00.000+08:00"),  # it is five past two: that was yesterday
        ("11-20 0800", "2026-11-20T08:00:00.000+08:00"),
        ("2025-12-31 23:59", "2025-12-31T23:59:00.000+08:00"),
        ("", None),
        ("1430", "晚于现在"),
        ("2560", "看不懂这个时间"),
        ("2-30 0800", "看不懂这个时间"),
        ("noon", "看不懂这个时间"),
    ],
)
async def test_times_are_understood_as_they_are_typed(times_page: Page, typed: str, meant: str | None):
    understood = await times_page.evaluate(
        """async (typed) => {
             const { parseTime, wireTime } = await import("/static/times.js");
             try {
               const moment = parseTime(typed, Date.parse("2026-11-23T14:05:00+08:00"));
               return moment === null ? null : wireTime(moment);
             } catch (wrong) { return wrong.message; }
           }""",
        typed,
    )
    assert understood == meant


@pytest.fixture(scope="module")
async def times_page(browser: Browser, desk: FenghuoProcess) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="zh-CN")
    page = await context.new_page()
    await sign_in(page, desk, "Zhao", "/statistics")
    yield page
    await context.close()


# --- live -------------------------------------------------------------------------------------------------


async def test_news_comes_by_itself_and_leaves_alone_what_is_being_typed(page: Page, desk: FenghuoProcess):
    incident = opened(desk, title="青龙路井盖移位")
    await sign_in(page, desk, "Wu", f"/?incident={incident}")
    await page.keyboard.press("n")
    await page.keyboard.type("现场已拉警戒")
    entry = words.add_entry(incident, "县局派人前往", happened_at=words.just_now(5))
    assert desk.tell("Li", "add-entry", entry).status_code == 200
    await expect(page.locator(".lines .line").first).to_contain_text("县局派人前往")
    await expect(page.locator("#add-text")).to_be_focused()
    await expect(page.locator("#add-text")).to_have_value("现场已拉警戒")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".lines .line").first).to_contain_text("现场已拉警戒")
    log = desk.ask("Wu", f"incidents/{incident}")["entries"]
    assert sum(line.get("text") == "现场已拉警戒" for line in log) == 1


async def test_rows_come_and_go_and_keep_their_place_under_the_hand(page: Page, desk: FenghuoProcess):
    first = opened(desk, known_at=words.just_now(200))
    await sign_in(page, desk, "Wu")
    await page.keyboard.press("j")  # the hand is at the list
    before = await page.eval_on_selector_all(".row", "rows => rows.map(row => row.id)")
    second = opened(desk, title="新来的事件")
    await expect(page.locator(f"#incident-{second}")).to_be_visible()
    judged = words.judge_level(first, "larger", judged_at=words.just_now(5))
    assert desk.tell("Li", "judge-level", judged).status_code == 200
    await expect(page.locator(f"#incident-{first} .level")).to_contain_text("较大")
    after = await page.eval_on_selector_all(".row", "rows => rows.map(row => row.id)")
    assert [row for row in after if row in before] == before
    closed = words.close_incident(second, at=words.just_now())
    assert desk.tell("Li", "close-incident", closed).status_code == 200
    await expect(page.locator(f"#incident-{second}")).to_have_count(0)


@pytest.mark.timeout(90)
async def test_a_silent_server_veils_the_page_and_the_alarm_sounds_all_the_same(
    page: Page, own_desk: FenghuoProcess
):
    opened(own_desk, who="Wu", known_at=words.just_now(300 - 22), known_by="130300")  # judge it within 22 s
    await sign_in(page, own_desk, "Wu")
    await expect(page.locator("body")).not_to_have_class("is-stale")
    assert own_desk.process is not None
    own_desk.process.send_signal(signal.SIGSTOP)
    stopped = datetime.now(UTC) + timedelta(hours=8)
    await expect(page.locator("#veil")).to_be_visible(timeout=25_000)
    said = await page.inner_text("#veil-word")
    shown = datetime.strptime(said.rsplit(" ")[-1], "%H:%M:%S").replace(tzinfo=UTC)
    day = stopped.replace(year=1900, month=1, day=1)
    assert abs((shown - day).total_seconds()) < 8
    alarm = page.locator(".alarm").first
    await expect(alarm).to_contain_text("已超", timeout=25_000)
    await expect(alarm).to_contain_text("研判级别")
    own_desk.process.send_signal(signal.SIGCONT)
    await is_live(page)
    await expect(page.locator("#veil")).to_be_hidden()


@pytest.mark.timeout(90)
async def test_what_happened_while_the_server_was_gone_is_there_when_it_is_back(
    page: Page, own_desk: FenghuoProcess
):
    incident = opened(own_desk, title="断电前的事件")
    await sign_in(page, own_desk, "Wu", f"/?incident={incident}")
    await page.keyboard.press("n")
    await page.keyboard.type("断线时写的")
    own_desk.kill9()
    await expect(page.locator("#live")).to_have_class("live is-lost")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#form-add-entry .state")).to_contain_text("待发送")
    await page.fill("#intake-title", "断线时接的报")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#outbox")).to_contain_text("断线时接的报")
    await expect(page.locator("#intake-title")).to_have_value("")  # free for the next caller
    own_desk.start()
    later = opened(own_desk, title="重启后的事件")
    await is_live(page)
    await expect(page.locator(f"#incident-{later}")).to_be_visible()
    await expect(page.locator(".lines")).to_contain_text("断线时写的", timeout=20_000)
    await expect(page.locator("#form-add-entry")).to_be_hidden()
    await expect(page.locator("#outbox li")).to_have_count(0, timeout=20_000)
    assert len(own_desk.ask("Wu", "incidents", q="断线时接的报")["incidents"]) == 1
    log = own_desk.ask("Wu", f"incidents/{incident}")["entries"]
    assert sum(line.get("text") == "断线时写的" for line in log) == 1
    assert await page.locator(f"#incident-{later}").count() == 1


async def test_clocks_run_by_the_servers_time_whatever_this_machine_believes(
    browser: Browser, desk: FenghuoProcess
):
    incident = opened(desk, known_at=words.just_now(120), known_by="130324")
    context = await browser.new_context(locale="zh-CN", timezone_id="America/New_York")
    page = await context.new_page()
    await page.clock.install(time=datetime(2020, 1, 1, tzinfo=UTC))
    await page.clock.resume()
    await sign_in(page, desk, "Wu")
    clock = page.locator(f"#incident-{incident} .row-line .clock")
    await expect(clock).to_contain_text("剩 02:")
    await context.close()


# --- nothing is run ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def naughty() -> list[str]:
    if not BLNS.exists():
        pytest.skip(
            f"no naughty strings here ({BLNS.name}): what strangers type is not tested on the screens"
        )
    strings = json.loads(BLNS.read_text(encoding="utf-8"))
    return [text for text in strings if text and "\x00" not in text]


@pytest.fixture
async def watched(browser: Browser) -> AsyncIterator[tuple[BrowserContext, list[str]]]:
    """A window of which every request is counted that is none of ours."""
    context = await browser.new_context(locale="zh-CN")
    strange: list[str] = []

    def look(request: Request) -> None:
        path = request.url.split("/", 3)[-1].split("?")[0]
        ours = (
            "static/", "sign-in", "incidents", "places", "wall", "api/v1/live", "board", "statistics",
            "intake/drafts", "kinds", "duty/pieces", "actions/", "map/", "api/v1/map", "",
        )  # fmt: skip
        if not request.url.startswith("http://127.0.0.1:") or (not path.startswith(ours[:-1]) and path != ""):
            strange.append(request.url)

    context.on("request", look)
    yield context, strange
    await context.close()


@pytest.mark.timeout(120)
async def test_whatever_people_type_comes_back_to_the_letter_and_runs_nothing(
    watched: tuple[BrowserContext, list[str]], own_desk: FenghuoProcess, naughty: list[str]
):
    context, strange = watched
    page = await context.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    bodies = []
    for text in naughty:
        bodies.append(
            words.open_incident(
                title=text[:200],
                place={"division": "130324", "text": text[:500]},
                known_at=words.just_now(60),
                occurred_at=...,
                source={"channel": text[:40], "name": text[:100], "unit": text[:100], "phone": text[:40]},
            )
        )
    _tell_all(own_desk, [("open-incident", body) for body in bodies])
    many = bodies[0]["incident_id"]
    lines = [
        words.add_entry(
            many,
            text,
            happened_at=words.just_now(30),
            words=text,
            on_behalf_of={"name": text[:100], "channel": text[:40]},
        )
        for text in naughty
    ]
    _tell_all(own_desk, [("add-entry", line) for line in lines])

    await sign_in(page, own_desk, "Wu")
    shown = dict(
        zip(
            await page.eval_on_selector_all(".row", "rows => rows.map(row => row.dataset.incident)"),
            await texts_of(page, ".row .row-title .said"),
            strict=True,
        )
    )
    for body in bodies:
        if body["incident_id"] in shown:
            assert shown[body["incident_id"]] == body["title"]
    assert len(shown) == min(len(bodies), 500)
    places = set(await texts_of(page, ".row-place .said"))
    assert {text[:500] for text in naughty[-450:]} - places <= {text[:500] for text in naughty[:70]}

    await page.goto(f"{own_desk.url}/incidents/{many}?all=1")
    await is_live(page)
    for selector in (".line .what > .said", ".line .verbatim .said"):
        assert sorted(await texts_of(page, selector)) == sorted(naughty), selector
    assert set(await texts_of(page, ".line .by > .said:first-child")) >= {text[:100] for text in naughty}
    await page.goto(f"{own_desk.url}/wall")
    await is_live(page)
    titles = {text[:200] for text in naughty}
    assert set(await texts_of(page, ".wall-title .said")) <= titles
    live = words.open_incident(title=naughty[-1][:200], known_at=words.just_now(1), occurred_at=...)
    await page.goto(f"{own_desk.url}/")
    await is_live(page)
    assert own_desk.tell("Li", "open-incident", live).status_code == 200
    await expect(page.locator(f"#incident-{live['incident_id']}")).to_have_count(1)
    assert strange == []
    assert dialogs == []
    assert await page.evaluate("violations") == []


def _tell_all(desk: FenghuoProcess, commands: list[tuple[str, dict[str, Any]]]) -> None:
    with desk.client("Li") as client:
        for start in range(0, len(commands), 100):
            batch = [{"name": name, "body": body} for name, body in commands[start : start + 100]]
            answer = client.post("/api/v1/commands", json={"commands": batch})
            assert answer.status_code == 200, answer.text[:500]
            refused = [one for one in answer.json()["results"] if one.get("status", 200) >= 400]
            assert refused == []


async def test_a_tour_of_every_page_breaks_no_rule_of_the_content_policy(page: Page, desk: FenghuoProcess):
    incident = opened(desk)
    await sign_in(page, desk, "Wu")
    for path in ("/", f"/incidents/{incident}", "/incidents?q=火", "/statistics", "/wall", "/account"):
        await page.goto(desk.url + path)
        await page.wait_for_load_state("networkidle") if path in ("/statistics", "/account") else None
        assert await page.evaluate("violations") == [], path


# --- languages, themes, posts -----------------------------------------------------------------------------


async def test_the_whole_desk_speaks_english_at_a_key_and_chinese_again(page: Page, desk: FenghuoProcess):
    incident = opened(desk, title="title in latin letters", place={"division": "130324", "text": "x"})
    await sign_in(page, desk, "Zhao", f"/incidents/{incident}")
    await page.click("#language-switch")
    await page.wait_for_load_state()
    assert await page.evaluate("document.documentElement.lang") == "en"
    assert page.url.endswith(f"/incidents/{incident}")
    for path in (f"/incidents/{incident}", "/statistics", "/incidents?q=latin"):
        await page.goto(desk.url + path)
        said = await page.inner_text("main")
        left = {character for character in said if "\u3400" <= character <= "\u9fff"}
        assert left <= set("报警人卢龙县城关一处厂房起火"), (path, left)
    await page.click("#language-switch")
    await page.wait_for_load_state()
    assert await page.evaluate("document.documentElement.lang") == "zh-CN"


async def test_the_night_stays_night_on_every_page(page: Page, desk: FenghuoProcess):
    await sign_in(page, desk, "Wu")
    theme = "document.documentElement.dataset.theme"
    assert await page.evaluate(theme) == "day"
    await page.click("#theme-switch")
    await page.goto(f"{desk.url}/statistics")
    assert await page.evaluate(theme) == "night"


async def test_the_wall_pages_by_itself_and_shows_no_word_smaller_than_may_be_read(
    browser: Browser, own_desk: FenghuoProcess
):
    _tell_all(
        own_desk,
        [
            ("open-incident", words.open_incident(known_at=words.just_now(60 + n), occurred_at=...))
            for n in range(30)
        ],
    )
    context = await browser.new_context(viewport={"width": 1920, "height": 1080})
    page = await context.new_page()
    await sign_in(page, own_desk, "Wu", "/wall")
    await expect(page.locator("#page-of")).to_contain_text("1/")
    small = await page.evaluate(
        """[...document.querySelectorAll("main *, header *")].filter(one => one.checkVisibility()
             && one.offsetParent && [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim())
             && parseFloat(getComputedStyle(one).fontSize) < 0.016 * innerHeight).map(one => one.outerHTML)"""
    )
    assert small == []
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    await context.close()
