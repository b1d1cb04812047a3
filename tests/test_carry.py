"""In a real Chromium: a tablet's key and lock, a bundle as a file and as codes, and forgetting all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests import words
from tests.product import PASSWORD, FenghuoProcess
from tests.waiting import eventually

HELPERS = """
import { isFit, Lock, MOST_WRONG, people } from "/static/field_lock.js";
import { forgetEverything, isToForget, closedToForget } from "/static/field_wipe.js";
import { bundleOf, enrol, freshTablet, openTablet } from "/static/carry_bundle.js";
import { framesOf, Gatherer, readFrame } from "/static/carry_frames.js";
import { openCodes, paintCode } from "/static/carry_codes.js";
Object.assign(globalThis, { isFit, Lock, MOST_WRONG, people, forgetEverything, isToForget, closedToForget,
  bundleOf, enrol, freshTablet, openTablet, framesOf, Gatherer, readFrame, openCodes, paintCode });
"""


@pytest.fixture(scope="module")
def city(furnish: Callable[[str], FenghuoProcess]) -> Iterator[FenghuoProcess]:
    desk = furnish("sqlite")
    desk.start()
    yield desk
    desk.stop()


@pytest.fixture
async def tablet(browser: Browser, city: FenghuoProcess) -> AsyncIterator[Page]:
    """Song's tablet, signed in, with the modules at hand."""
    context = await browser.new_context(locale="zh-CN", bypass_csp=True)
    page = await context.new_page()
    await page.goto(f"{city.url}/sign-in")
    await page.fill("#name", "Song")
    await page.fill("#password", PASSWORD)
    await page.click("main button[type=submit]")
    await page.goto(f"{city.url}/carry")
    await page.add_script_tag(content=HELPERS, type="module")
    await page.wait_for_selector("#carry")
    await page.evaluate(
        "async () => { while (!globalThis.openCodes) await new Promise(requestAnimationFrame); }"
    )
    yield page
    await context.close()


async def test_a_lock_opens_by_its_pin_alone_ever_more_slowly_and_five_wrong_ones_spend_it(
    tablet: Page,
) -> None:
    found = await tablet.evaluate("""async () => {
        let now = 1e12;
        const lockOf = (who) => new Lock(who, () => now), said = [];
        const lock = lockOf("song"), opened = async () => (await lock.open(sealed)).text;
        await lock.create("4826");
        const sealed = await lock.seal({ text: "三人被困" });
        said.push(JSON.stringify([...new Uint8Array(sealed.data)]).includes("text"));
        lock.lock();
        said.push(await lock.open(sealed).catch(() => "locked"));
        said.push(await lock.unlock("2581"), await lock.unlock("4826"), await opened());
        const bent = new Uint8Array(sealed.data.slice(0)); bent[3] ^= 1;
        said.push(await lock.open({ iv: sealed.iv, data: bent }).catch(() => "changed"));
        const other = lockOf("gao"); await other.create("4826");
        said.push(await other.open(sealed).catch(() => "another's"));
        await lock.came({ person_id: "song", name: "宋涛" });
        said.push(await lockOf("song").create("5937").catch(() => "another window's"));
        said.push(await lock.change("0000", "7391"), await lock.change("4826", "7391"), await opened());
        said.push((await people()).map((one) => one.name));
        said.push(["4826", "1111", "1234", "48264826"].map((pin) => [isFit(pin), isFit(pin, 8)]));
        lock.lock();
        const windows = [lockOf("gao"), lockOf("gao"), lockOf("gao")];
        said.push((await Promise.all(windows.map((one, at) => one.unlock(`111${at}`)))).sort());
        said.push((await other.standing()).left);
        const tries = [await lockOf("song").unlock("4826")], waits = [];
        while (tries.at(-1) !== "spent") {
            const { wait } = await lockOf("song").standing();
            if (wait) tries.push(await lockOf("song").unlock("7391"));  // too soon: not looked at
            waits.push(wait);
            now += wait;
            tries.push(await lockOf("song").unlock("0000"));
        }
        said.push(tries, waits, await lockOf("song").unlock("7391"), await lockOf("song").allowAgain());
        await lock.wasSignedOut();
        said.push(await lockOf("song").allowAgain(), await lock.unlock("7391"), await opened());
        return said;
    }""")
    assert found == [
        False, "locked", "wrong", "open", "三人被困", "changed", "another's", "another window's",
        "wrong", "open", "三人被困", ["宋涛"],
        [[True, False], [False, False], [False, False], [True, True]],
        ["wait", "wrong", "wrong"], 3,
        ["wrong", "wrong", "wait", "wrong", "wait", "wrong", "wait", "spent"], [0, 5_000, 15_000, 60_000],
        "spent", False, True, "open", "三人被困",
    ]  # fmt: skip


async def signed_bundle(tablet: Page, *commands: tuple[str, words.Body]) -> str:
    """A bundle of this tablet, which makes itself known first."""
    text: str = await tablet.evaluate(
        """async (commands) => {
            const me = (await fetch("/api/v1/field").then((answer) => answer.json())).person;
            const mine = await freshTablet(me.person_id);
            if (await enrol(mine, "前指平板") !== 200) throw new Error("not known");
            const items = commands.map(([name, body]) => ({ name, body }));
            return bundleOf(await openTablet(mine), me.name, items);
        }""",
        [list(one) for one in commands],
    )
    return text


