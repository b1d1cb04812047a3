// The map as a picture: what is seen, and below it whose outlines, of when, and whether it was a drill.
import { newId } from "../commands.js";
import { say } from "./load.js";

const frame = () => new Promise((next) => requestAnimationFrame(() => setTimeout(next)));

/** A PNG of what is in the window, by day: paper is white at night, too. */
export async function picture(panel, title) {
  const { dataset } = document.documentElement, { theme } = dataset;
  if (theme === "day") return drawn(panel, title);
  dataset.theme = "day";
  try {
    for (let i = 0; i < 3; i += 1) await frame();
    return await drawn(panel, title);
  } finally {
    dataset.theme = theme;
  }
}

/** Tiles are this server's own, so the canvas stays readable. */
async function drawn(panel, title) {
  const size = panel.map.getSize(), ratio = 2, foot = 46, image = document.createElement("canvas");
  image.width = size.x * ratio;
  image.height = (size.y + foot) * ratio;
  const context = image.getContext("2d"), box = panel.box.getBoundingClientRect();
  context.scale(ratio, ratio);
  context.fillStyle = panel.colours.panel;
  context.fillRect(0, 0, size.x, size.y + foot);
  for (const tile of panel.box.querySelectorAll(".leaflet-tile-loaded")) {
    const at = tile.getBoundingClientRect();
    context.drawImage(tile, at.x - box.x, at.y - box.y, at.width, at.height);
  }
  panel.grid.paintOn(context, size);
  const flat = panel.box.querySelector(".leaflet-overlay-pane canvas.leaflet-zoom-animated, .leaflet-overlay-pane canvas");
  if (flat) {
    const at = flat.getBoundingClientRect();
    context.drawImage(flat, at.x - box.x, at.y - box.y, at.width, at.height);
  }
  panel.top.paintOn(context, size);
  context.fillStyle = panel.colours.raised;
  context.fillRect(0, size.y, size.x, foot);
  context.fillStyle = panel.colours.ink;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.font = `bold 15px ${panel.colours.font}`;
  context.fillText(title, 10, size.y + 14, size.x - 20);
  context.font = `12px ${panel.colours.font}`;
  context.fillText(panel.foot.textContent, 10, size.y + 34, size.x - 20);
  return new Promise((done) => image.toBlob(done, "image/png"));
}

/** Onto the incident, as a photo would be; answers what to say. */
export async function attach(blob, incident, name) {
  const query = new URLSearchParams({ command_id: newId(), file_name: name });
  try {
    const answer = await fetch(`/api/v1/incidents/${incident}/attachments/${newId()}?${query}`, { method: "PUT", body: blob, signal: AbortSignal.timeout(60_000) });
    if (answer.ok) return say("map.attached");
    const said = await answer.json().catch(() => ({}));
    return said.detail ?? String(answer.status);
  } catch {
    return say("map.not_now");
  }
}
