"""Tablet to tablet to desk with no network: on a stick, from screen to camera; and a voice.

The camera is Chromium's own false one; what it sees are the very codes that the other screen showed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests import words
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.product import PASSWORD, FenghuoProcess
from tests.tablet import LINE, at, is_live, marks, note, sign_in
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SHOWN_FOR = 12  # pictures of the false camera for each code: 0.4 s
#: What stands on the other screen just now, and which of the series it is, as a camera of 640×480 sees it.
SEEN = """(canvas) => {
  const picture = document.createElement("canvas");
  Object.assign(picture, { width: 640, height: 480 });
  const pen = picture.getContext("2d");
  pen.fillStyle = "#ccc";
  pen.fillRect(0, 0, 640, 480);
  pen.drawImage(canvas, 90, 10, 460, 460);
  return [document.querySelector(".field-seconds").textContent, picture.toDataURL("image/jpeg", 0.9)];
}"""


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.add_people([("Gao", "field_commander", "130324")])
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """What the camera films."""
    return tmp_path / "camera.mjpeg"


@pytest.fixture
async def eyes_and_ears(camera: Path) -> AsyncIterator[Browser]:
    """A Chromium with a camera, a microphone, and a person who allows both."""
    flags = (
        *CHROMIUM_FLAGS,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(flags))
        yield browser
        await browser.close()


async def tablet_of(browser: Browser, desk: FenghuoProcess, who: str) -> Page:
    context = await browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 800, "height": 1280}
    )
    page = await context.new_page()
    await sign_in(page, desk, who)
    return page


async def desk_of(browser: Browser, desk: FenghuoProcess) -> Page:
    page = await (await browser.new_context(locale="zh-CN")).new_page()
    await page.goto(f"{desk.url}/sign-in?next=/carry")
    await page.fill("#name", "Li")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#carry")
    return page


async def cut(page: Page) -> None:
    """No network, after all that is loaded later has come."""
    await page.evaluate("location.hash = '#/ready'")
    await expect(page.locator("[data-probe=files]")).to_have_class("is-good", timeout=LINE)
    await page.context.set_offline(True)
    await expect(page.locator("#line-word")).to_contain_text("断网", timeout=LINE)


async def filmed(page: Page, camera: Path) -> int:
    """Every code of the series that stands on this screen, filmed; how many."""
    seen: dict[str, bytes] = {}

    async def is_whole() -> bool:
        which, url = await page.locator("canvas.field-code").evaluate(SEEN)
        seen[which] = base64.b64decode(url.split(",")[1])
        return len(seen) == int(which.split("/")[1])

    await eventually(is_whole, within=60)
    camera.write_bytes(b"".join(one * SHOWN_FOR for one in seen.values()))
    await page.get_by_role("button", name="关闭").click()
    return len(seen)


async def saved(page: Page, button: str) -> bytes:
    async with page.expect_download() as coming:
        await page.locator(button).first.click()
    return Path(await (await coming.value).path()).read_bytes()


def told(desk: FenghuoProcess, incident: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = desk.ask("Li", f"incidents/{incident}")["entries"]
    return [one for one in entries if one["event"]["type"] == "entry_added"]


def texts(desk: FenghuoProcess, incident: str) -> list[str]:
    return [one["event"]["text"] for one in told(desk, incident)]


async def spoken(page: Page, incident: str) -> None:
    await at(page, incident)
    await page.click("[data-act=more]")
    await page.click("[data-more='tablet.voice']")
    await expect(page.locator("#sheet .field-seconds")).to_have_text("1 / 60 s", timeout=LINE)
    await page.get_by_role("button", name="停止").click()
    await expect(page.locator("#sheet audio")).to_be_visible()
    await page.fill("#f-note", "东门口")
    await page.click(".field-form button[type=submit]")
    await expect(page.locator("#sheet")).not_to_be_visible(timeout=LINE)
    await expect(page.locator(marks(page, "东门口"))).to_have_text("待发送")


async def test_what_two_tablets_carry_to_the_desk_is_there_once_and_what_was_spoken_is_heard(
    eyes_and_ears: Browser, desk: FenghuoProcess, camera: Path
) -> None:
    body = words.open_incident(known_at=words.just_now(60), occurred_at=...)
    assert desk.tell("Li", "open-incident", body).status_code == 200
    incident = str(body["incident_id"])
    first, second = [await tablet_of(eyes_and_ears, desk, who) for who in ("Song", "Gao")]
    at_desk = await desk_of(eyes_and_ears, desk)
    for page in (first, second):
        await cut(page)

    # on a stick
    await at(first, incident)
    await note(first, "桥面塌陷，车辆绕行")
    await first.evaluate("location.hash = '#/carry'")
    stick = await saved(first, "[data-carry=save]")
    await second.evaluate("location.hash = '#/carry'")
    async with second.expect_file_chooser() as chosen:
        await second.click("[data-carry=file]")
    on_stick = {"name": "a.fenghuo", "mimeType": "", "buffer": stick}
    await (await chosen.value).set_files(on_stick)  # type: ignore[arg-type]
    carried = second.locator(".field-carried")
    await expect(carried).to_contain_text("Song")
    assert await saved(second, ".field-carried button:has-text('存成文件')") == stick, "to the last byte"
    await at_desk.set_input_files("#carry-file", on_stick)  # type: ignore[arg-type]
    await expect(at_desk.locator("#carry-list li")).to_contain_text("桥面塌陷")
    await expect(at_desk.locator("#carry-take")).to_be_focused(timeout=LINE)
    await at_desk.keyboard.press("Enter")
    await expect(at_desk.locator("#carry-said")).to_have_text("1 条已收下。")

    # from screen to camera, twice
    for number in range(6):
        await at(first, incident)
        await note(first, f"第{number}处险情 {words.new_id()}")
    await first.evaluate("location.hash = '#/carry'")
    await first.click("[data-carry=show]")
    assert await filmed(first, camera) > 2, "or it is no series"
    await second.click("[data-carry=scan]")
    await expect(carried).to_have_count(2, timeout=60_000)
    await expect(carried.first).to_contain_text("7 条")
    await carried.first.get_by_role("button", name="出示二维码").click()
    await filmed(second, camera)
    await at_desk.click("#carry-scan")
    await expect(at_desk.locator("#carry-list li")).to_have_count(7, timeout=60_000)
    await expect(at_desk.locator("#carry-take")).to_be_focused(timeout=LINE)
    await at_desk.keyboard.press("Enter")
    await expect(at_desk.locator("#carry-said")).to_have_text("7 条已收下。")
    arrived = texts(desk, incident)
    assert len(arrived) == 7
    assert arrived[0] == "桥面塌陷，车辆绕行"
    assert {one["by"] for one in told(desk, incident)} == {"Song"}, "whoever carried it changed nothing"

    # what is spoken needs a line; by it all the same comes again, and is there once
    await spoken(first, incident)
    for page in (second, first):
        await page.context.set_offline(False)
        await is_live(page)

    def attached() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = desk.ask("Li", f"incidents/{incident}")["attachments"]
        return found

    await eventually(lambda: len(attached()) == 1, within=60)
    await expect(carried.locator(".mark")).to_have_text([re.compile("已交值班室")] * 2, timeout=LINE)
    assert texts(desk, incident) == arrived
    await heard_at(at_desk, desk, incident)


async def heard_at(page: Page, desk: FenghuoProcess, incident: str) -> None:
    """At the desk, where it stands, for as long as it was spoken, and it is no silence."""
    await page.goto(f"{desk.url}/incidents/{incident}")
    voice = page.locator(".attachments audio")
    seconds = await voice.evaluate(
        """async (voice) => {
            voice.muted = true;
            await voice.play();
            return voice.duration;
        }"""
    )
    assert 1 <= seconds < 30
    loudest = await voice.evaluate(
        """async (voice) => {
            const bytes = await (await fetch(voice.src)).arrayBuffer();
            const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(bytes);
            return Math.max(...sound.getChannelData(0).map(Math.abs));
        }"""
    )
    assert loudest > 0.1, "a microphone that hears nothing"
