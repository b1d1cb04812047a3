"""A desk that was restored from a backup, and a tablet that still holds what was lost with that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests import uploads, words
from tests.deeds import opened, refused
from tests.product import FenghuoProcess
from tests.room import Room
from tests.tablet import LINE, at, note, sign_in, switched_on
from tests.test_field_offline import notes
from tests.waiting import eventually


def test_a_restored_desk_does_nothing_of_an_outbox_that_knows_another_epoch(one_room: Room) -> None:
    one = opened(one_room)
    epoch = one_room.parts.store.epoch
    body = {"commands": [{"name": "add-entry", "body": words.add_entry(one, "后来记的")}]}
    other = one_room.request("Song", "POST", "commands", json=body, headers={"Fenghuo-Epoch": words.new_id()})
    refused(other, 409, "other-epoch")
    assert other.headers["fenghuo-epoch"] == epoch
    assert one_room.entries(one, "entry_added") == []
    same = one_room.request("Song", "POST", "commands", json=body, headers={"Fenghuo-Epoch": epoch})
    assert same.json()["results"][0]["status"] == 200


async def photo(page: Page, picture: Path) -> None:
    async with page.expect_file_chooser() as chosen:
        await page.click("[data-act=add-attachment]")
    await (await chosen.value).set_files(picture)
    await page.click(".field-form button[type=submit]")
    await expect(page.locator("#sheet")).not_to_be_visible()


@pytest.mark.browser
@pytest.mark.timeout(150)
async def test_what_a_restored_desk_has_lost_comes_again_once_in_order_with_its_times(
    furnish: Callable[[str], FenghuoProcess], tmp_path: Path, browser: object
) -> None:
    desk = furnish("sqlite")
    desk.start()
    again = FenghuoProcess(tmp_path / "restored", tokens=desk.tokens)
    again.port = desk.port
    picture = tmp_path / "现场.jpg"
    picture.write_bytes(uploads.noisy_photo())

    def stored(desk: FenghuoProcess, title: str) -> dict[str, Any] | None:
        found = desk.ask("Li", "incidents", q=title)["incidents"]
        return desk.ask("Li", f"incidents/{found[0]['id']}") if found else None

    def kinds(desk: FenghuoProcess, title: str) -> list[tuple[str, str | None]]:
        found = stored(desk, title)
        told = found["entries"] if found else []
        return [(one["event"]["type"], one["device_at"]) for one in told if one.get("by") == "Song"]

    try:
        async with async_playwright() as playwright, switched_on(playwright, tmp_path / "t", desk) as tablet:
            page = await tablet.switch_on(path="/sign-in")
            await sign_in(page, desk, "Song")
            await asyncio.to_thread(desk.fenghuo, "backup", str(tmp_path / "kept"))
            await page.evaluate("location.hash = '#/'")
            await page.get_by_role("button", name="接报").click()
            await page.fill("#f-title", "备份以后才有的险情")
            await page.click(".field-form button[type=submit]")
            await note(page, "服务器坏掉以前")
            await photo(page, picture)
            before = await eventually(
                lambda: found if len(found := kinds(desk, "备份以后")) == 3 else None, within=60
            )
            await expect(page.locator("#line-word")).to_have_text("实时", timeout=LINE)
            incident = stored(desk, "备份以后")
            assert incident is not None
            desk.kill9()
            await note(page, "服务器坏掉以后")
            again.fenghuo("restore", str(tmp_path / "kept"))
            again.start()
            assert stored(again, "备份以后") is None
            after = await eventually(
                lambda: found if len(found := kinds(again, "备份以后")) == 4 else None, within=60
            )
            assert sorted(after) == sorted([*before, *set(after).difference(before)]), "at their own times"
            assert after[0][0] == "incident_opened"
            texts = [one["text"] for one in notes(again, incident["id"])]
            assert texts == ["服务器坏掉以前", "服务器坏掉以后"]
            assert len(again.ask("Li", f"incidents/{incident['id']}")["attachments"]) == 1
            await at(page, incident["id"])
            await expect(page.locator("#line-word")).to_have_text("实时", timeout=LINE)
            await expect(page.locator(".field-refusal")).to_have_count(0)
        assert again.fenghuo("verify").stdout.startswith("ok: ")
    finally:
        desk.stop()
        again.stop()
