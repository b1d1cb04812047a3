"""A field tablet in a test: a Chromium of its own whose store outlives it, killed as a battery ends."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from playwright.async_api import BrowserContext, Page, Playwright, Route, expect
from playwright.async_api import Error as PlaywrightError

from tests import words
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.product import PASSWORD, FenghuoProcess
from tests.waiting import eventually

PIN = "4826"
LINE = 30_000  # ms until a line is there again: waits between tries are random


class Door(Protocol):
    """Where the desk is: itself, or a line to it."""

    @property
    def url(self) -> str: ...


#: By the end of an address: what stands in the file there, and what is put in its place.
Altered = Mapping[str, Sequence[tuple[str, str]]]


class Tablet:
    """`async with tablet.on() as page:` switches it on; `battery_ends()` kills it; on again, as it was."""

    def __init__(self, playwright: Playwright, folder: Path, desk: Door) -> None:
        self.playwright, self.folder, self.desk = playwright, folder, desk
        self.context: BrowserContext | None = None

    async def switch_on(
        self,
        *,
        offline: bool = False,
        path: str = "/field",
        altered: Altered | None = None,
        cookies: Sequence[Any] = (),
    ) -> Page:
        self.context = await self.playwright.chromium.launch_persistent_context(
            self.folder, executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS), locale="zh-CN",
            timezone_id="Asia/Shanghai", viewport={"width": 800, "height": 1280},
            service_workers="block" if altered else "allow",
        )  # fmt: skip
        await alter(self.context, altered or {})
        await self.context.add_cookies(list(cookies))
        await self.context.set_offline(offline)
        page = self.context.pages[0] if self.context.pages else await self.context.new_page()
        await page.goto(self.desk.url + path)
        return page

    async def battery_ends(self) -> None:
        """Every process of this Chromium, in the middle of whatever it does."""
        assert self.context is not None
        for pid in self._processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        await eventually(lambda: not self._processes())
        await self._closed()
        for lock in self.folder.glob("Singleton*"):
            lock.unlink()

    async def switch_off(self) -> None:
        if self.context is not None:
            await self._closed()

    async def _closed(self) -> None:
        context, self.context = self.context, None
        assert context is not None
        try:
            await context.close()
        except PlaywrightError:  # it was killed: nothing is left to close
            return

    def _processes(self) -> list[int]:
        mark = f"--user-data-dir={self.folder}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if mark in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found


async def alter(context: BrowserContext, altered: Altered) -> None:
    """Its program with a safety off."""
    for where, changes in altered.items():
        await context.route(f"**/{where}", _altered(changes))


def _altered(changes: Sequence[tuple[str, str]]) -> Callable[[Route], Awaitable[None]]:
    async def answer(route: Route) -> None:
        told = await route.fetch()
        text = await told.text()
        for old, new in changes:
            assert old in text, f"{old!r} is no more in {route.request.url}"
            text = text.replace(old, new)
        await route.fulfill(response=told, body=text)

    return answer


@asynccontextmanager
async def switched_on(playwright: Playwright, folder: Path, desk: Door) -> AsyncIterator[Tablet]:
    tablet = Tablet(playwright, folder, desk)
    try:
        yield tablet
    finally:
        await tablet.switch_off()


def opened(desk: FenghuoProcess, **over: Any) -> str:
    """An incident of a minute ago, as the county's desk opens it."""
    body = words.open_incident(**{"known_at": words.just_now(60), "occurred_at": ..., **over})
    assert desk.tell("Li", "open-incident", body).status_code == 200
    return str(body["incident_id"])


async def sign_in(page: Page, desk: Door, who: str, *, is_kept: bool = True) -> None:
    await page.goto(f"{desk.url}/sign-in?next=/field")
    await page.fill("#name", who)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "/sign-in" not in url)
    await expect(page.locator("#door h1")).to_contain_text(who, timeout=LINE)
    await unlock(page)
    await is_live(page)
    if not is_kept:
        return
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await expect(page.locator("body")).to_have_attribute("data-kept", "yes", timeout=LINE)


async def unlock(page: Page, pin: str = PIN) -> None:
    """At the door: the PIN, or twice a new one where there is none yet."""
    door = page.locator("#door")
    ready = '#door[data-known="yes"]:is([data-mode="enter"], [data-mode="choose"])'  # both at one moment
    await expect(page.locator(ready)).to_be_visible(timeout=LINE)
    await expect(page.locator("#pin")).to_be_visible()
    for again in range(2 if await door.get_attribute("data-mode") == "choose" else 1):
        if again:  # what is typed before the door has turned the page is not the second time
            await expect(door).to_contain_text(re.compile("再输一次|once more|again", re.IGNORECASE))
        await page.fill("#pin", pin)
        await page.click("#door-ok")
    await expect(door).not_to_be_visible(timeout=LINE)


async def is_live(page: Page) -> None:
    await expect(page.locator("#line")).to_have_class("field-line is-live", timeout=LINE)


async def at(page: Page, incident: str) -> None:
    await page.evaluate("where => { location.hash = where; }", f"#/i/{incident}")
    await expect(page.locator(".field-head")).to_be_visible()


async def note(page: Page, text: str) -> None:
    """记一条, by thumb: one touch, the words, one touch."""
    await page.click("[data-act=add-entry]")
    await page.fill("#f-text", text)
    await page.click(".field-form button[type=submit]")
    await expect(page.locator("#sheet")).not_to_be_visible()


def marks(page: Page, text: str) -> str:
    """The selector of the mark of a deed of his own."""
    return f'li.is-own:has-text("{text}") .mark'
