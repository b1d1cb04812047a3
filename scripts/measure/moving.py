"""`scripts/bench map`: 500 positions that move five times a second, and how many frames are painted.

The page, the panel and its renderer are the product's own; the positions come in as entries of the stream do.
A frame is one that was painted on the map's canvas; the browser is headless and draws without a graphics card.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.async_api import ViewportSize, async_playwright

from tests import words
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.product import FenghuoProcess

MOVERS, HERTZ = 500, 5
#: Moves everybody a little, by the panel's own door for entries, and counts what is painted and how long it took.
RUN = """async ({ movers, hertz, seconds }) => {
  const panel = document.getElementById("map").mapPanel, incident = panel.state.incidents.features[0].id;
  const who = Array.from({ length: movers }, (_, i) => ({ id: `${incident}:team:mover ${i}`, name: `mover ${i}`,
    lon: 118.6 + Math.random() * 1.2, lat: 39.5 + Math.random() }));
  const put = (one) => ({ type: "Feature", id: one.id, geometry: { type: "Point", coordinates: [one.lon, one.lat] },
    properties: { person: one.name, unit: "team", at: new Date().toISOString(), incident } });
  panel.state.people.features = who.map(put);
  panel.fit([118.55, 39.45, 119.85, 40.55]);
  panel.lock();
  panel.show();
  const told = setInterval(() => {
    const at = new Date().toISOString();
    for (const one of who) {
      one.lon += (Math.random() - .5) / 500;
      one.lat += (Math.random() - .5) / 500;
      panel.hear({ incident_id: incident, event: { type: "position_reported", person: one.name, unit: "team", at, lon: one.lon, lat: one.lat } });
    }
  }, 1000 / hertz);
  const spans = [], longest = [], dragging = setInterval(() => panel.map.panBy([3, 0], { animate: false }), 16);
  await new Promise((done) => setTimeout(done, 500));
  const begin = performance.now(), painted = panel.top.painted;
  let last = begin;
  await new Promise((done) => {
    const next = (at) => {
      spans.push(at - last);
      last = at;
      if (at - begin < seconds * 1000) requestAnimationFrame(next);
      else done();
    };
    requestAnimationFrame(next);
  });
  clearInterval(told);
  clearInterval(dragging);
  spans.sort((a, b) => a - b);
  return { fps: (panel.top.painted - painted) / ((performance.now() - begin) / 1000), frames: spans.length,
    p99: spans[Math.floor(spans.length * .99)], shown: panel.signs.things.size,
    heap: performance.memory?.usedJSHeapSize ?? 0 };
}"""


COLUMNS = ("window", "movers", "painted_per_s", "frame_p99_ms", "heap_mb")
TITLE = f"The map: positions that move {HERTZ} times a second while it is dragged"
WINDOWS = ((1920, 1080), (3840, 2160))


def measure(
    folder: Path, movers: int, runs: int, seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Medians of some runs for a desk's window and a wall's."""
    desk = FenghuoProcess(folder / "map")
    desk.add_people([("Wu", "duty_officer", "130300")])
    desk.start()
    try:
        now, place = words.just_now(60), {"division": "130324", "lon": 118.87, "lat": 39.89}
        said = words.open_incident(place=place, known_at=now, occurred_at=now)
        assert desk.tell("Wu", "open-incident", said).status_code == 200
        return {"map": asyncio.run(_in_a_browser(desk, movers, runs, seconds, say))}
    finally:
        desk.stop()


async def _in_a_browser(
    desk: FenghuoProcess, movers: int, runs: int, seconds: float, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    rows = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        for width, height in WINDOWS:
            say(f"bench: {movers} positions on a map of {width}x{height}")
            size = ViewportSize(width=width, height=height)
            context = await browser.new_context(viewport=size, service_workers="block")
            await context.set_extra_http_headers({"Authorization": f"Bearer {desk.tokens['Wu']}"})
            page = await context.new_page()
            await page.goto(f"{desk.url}/map")
            await page.wait_for_selector("#map .map-foot:not(:empty)")
            asked = {"movers": movers, "hertz": HERTZ, "seconds": seconds}
            found = [await page.evaluate(RUN, asked) for _run in range(runs)]
            middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
            assert middle["shown"] > movers, "the positions are not on the map"
            rows.append(
                {
                    "window": f"{width}x{height}",
                    "movers": movers,
                    "painted_per_s": round(middle["fps"], 1),
                    "frame_p99_ms": round(middle["p99"], 1),
                    "heap_mb": round(middle["heap"] / 1e6, 1),
                }
            )
            await context.close()
        await browser.close()
    return rows
