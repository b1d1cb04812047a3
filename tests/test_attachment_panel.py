"""The panel of attachments in a real browser: chosen, dropped, refused, struck, and sent through a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from tests import uploads
from tests.product import FenghuoProcess
from tests.test_screens import is_live, opened, sign_in

pytestmark = pytest.mark.browser
DROP = """([name, type, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(bytes)], name, { type }));
  document.querySelector("main").dispatchEvent(
    new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


async def at_incident(page: Page, desk: FenghuoProcess, who: str, incident: str) -> None:
    """On its page, where choosing a file opens no dialog of the system."""
    page.on("filechooser", lambda chooser: None)
    await sign_in(page, desk, who, f"/incidents/{incident}")


async def choose(page: Page, *files: tuple[str, str, bytes]) -> None:
    """By the key, as somebody does who has the photos in a folder."""
    async with page.expect_file_chooser() as waited:
        await page.keyboard.press("u")
    chooser = await waited.value
    await chooser.set_files([{"name": name, "mimeType": kind, "buffer": data} for name, kind, data in files])


async def test_files_go_onto_the_incident_by_key_and_by_dropping_and_what_is_refused_says_why(
    page: Page, desk: FenghuoProcess, tmp_path: Path
):
    incident = opened(desk, title=f"附件 {uuid4().hex[:6]}")
    await at_incident(page, desk, "Wu", incident)
    panel = page.locator(".attachments")
    await page.keyboard.press("n")
    await page.keyboard.type("正在打字")
    await page.evaluate(DROP, ["现场.jpg", "image/jpeg", list(uploads.photo(noted=True))])
    first = panel.locator("li.attachment").first
    await expect(first).to_contain_text("现场.jpg")
    await expect(first).to_contain_text("2026-11-23 14:05:00")
    await expect(page.locator("#add-text")).to_have_value("正在打字")
    await expect(page.locator("#add-text")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.evaluate("() => document.activeElement.blur()")

    await choose(
        page,
        ("坏.jpg", "image/jpeg", b"<svg onload=alert(1)>"),
        ("通报.pdf", "application/pdf", uploads.paper(acts=True)),
        ("录音.ogg", "audio/ogg", uploads.ogg()),
    )
    await expect(panel.locator("li.attachment")).to_have_count(3)
    refused = page.locator(".uploads li.is-refused")
    await expect(refused).to_contain_text("坏.jpg")
    await refused.locator("button").click()
    await expect(refused).to_have_count(0)

    async with page.expect_download() as waited:
        await panel.locator("li.attachment a", has_text="通报.pdf").click()
    download = await waited.value
    assert download.suggested_filename == "通报.pdf"
    kept = tmp_path / "kept.pdf"
    await download.save_as(kept)
    assert b"JavaScript" not in kept.read_bytes()

    await (
        panel.locator("li.attachment", has_text="录音.ogg").locator('[data-act="strike-attachment"]').click()
    )
    await page.locator("#strike-file-reason").fill("录错了")
    await page.keyboard.press("Control+Enter")
    await expect(panel.locator("li.is-struck")).to_contain_text("录音.ogg")


async def test_a_photo_sent_while_the_server_dies_arrives_once(page: Page, desk: FenghuoProcess):
    incident = opened(desk, title=f"断电 {uuid4().hex[:6]}")
    await at_incident(page, desk, "Wu", incident)
    desk.kill9()
    await choose(page, ("夜里.jpg", "image/jpeg", uploads.photo()))
    await expect(page.locator(".uploads li")).to_contain_text("夜里.jpg")
    desk.start()
    await is_live(page)
    await expect(page.locator(".attachments li.attachment")).to_have_count(1, timeout=20_000)
    await expect(page.locator(".uploads li")).to_have_count(0)
    assert len(desk.ask("Wu", f"incidents/{incident}")["attachments"]) == 1


async def test_who_only_reads_sees_the_files_and_no_button(page: Page, desk: FenghuoProcess):
    incident = opened(desk, title=f"只看 {uuid4().hex[:6]}")
    query = {"command_id": str(uuid4()), "file_name": "a.jpg"}
    path = f"/api/v1/incidents/{incident}/attachments/{uuid4()}"
    assert desk.phone("Li").put(path, params=query, content=uploads.photo()).status_code == 200
    await sign_in(page, desk, "Zhao", f"/incidents/{incident}")
    await expect(page.locator(".attachments li.attachment")).to_have_count(1)
    await expect(page.locator("[data-attach], .attachments .strike")).to_have_count(0)
