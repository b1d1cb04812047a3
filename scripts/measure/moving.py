"""`scripts/bench map`: 500 positions that move five times a second, and how many frames the browser keeps.

The page, the panel and its renderer are the product's own; the positions come in as entries of the stream do.
Frames are those of the page, while the map lies still and while it is dragged without a pause. The browser is
headless and draws without a graphics card.
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
#: Moves everybody a little, by the panel's own door for entries, and counts the frames of the page.
RUN = """async ({ movers, hertz, seconds, isDragged }) => {
  const panel = document.getElementById("map").mapPanel, incident = panel.state.incidents.features[0].id;
  const who = Array.from({ length: movers }, (_, i) => ({
    id: `${incident}:team:mover ${i}`, name: `mover ${i}`,
    lon: 118.6 + Math.random() * 1.2, lat: 39.5 + Math.random(),
  }));
  panel.state.people.features = who.map((one) => ({
    type: "Feature", id: one.id, geometry: { type: "Point", coordinates: [one.lon, one.lat] },
    properties: { person: one.name, unit: "team", at: new Date().toISOString(), incident },
  }));
  panel.fit([118.55, 39.45, 119.85, 40.55]);
  panel.lock();
  panel.show();
  let heard = 0;
  const told = setInterval(() => {
    const at = new Date().toISOString();
    for (const one of who) {
      one.lon += (Math.random() - .5) / 500;
      one.lat += (Math.random() - .5) / 500;
      heard += 1;
      const where = { lon: one.lon, lat: one.lat, at };
      const event = { type: "position_reported", person: one.name, unit: "team", ...where };
      panel.hear({ incident_id: incident, event });
    }
  }, 1000 / hertz);
  // as a hand does: pressed, far to and fro, and never let go
  let at = 0;
  const box = panel.box.getBoundingClientRect();
  const by = (name, target) => target.dispatchEvent(new MouseEvent(name, {
    clientX: box.left + box.width / 2 + 700 * Math.sin(at / 60),
    clientY: box.top + box.height / 2 + 300 * Math.sin(at / 37),
    button: 0, buttons: 1, bubbles: true, cancelable: true,
  }));
  if (isDragged) by("mousedown", panel.box);
  const drag = () => {
    at += 1;
    by("mousemove", document);
  };
  const dragging = isDragged ? setInterval(drag, 16) : null, home = panel.map.getCenter();
  await new Promise((done) => setTimeout(done, 500));
  const begin = performance.now(), painted = panel.top.painted, before = heard, spans = [];
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
  if (isDragged && panel.map.getCenter().equals(home)) throw new Error("the map was not dragged");
  if (isDragged) by("mouseup", document);
  const took = (performance.now() - begin) / 1000;
  spans.sort((a, b) => a - b);
  return {
    fps: spans.length / took, painted: (panel.top.painted - painted) / took, moves: (heard - before) / took,
    p99: spans[Math.floor(spans.length * .99)], shown: panel.signs.things.size,
  };
}"""


COLUMNS = ("window", "map", "movers", "moves_per_s", "frames_per_s", "painted_per_s", "frame_p99_ms")
TITLE = f"The map: positions that move {HERTZ} times a second"
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
            for is_dragged in (False, True):
                asked = {"movers": movers, "hertz": HERTZ, "seconds": seconds, "isDragged": is_dragged}
                found = [await page.evaluate(RUN, asked) for _run in range(runs)]
                middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
                assert middle["shown"] > movers, "the positions are not on the map"
                row = {"window": f"{width}x{height}", "map": "dragged" if is_dragged else "still"}
                rows.append(
                    {
                        **row,
                        "movers": movers,
                        "moves_per_s": round(middle["moves"]),
                        "frames_per_s": round(middle["fps"], 1),
                        "painted_per_s": round(middle["painted"], 1),
                        "frame_p99_ms": round(middle["p99"], 1),
                    }
                )
            await context.close()
        await browser.close()
    return rows
