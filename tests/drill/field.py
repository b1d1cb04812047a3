"""Field tablets in a real browser: on bad lines (E08), and for days without any (E09)."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from playwright.async_api import Browser, Page, expect

from schemas.fields import parse_instant
from server.clocks import utc_now
from tests import words
from tests.drill.bad_line import MOUNTAIN, BadLine
from tests.drill.desks import furnished, pause, running
from tests.drill.experiment import Run, experiment
from tests.drill.officers import (
    CODE,
    OPENED_IN_THE_FIELD,
    away_of,
    browser,
    does,
    file_bytes,
    hour_of,
    kept,
    lines_to,
    must_be_there_once,
    opened,
    refused_of,
    tablet_of,
    texts,
    until_all_went,
    went,
    written,
)
from tests.product import FenghuoProcess
from tests.tablet import Altered
from tests.waiting import eventually
from tests.words import new_id

WITHOUT_KEYS: Altered = {
    "field/outbox.js": [
        (
            "body: { ...body, device_sent_at:",
            "body: { ...body, command_id: newId(), ...body.entry_id && { entry_id: newId() }, "
            "device_sent_at:",
        )
    ]
}
HIDES_REFUSALS: Altered = {
    "field/outbox.js": [
        (
            "for (const record of records ?? []) outbox.put(record);",
            "for (const record of records ?? []) outbox.put({ ...record, state: 'away' });",
        )
    ]
}

# ---------------------------------------------------------------- E08


@experiment("E08", "tablets come back over a thin, lossy line that is cut", needs=("chromium",), minutes=15)
def on_bad_lines(run: Run) -> None:
    many = run.scale(20, 1)
    desk = furnished(run.folder / "desk")
    desk.add_people((f"Wei{number}", "field_commander", "130324") for number in range(many))
    lines = lines_to(desk, many + 1, run.seed)
    with running(desk):
        asyncio.run(_on_bad_lines(run, desk, lines))
        run.must("the log is whole", desk.fenghuo("verify").stdout.startswith("ok: "))


async def _on_bad_lines(run: Run, desk: FenghuoProcess, all_lines: list[BadLine]) -> None:
    *lines, last_line = all_lines
    many, deeds, edge = len(lines), run.scale(100, 12), run.scale(1600, 480)
    cuts, cut_s = run.scale(3, 1), run.scale(120, 1)
    incident = opened(desk, "三断返回")
    async with browser() as there, AsyncExitStack() as stack:
        for line in lines:
            stack.enter_context(line)
        pages = [await tablet_of(there, line.url, f"Wei{number}") for number, line in enumerate(lines)]
        sizes = []
        for number, page in enumerate(pages):
            await page.context.set_offline(True)
            said = [f"{number}-{n} 现场情况" for n in range(deeds)]
            sizes += await does(page, incident, marks=said[:-1], photos=[f"照片{number}"], edge=edge)
            await does(page, incident, marks=said[-1:])  # after the photo, and yet before it
        run.progress(f"{many} tablets with {deeds} deeds and {sum(sizes) / len(sizes) / 1e6:.1f} MB each")
        began_with = [file_bytes(line) for line in lines]
        for line in lines:
            line.quality = MOUNTAIN
        await asyncio.gather(*(page.context.set_offline(False) for page in pages))
        for number in range(cuts):
            before = went(desk, incident)
            await eventually(lambda before=before: went(desk, incident) > before, within=300)  # in the middle
            for line in lines:
                line.cut()
            run.faults += len(lines)
            if number == 0:
                desk.kill9()
                run.faults += 1
            await asyncio.to_thread(pause, cut_s)
            if number == 0:
                desk.start()
            for line in lines:
                line.heal()
        healed = time.monotonic()
        await eventually(lambda: texts(desk, incident) >= many * deeds, within=run.scale(300, 120))
        took = time.monotonic() - healed
        boxes = [await until_all_went(page, within=run.scale(900, 120)) for page in pages]
    log = written(desk, incident)
    count = must_be_there_once(run, boxes, log)
    run.must("nothing was refused", not refused_of(boxes), refused_of(boxes)[:3])
    run.must("all of it went", count == many * (deeds + 1), count)
    mine = [{one["command_id"] for one in box} for box in boxes]
    for own in mine:
        kinds = [one["event"]["type"] for one in log if one["command_id"] in own]
        run.must(
            "text before photos", kinds.index("attachment_added") == deeds, kinds.index("attachment_added")
        )
    bytes_ = sum(file_bytes(line) - before for line, before in zip(lines, began_with, strict=True))
    share = bytes_ / sum(sizes)
    run.must("photos cost at most 1.2 times their bytes", share <= 1.2, f"{share:.2f}")
    run.must("the deeds are there within 60 s after the last cut", took <= 60, f"{took:.0f} s")
    doubled = await _sent_without_keys(desk, last_line)
    run.control("deeds under new ids, sent again when an answer is lost, are there twice", doubled)
    run.line(
        f"{many} tablets, 300±100 ms, 5 % loss, 256 kbit/s, {cuts} cuts of {cut_s} s, the server "
        f"killed: {count} "
        f"deeds once, in order; text first; all text {took:.0f} s after the last cut; photos {share:.2f} × "
        f"their bytes; without keys {doubled} twice",
        deeds=count, text_s=round(took, 1), photo_share=round(share, 3),
    )  # fmt: skip


async def _sent_without_keys(desk: FenghuoProcess, last_line: BadLine) -> int:
    """How often something is there twice when the answer to it was lost."""
    incident = opened(desk, "没有号的命令")
    async with browser() as there:
        with last_line as line:
            page = await tablet_of(there, line.url, "Song", WITHOUT_KEYS)
            line.loses_answers = 40  # a browser asks again by itself, on each connection that it has kept
            await does(page, incident, marks=["没有号"])
            await eventually(lambda: texts(desk, incident) > 1, within=90)
            line.loses_answers = 0
            await page.context.close()
    return texts(desk, incident) - 1


# ---------------------------------------------------------------- E09


@experiment("E09", "three days without a line, and everything else went on", needs=("chromium",), minutes=6)
def for_three_days(run: Run) -> None:
    desk = furnished(run.folder / "desk")
    desk.add_person("Fan", "field_commander", "130324")
    with running(desk):
        asyncio.run(_for_three_days(run, desk))
        run.must("the log is whole", desk.fenghuo("verify").stdout.startswith("ok: "))


async def _for_three_days(run: Run, desk: FenghuoProcess) -> None:
    deeds, photos, stretches = run.scale(500, 24), run.scale(20, 1), run.scale(24, 3)
    open_one, merged_one, own = opened(desk, "一直开着"), opened(desk, "期间并案"), new_id()
    async with browser() as there:
        song = await tablet_of(there, desk.url, "Song")
        fan = await tablet_of(there, desk.url, "Fan")
        for page in (song, fan):
            await page.context.set_offline(True)
        run.faults += 2
        began = utc_now() - timedelta(hours=72)
        await song.clock.set_fixed_time(began)
        await does(song, own, opens=OPENED_IN_THE_FIELD)
        for part in range(stretches):
            await song.clock.set_fixed_time(began + timedelta(hours=72) * (part / stretches))
            said = [f"{part}-{n}" for n in range(deeds // stretches)]
            third = len(said) // 3
            await does(song, own, marks=[f"自己 {one}" for one in said[:third]])
            await does(song, open_one, marks=[f"开着 {one}" for one in said[third : 2 * third]])
            await does(song, merged_one, marks=[f"并案 {one}" for one in said[2 * third :]])
            shown = [f"照{part}-{n}" for n in range(photos) if n % stretches == part]
            await does(song, own, photos=shown, edge=run.scale(900, 300))
        await does(fan, open_one, marks=["范一", "范二"])
        before = [await kept(song), await kept(fan)]
        # Meanwhile: more than a stream replays, an incident merged, a right taken away.
        for at_once in (600, 500):
            lines = [words.add_entry(open_one, f"家里 {n}") for n in range(at_once)]
            sent = [{"name": "add-entry", "body": {"command_id": new_id(), **line}} for line in lines]
            assert desk.phone("Li").post("/api/v1/commands", json={"commands": sent}).status_code == 200
        merged = desk.tell("Li", "merge-incident", {"incident_id": merged_one, "into": open_one})
        assert merged.status_code == 200, merged.text
        desk.fenghuo("user", "change", "Fan", "--post", "leadership")
        run.faults += 3
        for page in (song, fan):
            await page.clock.set_fixed_time(utc_now())
            await page.context.set_offline(False)
        boxes = [await until_all_went(page, within=run.scale(300, 90)) for page in (song, fan)]
        log = written(desk, own, open_one, merged_one)
        count = must_be_there_once(run, boxes, [one for one in log if one["by"] in ("Song", "Fan")])
        for was, now in zip(before, boxes, strict=True):
            gone = {one["command_id"] for one in was} - {one["command_id"] for one in now}
            run.must("nothing vanishes from a tablet", not gone, len(gone))
        refused = [one for box in boxes for one in box if one["state"] == "refused"]
        types = {(one["incident_id"], one["reason"]["type"]) for one in refused}
        run.must("only what may not be done is refused", types == {
            (merged_one, "incident-merged"), (open_one, "not-your-post"),
        }, types)  # fmt: skip
        shown = [await _shown_refused(page) for page in (song, fan)]
        run.must("each with its reason on the screen", sum(shown) == len(refused), (shown, len(refused)))
        away = await away_of(song)
        run.must("what changed meanwhile is told", "变化" in away, away)
        head = desk.ask("Li", "log", limit=1)["head"]

        async def stands_there() -> bool:
            return bool((await song.evaluate(f"{CODE}; state"))["after"] == head)

        with suppress(AssertionError):  # said below, with both
            await eventually(stands_there, within=60)
        stands = await song.evaluate(f"{CODE}; state")
        run.must("the tablet stands where the stream does", stands["after"] == head, (stands["after"], head))
        known = parse_instant(desk.ask("Li", f"incidents/{own}")["known_at"])
        off = abs((known - began).total_seconds())
        run.must("it was known when he knew it, though the tablet slept since", off < 120, f"{off:.0f} s")
        hour = hour_of(desk, own)
        run.must("the hour is counted as if the line had been there", hour == (2_400, "pass"), hour)
        hidden = await _hiding_refusals(there, desk, merged_one)
        run.control("a tablet that hides what was refused shows nothing", hidden == 0, hidden)
    run.line(
        f"72 h offline: {len(before[0]) + 2} deeds, {photos} photos; {count} stored once in order "
        f"at their own "
        f"times, {len(refused)} refused, each shown with its reason; 1,100 entries meanwhile: read "
        f"anew; the hour "
        f"{hour[0]} s, {hour[1]}",
        stored=count, refused=len(refused),
    )  # fmt: skip


async def _shown_refused(page: Page) -> int:
    await page.evaluate("location.hash = '#/outbox'")
    await expect(page.locator("h1")).to_contain_text("发件箱")
    return await page.locator(".field-refusal", has_text="原因").count()


async def _hiding_refusals(there: Browser, desk: FenghuoProcess, closed: str) -> int:
    page = await tablet_of(there, desk.url, "Song", HIDES_REFUSALS)
    await does(page, closed, marks=["要被退回的"])
    box = await until_all_went(page, within=30)
    assert len(box) == 1
    return await _shown_refused(page)
