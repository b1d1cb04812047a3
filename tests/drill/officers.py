"""What officers do on tablets in experiments: by the tablet's own code, many deeds at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from playwright.async_api import Browser, Page, async_playwright, expect

from schemas.fields import parse_instant, wire_instant
from tests import words
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.drill.bad_line import BadLine
from tests.drill.experiment import Run
from tests.product import FenghuoProcess
from tests.tablet import Altered, alter, sign_in, unlock
from tests.waiting import eventually

CODE = Path(__file__).with_name("officers.js").read_text(encoding="utf-8")
Kept = dict[str, Any]


async def does(page: Page, incident: str, **deeds: Any) -> list[int]:
    """`marks`: notes; `photos`: pictures of noise, `edge` wide; `heads`: counts; `opens`: the incident.
    Everything is on the tablet's disk afterwards. Answers the sizes of the photos."""
    sizes: list[int] = await page.evaluate(f"{CODE}; doIt", {"incident": incident, **deeds})
    return sizes


async def kept(page: Page) -> list[Kept]:
    """The outbox as it lies on the tablet's disk, in the order of his deeds; one that has locked itself
    meanwhile is opened to look."""
    if await page.locator("#door[open]").count():
        await unlock(page)
    found: list[Kept] = await page.evaluate(f"{CODE}; kept")
    return found


async def until_all_went(page: Page, within: float) -> list[Kept]:
    """Until nothing waits any more."""

    async def are_none_left() -> bool:
        return not any(one["state"] == "waiting" for one in await kept(page))

    await eventually(are_none_left, within=within)
    return await kept(page)


def written(desk: FenghuoProcess, *incidents: str) -> list[dict[str, Any]]:
    """What came of commands on these incidents, in the order of the log."""
    entries = [one for incident in incidents for one in desk.ask("Li", f"incidents/{incident}")["entries"]]
    ordered = sorted((one for one in entries if one.get("command_id")), key=lambda one: int(one["offset"]))
    return ordered


def must_be_there_once(run: Run, boxes: Sequence[Sequence[Kept]], log: Sequence[dict[str, Any]]) -> int:
    """Every deed that a tablet calls stored is in the log once, in the tablet's order, with its own time."""
    by_command: dict[str, list[dict[str, Any]]] = {}
    for entry in log:
        by_command.setdefault(entry["command_id"], []).append(entry)
    count = 0
    for box in boxes:
        stored = [one for one in box if one["state"] == "stored"]
        count += len(stored)
        missing = [one["text"] for one in stored if one["command_id"] not in by_command]
        run.must("what a tablet calls stored is in the log", not missing, missing[:5])
        there = [one for one in stored if one["command_id"] in by_command]
        wrong = [
            one for one in there if by_command[one["command_id"]][0]["device_at"] != same(one["device_at"])
        ]
        run.must("with the time at which it was done", not wrong, wrong[:2])
        for lane in ("text", "file"):
            places = [by_command[one["command_id"]][0]["offset"] for one in there if one["lane"] == lane]
            run.must(f"in the order of his deeds ({lane})", places == sorted(places), places[:20])
    texts = [one["event"]["text"] for one in log if one["event"]["type"] == "entry_added"]
    run.must("nothing is there twice", len(texts) == len(set(texts)), len(texts) - len(set(texts)))
    return count


def same(instant: str) -> str:
    """As the server writes it."""
    return instant if instant.endswith("Z") else instant.replace("+00:00", "Z")


OPENED_IN_THE_FIELD = {
    "title": "断网接报", "category": "work_safety", "known_by": "130324", "drill": False,
    "place": {"division": "130324", "text": "石门镇"}, "source": {"channel": "phone"}, "facts": {"dead": 11},
}  # fmt: skip


@dataclass(frozen=True)
class Door:
    """Where a tablet finds the desk."""

    url: str


def opened(desk: FenghuoProcess, title: str) -> str:
    body = words.open_incident(title=title, known_at=words.just_now(60), occurred_at=...)
    assert desk.tell("Li", "open-incident", body).status_code == 200
    return str(body["incident_id"])


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        try:
            yield found
        finally:
            await found.close()


async def tablet_of(there: Browser, url: str, who: str, altered: Altered | None = None) -> Page:
    """A tablet of somebody's, signed in; its files are all there unless its program is altered."""
    context = await there.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 800, "height": 1280},
        service_workers="block" if altered else "allow",
    )  # fmt: skip
    await alter(context, altered or {})
    page = await context.new_page()
    await sign_in(page, Door(url), who, is_kept=not altered)
    return page


def lines_to(desk: FenghuoProcess, many: int, seed: int) -> list[BadLine]:
    """Lines to a desk that is not yet started, whose addresses it will know as its own."""
    lines = [BadLine(desk.port, seed + number) for number in range(many)]
    desk.arguments += ("--origin", ",".join((desk.url, *(line.url for line in lines))))
    return lines


def file_bytes(line: BadLine) -> int:
    """Bytes of photos that went up."""
    return line.sent_up["PATCH /api/v1/uploads"]


def entries(desk: FenghuoProcess, incident: str) -> list[dict[str, Any]]:
    try:
        answer = desk.phone("Li").get(f"/api/v1/incidents/{incident}")
    except httpx2.TransportError:  # it is dead just now
        return []
    return list(answer.json()["entries"]) if answer.status_code == 200 else []


def texts(desk: FenghuoProcess, incident: str) -> int:
    return sum(one["event"]["type"] == "entry_added" for one in entries(desk, incident))


def went(desk: FenghuoProcess, incident: str) -> int:
    return len(entries(desk, incident))


def refused_of(boxes: Sequence[Sequence[Kept]]) -> list[Any]:
    return [one["reason"] for box in boxes for one in box if one["state"] == "refused"]


async def away_of(page: Page) -> str:
    await page.evaluate("location.hash = '#/'")
    await expect(page.locator(".field-away")).to_be_visible(timeout=30_000)
    return await page.locator(".field-away").inner_text()


def hour_of(desk: FenghuoProcess, incident: str) -> tuple[int, str]:
    """The desk writes down the report that was sent forty minutes after the field knew."""
    known = parse_instant(desk.ask("Li", f"incidents/{incident}")["known_at"])
    sent = wire_instant(known + timedelta(minutes=40))
    for channel in ("phone", "written"):
        told = words.record_report(incident, channel=channel, sent_at=sent)
        assert desk.tell("Li", "record-report", told).status_code == 200
        receipt = words.record_receipt(incident, told["report_id"], received_at=sent)
        assert desk.tell("Li", "record-receipt", receipt).status_code == 200
    hour = desk.ask("Li", f"incidents/{incident}")["one_hour"]
    return hour["elapsed_s"], hour["result"]
