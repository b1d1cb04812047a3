"""What a tablet keeps when something is wrong: its disk, its line, a form that is sent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Page, expect

from server.pages.field import ENTRY, modules
from server.screens.static_files import STATIC_PATH
from tests import uploads, words
from tests.product import FenghuoProcess
from tests.tablet import LINE, at, is_live, note, opened, sign_in, unlock
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

DATABASE = """new Promise((done) => {
  const asked = indexedDB.open("fenghuo-tablet");
  asked.onsuccess = () => done(asked.result);
})"""
#: A byte of the disk that is another than what was written, in one record of each of these stores.
DAMAGED = (
    """async () => {
  const database = await """
    + DATABASE
    + """;
  const transaction = database.transaction(["outbox", "incidents"], "readwrite");
  for (const name of ["outbox", "incidents"]) {
    const store = transaction.objectStore(name), asked = store.getAll();
    asked.onsuccess = () => {
      const [record] = asked.result, bytes = new Uint8Array(record.sealed.data);
      bytes[7] ^= 1;
      store.put(record);
    };
  }
  await new Promise((done) => { transaction.oncomplete = done; });
  database.close();
}"""
)
KEPT_WHOLE = (
    """async () => {
  const database = await """
    + DATABASE
    + """, asked = database.transaction("incidents").objectStore("incidents").getAllKeys();
  await new Promise((done) => { asked.onsuccess = done; });
  database.close();
  return asked.result.map(([, id]) => id).sort();
}"""
)
#: The second file finds no way onto the disk, once.
FAILS_ONCE = """() => {
  const real = crypto.subtle.digest.bind(crypto.subtle);
  let count = 0;
  crypto.subtle.digest = (...all) => (++count === 2 ? Promise.reject(new Error("no room")) : real(...all));
}"""
#: What was fetched of the program before the door stood there.
BEFORE_THE_DOOR = """() => {
  const shown = performance.getEntriesByName("shown")[0].startTime;
  const all = performance.getEntriesByType("resource");
  return all.filter((one) => one.startTime < shown && one.name.includes(".js")).map((one) => one.name);
}"""


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


async def test_what_does_not_open_is_said_and_all_else_is_there(page: Page, desk: FenghuoProcess) -> None:
    for number in range(2):
        opened(desk, title=f"第{number}处")
    await sign_in(page, desk, "Song")
    await page.context.set_offline(True)
    opened_here = (await page.evaluate(KEPT_WHOLE))[1]
    await at(page, opened_here)
    for text in ("坏了的", "好的一", "好的二"):
        await note(page, text)
    await page.evaluate(DAMAGED)
    await page.reload()
    await expect(page.locator("body")).to_have_attribute("data-shown", "yes")
    asked = await page.evaluate(BEFORE_THE_DOOR)
    door = {f"{desk.url}{STATIC_PATH}/{name}" for name in (*modules(ENTRY), "theme.js", "field/boot.js")}
    assert set(asked) == door, "the rest of the program does not stand before the door"
    await unlock(page)
    await expect(page.locator("#unreadable")).to_contain_text("2 条")
    await expect(page.locator("#unreadable")).to_contain_text("其中 1 条还没有发出")
    await page.evaluate("where => { location.hash = where; }", f"#/i/{opened_here}")
    await expect(page.locator("#main")).to_contain_text("好的二")
    await page.context.set_offline(False)
    await is_live(page)
    await eventually(lambda: len(told(desk, opened_here)) == 2, within=30)
    assert told(desk, opened_here) == ["好的一", "好的二"]


def told(desk: FenghuoProcess, incident: str) -> list[str]:
    entries = desk.ask("Li", f"incidents/{incident}")["entries"]
    return [one["event"]["text"] for one in entries if one["event"]["type"] == "entry_added"]


async def test_on_a_thin_line_nothing_is_lost_that_was_whole_and_what_was_closed_goes(
    page: Page, desk: FenghuoProcess
) -> None:
    ids = [opened(desk, title=f"事件{number}") for number in range(6)]
    await sign_in(page, desk, "Song")
    before = await page.evaluate(KEPT_WHOLE)
    assert set(ids) <= set(before)
    closing = words.close_incident(ids[0], at=words.just_now())
    await page.evaluate("localStorage.setItem('fenghuo.field.thin', 'on')")
    await page.context.set_offline(True)
    assert desk.tell("Li", "close-incident", closing).status_code == 200
    await page.reload()
    await page.context.set_offline(False)
    await unlock(page)
    await is_live(page)

    async def is_settled() -> bool:
        found: list[str] = await page.evaluate(KEPT_WHOLE)
        assert set(found) >= set(before) - {ids[0]}, "the small form tells of three"
        return ids[0] not in found

    await eventually(is_settled, within=40)
    await at(page, ids[1])


async def test_of_two_photos_the_first_is_not_kept_twice_when_the_second_finds_no_room(
    page: Page, desk: FenghuoProcess
) -> None:
    incident = opened(desk, title="山体滑坡致车辆被埋多人失联道路中断" * 8)
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await page.context.set_offline(True)
    await expect(page.locator("#line-word")).to_contain_text("断网", timeout=LINE)
    for width in (390, 800):  # under the longest title the lock stays where a thumb finds it
        await page.set_viewport_size({"width": width, "height": 1000})
        lock = await page.locator("#lock").bounding_box()
        assert lock is not None
        assert lock["x"] + lock["width"] <= width
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
    picture = uploads.noisy_photo()
    files = [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": picture} for n in "ab"]
    await page.click("[data-act=more]")
    async with page.expect_file_chooser() as chosen:
        await page.click("[data-more='tablet.act.album']")
    await page.evaluate(FAILS_ONCE)
    await (await chosen.value).set_files(files)  # type: ignore[arg-type]
    await page.click(".field-form button[type=submit]")
    await expect(page.locator(".field-form .fault")).to_contain_text("no room")
    await page.click(".field-form button[type=submit]")
    await expect(page.locator("#sheet")).not_to_be_visible(timeout=LINE)
    await page.evaluate("location.hash = '#/outbox'")
    await expect(page.locator("li:has-text('现场照片')")).to_have_count(2)
