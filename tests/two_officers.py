"""Two officers on one incident, in two windows, while a county talks into it: edits out of a seed.

Whatever they type must be under their cursor all the while, and in the log to the letter and once.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from playwright.async_api import Browser, Page, expect

from tests import words
from tests.product import FenghuoProcess
from tests.test_screens import opened, sign_in
from tests.waiting import eventually
from tests.words import new_id

HELD = """() => {
  const one = document.activeElement;
  return [one?.id ?? "", one?.value ?? "", one?.selectionStart ?? null];
}"""
#: As a careless swap of the page would do it.
REPLACE = """() => setInterval(() => {
  const field = document.querySelector("#add-text");
  if (field === document.activeElement && field.value) field.replaceWith(field.cloneNode());
}, 100)"""
SYLLABLES = "现场核实伤亡被困疏散消防医院道路供电通信燃气泄漏火势控制增援报告领导专家"
#: A window on a machine that has no time for it is slow, and loses nothing: what it shows is waited for, what
#: stands under the cursor never.
PATIENCE_MS = 60_000
FIGURES = ("dead", "missing", "trapped", "seriously_injured", "lightly_injured", "evacuated")


@dataclass
class Edits:
    """What was done, and what was amiss."""

    said: list[str] = field(default_factory=list)  # texts that are to be in the log
    figures: int = 0
    looks: int = 0  # how often it was looked whether the typed text stands
    reopened: int = 0
    from_outside: int = 0
    wrong: list[str] = field(default_factory=list)


class Officer:
    """Somebody at a window. Types in pieces and looks after each whether it stands."""

    def __init__(self, name: str, page: Page, seed: int, edits: Edits) -> None:
        self.name, self.page, self.edits = name, page, edits
        self._chance = random.Random(f"{seed}/{name}")
        self._count = 0

    async def work(self, until: float) -> None:
        while monotonic() < until:
            try:
                await self._chance.choice((self._note, self._note, self._figure))()
            except AssertionError as amiss:
                self.edits.wrong.append(f"{self.name} cannot go on: {str(amiss)[:400]}")
                return

    def _text(self) -> str:
        self._count += 1
        some = "".join(self._chance.choices(SYLLABLES, k=self._chance.randrange(6, 30)))
        return f"{self.name}{self._count:03}{some}"

    async def _note(self) -> None:
        text = self._text()
        await self._open("n", "#add-text")
        await self._type("add-text", text)
        await self._store("add-entry")
        self.edits.said.append(text)

    async def _figure(self) -> None:
        which = f"facts-facts-{self._chance.choice(FIGURES)}"
        text = self._text()
        await self._open("f", "#facts-facts-dead")
        await self.page.locator(f"#{which}").fill(str(self._chance.randrange(200)))
        await self.page.locator("#facts-explanation").focus()
        await self._type("facts-explanation", text)
        await self._store("establish-facts")
        self.edits.said.append(text)
        self.edits.figures += 1

    async def _open(self, key: str, field_: str) -> None:
        await self.page.evaluate("() => document.activeElement?.blur()")
        await self.page.keyboard.press(key)
        await expect(self.page.locator(field_)).to_be_focused(timeout=PATIENCE_MS)

    async def _type(self, field_: str, text: str) -> None:
        """In pieces; once in a while the form is put away in the middle and taken up again."""
        at = 0
        while at < len(text):
            piece = text[at : at + self._chance.randrange(1, 6)]
            await self.page.keyboard.type(piece, delay=self._chance.choice((0, 0, 30)))
            at += len(piece)
            await self._look(field_, text[:at])
        if self._chance.random() < 0.2:
            await self._put_away_and_back(field_, text)

    async def _put_away_and_back(self, field_: str, text: str) -> None:
        self.edits.reopened += 1
        await self.page.keyboard.press("Escape")
        await expect(self.page.locator(f"#{field_}")).to_be_hidden(timeout=PATIENCE_MS)
        await self.page.evaluate("() => document.activeElement?.blur()")
        await self.page.keyboard.press("n" if field_ == "add-text" else "f")
        await expect(self.page.locator(f"#{field_}")).to_be_visible(timeout=PATIENCE_MS)
        await expect(self.page.locator(f"#{field_}")).to_have_value(text, timeout=PATIENCE_MS)
        await self.page.locator(f"#{field_}").focus()

    async def _look(self, field_: str, text: str) -> None:
        self.edits.looks += 1
        held = await self.page.evaluate(HELD)
        if held != [field_, text, len(text)]:
            raise AssertionError(f"{self.name} typed {text!r} into {field_}, and there is {held}")

    async def _store(self, command: str) -> None:
        await self.page.keyboard.press("Control+Enter")
        await expect(self.page.locator(f"#form-{command}")).to_be_hidden(timeout=PATIENCE_MS)


async def _county(desk: FenghuoProcess, incident: str, seed: int, until: float, edits: Edits) -> None:
    """The county writes all the while: every page has news while somebody types."""
    chance = random.Random(f"{seed}/county")
    while monotonic() < until:
        number = edits.from_outside = edits.from_outside + 1
        name, body = chance.choice(
            (
                ("add-entry", words.add_entry(incident, f"县{number:04}", happened_at=words.just_now())),
                (
                    "establish-facts",
                    words.establish_facts(incident, known_at=words.just_now(), evacuated=number),
                ),
                ("issue-order", words.issue_order(incident, text=f"令{number:04}")),
            )
        )
        answer = await asyncio.to_thread(desk.tell, "Li", name, body)
        if answer.status_code != 200:
            edits.wrong.append(f"the county's {name}: {answer.text}")
        looked = edits.looks + chance.randrange(1, 6)  # so that its news come between two looks
        await eventually(lambda looked=looked: edits.looks >= looked or monotonic() > until, 60)


async def two_officers(
    browser: Browser, desk: FenghuoProcess, *, seconds: float, seed: int, meddle: str = ""
) -> Edits:
    """`meddle`: a script that does harm to the second window, for a control."""
    incident = opened(desk, "Li", title=f"两人同改 {new_id()[:8]}")
    edits, pages = Edits(), []
    for name in ("Wu", "Wang"):
        context = await browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai")
        page = await context.new_page()
        page.on("pageerror", lambda error: edits.wrong.append(f"the page: {error}"))
        await sign_in(page, desk, name, f"/incidents/{incident}")
        pages.append(page)
    if meddle:
        await pages[1].evaluate(meddle)
    until = monotonic() + seconds
    officers = [Officer(name, page, seed, edits) for name, page in zip(("Wu", "Wang"), pages, strict=True)]
    await asyncio.gather(*(one.work(until) for one in officers), _county(desk, incident, seed, until, edits))
    await _judge(desk, incident, pages, edits)
    for page in pages:
        await page.context.close()
    return edits


async def _judge(desk: FenghuoProcess, incident: str, pages: list[Page], edits: Edits) -> None:
    """Each word once in the log, and both windows show what the record has."""
    whole = desk.ask("Wu", f"incidents/{incident}")
    texts = [
        text
        for one in whole["entries"]
        for text in (one["event"].get("text"), one["event"].get("explanation"))
        if text
    ]
    for said in edits.said:
        if (times := texts.count(said)) != 1:
            edits.wrong.append(f"{said!r} is {times} times in the log")
    dead = whole["facts"].get("dead")
    shown = "—" if dead is None else str(dead)
    last = edits.said[-1]
    for page in pages:
        try:
            await eventually(lambda page=page: page.locator(".lines", has_text=last).count(), 60)
            if dead is not None:
                await expect(page.locator(f"#fact-dead-{incident} .value")).to_have_text(
                    shown, timeout=PATIENCE_MS
                )
        except AssertionError as late:
            edits.wrong.append(f"a window does not show what the record has: {late}")


def described(edits: Edits, seconds: float, seed: int) -> str:
    return (
        f"{datetime.now(UTC):%H:%M} seed {seed}, {seconds:.0f} s: {len(edits.said)} texts of two officers "
        f"({edits.figures} with figures, {edits.reopened} put away and taken up again), {edits.from_outside} "
        f"commands from outside, {edits.looks} looks under the cursor: {len(edits.wrong)} wrong"
    )
