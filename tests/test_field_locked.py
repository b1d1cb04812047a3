"""The lock of a tablet: what lies on it is sealed, what is shown goes, and nothing is lost by either."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Page, expect

from tests import words
from tests.product import FenghuoProcess
from tests.tablet import LINE, PIN, at, is_live, marks, note, opened, sign_in, unlock
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

#: All that IndexedDB and the page's own storage hold, as text.
ALL_KEPT = """async () => {
  const told = [], text = (bytes) => new TextDecoder("utf-8").decode(bytes);
  const look = (value) => {
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) told.push(text(value));
    else if (value instanceof Blob) throw new Error("a file lies open");
    else if (value instanceof CryptoKey) return;
    else if (value && typeof value === "object") Object.values(value).forEach(look);
    else told.push(String(value));
  };
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((done) => {
      const asked = indexedDB.open(name);
      asked.onsuccess = () => done(asked.result);
    });
    for (const store of database.objectStoreNames) {
      look(await new Promise((done) => {
        const asked = database.transaction(store).objectStore(store).getAll();
        asked.onsuccess = () => done(asked.result);
      }));
    }
    database.close();
  }
  return told.join("\\n") + JSON.stringify(localStorage);
}"""


@pytest.fixture(scope="module")
def desk(furnish: Callable[..., FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


def notes(desk: FenghuoProcess, incident: str) -> list[str]:
    entries = desk.ask("Li", f"incidents/{incident}")["entries"]
    return [one["event"]["text"] for one in entries if one["event"]["type"] == "entry_added"]


async def test_a_locked_tablet_shows_and_keeps_nothing_readable_and_loses_nothing(
    page: Page, desk: FenghuoProcess
) -> None:
    incident = opened(desk, title="玄武岩隧道")
    await page.clock.install()
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await page.context.set_offline(True)
    await note(page, "朱砂色的烟")
    await page.click("[data-act=add-entry]")
    await page.fill("#f-text", "写到一半的琥珀")
    kept = await page.evaluate(ALL_KEPT)
    assert "Song" in kept, "or nothing was looked at: the names are for the door"
    for said in ("玄武岩", "朱砂", "琥珀"):
        assert said not in kept, said

    await page.clock.fast_forward("05:01")  # nobody touches it
    door = page.locator("#door")
    await expect(door).to_be_visible()
    await expect(door).to_contain_text("1 条待发送")
    assert "玄武岩" not in await page.locator("body > :not(#sheet)").evaluate_all(
        "all => all.map((one) => one.innerText).join()"
    )
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(door).to_be_visible()
    order = words.issue_order(incident, "Song", text="立即撤到石英坡")
    await page.context.set_offline(False)
    await eventually(lambda: notes(desk, incident) == ["朱砂色的烟"], within=30)  # locked, and it went out
    assert desk.tell("Li", "issue-order", order).status_code == 200
    await expect(page.locator("#door-orders")).to_have_text("1 条指令待收到", timeout=LINE)
    await expect(page.locator("body")).to_have_attribute("data-rung", "1")
    assert "石英" not in await page.locator("body").inner_text()

    await page.fill("#pin", "0000")
    await page.click("#door-ok")
    await expect(door).to_contain_text("还可以试 4 次")
    await page.fill("#pin", "")
    for digit in PIN:  # by thumb
        await page.click(f"[data-digit='{digit}']")
    await page.click("#door-ok")
    await expect(door).not_to_be_visible()
    await expect(page.locator("#f-text")).to_have_value("写到一半的琥珀")
    await page.click(".field-form button[type=submit]")
    await eventually(lambda: notes(desk, incident) == ["朱砂色的烟", "写到一半的琥珀"], within=30)
    await is_live(page)
    await expect(page.locator(".field-order.is-waiting")).to_contain_text("石英坡", timeout=LINE)
    await page.click("#lock")
    await expect(door).to_contain_text("已锁上")
    assert "石英" not in await page.content()


async def test_five_wrong_pins_end_the_session_and_a_new_sign_in_opens_what_was_kept(
    page: Page, desk: FenghuoProcess
) -> None:
    incident = opened(desk)
    await page.clock.install()
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await page.context.set_offline(True)
    await note(page, "锁死之前记下")
    await page.reload()
    door, ok = page.locator("#door"), page.locator("#door-ok")
    for wrong in range(5):
        await page.clock.fast_forward("01:01")
        await expect(ok).to_be_enabled()
        await page.fill("#pin", f"000{wrong}")
        await ok.click()
        if wrong < 4:
            await expect(door).to_contain_text(f"还可以试 {4 - wrong} 次")
        if wrong == 2:
            await expect(ok).to_be_disabled()
            await expect(door).to_contain_text("秒再试")
    await expect(door).to_have_attribute("data-mode", "spent")
    await expect(door).to_contain_text("1 条没有发出，都还在")
    await page.context.set_offline(False)
    await page.clock.fast_forward("00:16")
    await page.get_by_role("link", name="登录").click(timeout=LINE)
    assert (await page.request.get(f"{desk.url}/api/v1/me")).status == 401, "the session ended with it"
    await sign_in(page, desk, "Song")
    await eventually(lambda: notes(desk, incident) == ["锁死之前记下"], within=30)
    await at(page, incident)
    await expect(page.locator(".field-log")).to_contain_text("锁死之前记下")


async def test_without_a_line_a_cold_start_asks_the_pin_and_another_persons_stays_shut(
    page: Page, desk: FenghuoProcess
) -> None:
    incident = opened(desk)
    await sign_in(page, desk, "Song")
    await at(page, incident)
    await page.context.set_offline(True)
    await note(page, "宋的一条")
    await page.context.clear_cookies()
    await page.context.set_offline(False)
    await sign_in(page, desk, "Li")
    await expect(page.locator("#notices")).to_contain_text("另有 1 条是 Song 记下的", timeout=LINE)
    await page.context.set_offline(True)
    await page.reload()
    door = page.locator("#door")
    await expect(door.locator("h1")).to_contain_text("Li")
    other = door.locator("button[data-person]")
    await expect(other).to_have_text("Song · 1 条待发送")
    await other.click()
    await expect(door.locator("h1")).to_contain_text("Song")
    await unlock(page)
    await expect(page.locator(marks(page, "宋的一条"))).to_have_text("待发送")
    # The line is back, and with it Li's session: Song's store is shut, nothing of it goes out as Li's.
    await page.context.set_offline(False)
    await expect(door).to_be_visible(timeout=LINE)
    await expect(door.locator("h1")).to_contain_text("Li", timeout=LINE)
    assert notes(desk, incident) == []


#: A store as tablets had it before the lock, with a note that waits, and one of somebody else's.
BEFORE_THE_LOCK = """async ({ incident, mine, others }) => {
  const database = await new Promise((done) => {
    const asked = indexedDB.open("fenghuo-field", 1);
    asked.onupgradeneeded = () => {
      const make = (name, keyPath) => asked.result.createObjectStore(name, { keyPath });
      make("meta"); make("drafts"); make("incidents", "id");
      make("outbox", "command_id"); make("files", "attachment_id");
    };
    asked.onsuccess = () => done(asked.result);
  });
  const transaction = database.transaction(["outbox", "incidents"], "readwrite");
  const deed = (person, text, seq) => {
    const command_id = crypto.randomUUID(), at = new Date(Date.now() - 60_000).toISOString();
    const body = {
      command_id, device_at: at, incident_id: incident, entry_id: crypto.randomUUID(), kind: "note", text,
      happened_at: at,
    };
    transaction.objectStore("outbox").add({
      command_id, person, person_name: "x", name: "add-entry", incident_id: incident, state: "waiting",
      device_at: at, lane: "text", seq, order: seq, body,
    });
  };
  deed(mine, "更新前记的一", 1); deed(others, "别人的", 2); deed(mine, "更新前记的二", 3);
  transaction.objectStore("incidents").add({ id: incident, title: "明文" });
  await new Promise((done) => { transaction.oncomplete = done; });
  database.close();
}"""


async def test_what_waited_on_a_tablet_of_before_the_lock_goes_out_first_and_lies_open_no_more(
    page: Page, desk: FenghuoProcess
) -> None:
    incident = opened(desk)
    ids = {who: desk.ask(who, "me")["person_id"] for who in ("Song", "Li")}
    await page.goto(f"{desk.url}/sign-in")
    about = {"incident": incident, "mine": ids["Song"], "others": ids["Li"]}
    await page.evaluate(BEFORE_THE_LOCK, about)
    await sign_in(page, desk, "Song")
    await eventually(lambda: notes(desk, incident) == ["更新前记的一", "更新前记的二"], within=30)
    kept = await page.evaluate(ALL_KEPT)
    assert "别人的" in kept, "it waits for whose it is"
    assert "更新前" not in kept
    assert "明文" not in kept
    await at(page, incident)
    await note(page, "更新后的")
    await eventually(lambda: notes(desk, incident)[2:] == ["更新后的"], within=30)