async def test_a_bundle_that_chromium_signed_is_taken_over_by_one_key_once(
    tablet: Page, city: FenghuoProcess, tmp_path: Path
) -> None:
    incident = words.open_incident()
    city.tell("Wu", "open-incident", incident)
    entry = words.add_entry(incident["incident_id"], "桥面塌陷") | {"device_sent_at": words.just_now()}
    text = await signed_bundle(tablet, ("add-entry", entry))
    file = tmp_path / "outbox.fenghuo"
    file.write_text(text, encoding="utf-8")
    await tablet.set_input_files("#carry-file", file)
    await expect(tablet.locator("#carry-list li")).to_contain_text("记一条 · 桥面塌陷")
    await expect(tablet.locator("#carry-said")).to_contain_text("前指平板")
    await expect(tablet.locator("#carry-take")).to_be_focused()
    await tablet.keyboard.press("Enter")
    await expect(tablet.locator("#carry-said")).to_have_text("1 条已收下。")
    whole = city.ask("Wu", f"incidents/{incident['incident_id']}")["entries"]
    [written] = [one for one in whole if one["event"]["type"] == "entry_added"]
    assert (written["by"], written["via"]["way"]) == ("Song", "bundle")
    del entry["device_sent_at"]
    assert city.tell("Song", "add-entry", entry).json()["replayed"] is True
    await tablet.set_input_files("#carry-file", {"name": "b", "mimeType": "", "buffer": file.read_bytes()})
    await expect(tablet.locator("#carry-said")).to_contain_text("都已在库")
    bent = text.replace("塌陷", "完好")
    await tablet.set_input_files("#carry-file", {"name": "c", "mimeType": "", "buffer": bent.encode()})
    await expect(tablet.locator("#carry-said")).to_contain_text("被改动")
    await expect(tablet.locator("#carry-take")).to_be_hidden()


async def test_codes_go_from_screen_to_camera_in_any_order_and_a_wrong_character_is_caught(
    tablet: Page,
) -> None:
    found = await tablet.evaluate("""async () => {
        let text = "";
        for (let one = 0; one < 40; one++) text += `{"n":${one},"t":"${crypto.randomUUID()}三断"}\n`;
        const frames = await framesOf(new TextEncoder().encode(text));
        const read = await openCodes(), canvas = document.createElement("canvas"), gathered = new Gatherer();
        canvas.width = canvas.height = 640;
        const said = [], lost = frames.length - 2;
        for (const place of frames.keys()) {
            const shown = (place * 3 + 1) % frames.length;
            if (frames.length % 3 === 0 || shown === lost) continue;
            paintCode(canvas, frames[shown]);
            const seen = await read(canvas);
            if (seen !== frames[shown]) said.push(`misread ${shown}`);
            gathered.add(seen);
        }
        const before = [gathered.isWhole, gathered.missing.length];
        for (const frame of frames) gathered.add(frame);
        const wrong = [...frames[0]].map((one, place) => {
            const bent = frames[0].slice(0, place) + (one === "7" ? "8" : "7") + frames[0].slice(place + 1);
            return readFrame(bent) === null;
        });
        const other = (await framesOf(new TextEncoder().encode("x")))[0];
        return {
            count: frames.length, said, before, whole: gathered.isWhole,
            same: new TextDecoder().decode(await gathered.bytes()) === text,
            caught: wrong.every(Boolean), again: gathered.add(frames[0]), other: gathered.add(other),
        };
    }""")
    assert found["count"] > 3
    assert found["count"] % 3, "else not every code is shown: change the text"
    assert found["said"] == []
    assert found["before"] == [False, 1], "a lost one is missed"
    assert (found["whole"], found["same"], found["caught"]) == (True, True, True)
    assert (found["again"], found["other"]) == ("again", "other")


async def test_a_revoked_tablet_learns_so_and_forgets_everything(tablet: Page, city: FenghuoProcess) -> None:
    from server.clocks import utc_now
    from server.migrations import open_database
    from server.people.devices import Devices
    from server.settings import Settings

    incident = words.open_incident()
    await signed_bundle(tablet, ("add-entry", words.add_entry(incident["incident_id"], "遗失前")))
    assert await tablet.evaluate("fetch('/api/v1/me').then(isToForget)") is False
    await tablet.evaluate("localStorage.setItem('x', 'y'), caches.open('fenghuo').then(() => 0)")
    database = open_database(Settings(data=city.folder))
    try:
        devices = Devices(database, utc_now)
        mine = next(one for one in devices.all() if one.revoked_at is None)
        assert devices.revoke(mine.id, "Wang")
    finally:
        database.close()
    await eventually(lambda: tablet.evaluate("fetch('/api/v1/me').then(isToForget)"))
    left = await tablet.evaluate("""async () => [
        await forgetEverything(), (await indexedDB.databases()).length, (await caches.keys()).length,
        localStorage.length, closedToForget({ code: 4001, reason: "device-revoked" }),
        closedToForget({ code: 4001, reason: "session ended" }),
    ]""")
    assert left == [[], 0, 0, 0, True, False]
