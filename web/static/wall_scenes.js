// Arranging the walls of one's unit: what is typed stays until it is stored; what stands now is turned at once.
import { runClocks } from "./clock.js";
import { newId } from "./commands.js";
import { act, Duty } from "./duty.js";
import { Live } from "./live.js";
import { fetchHtml, morph, soon } from "./swap.js";

/** What the page says may be another one after: scenes, the open incidents, what comes to the front. */
const CHANGES = /^(wall_\w+|incident_(opened|closed|reopened|merged)|level_\w+|\w+_overdue)$/;
const unit = document.body.dataset.unit;
const form = document.getElementById("scenes"), rows = document.getElementById("scene-rows");
const live = new Live(null);
new Duty(live);
runClocks();

const scenes = () => [...rows.children].map((row) => {
  const field = (name) => row.querySelector(`[name="${name}"]`).value;
  const side = [...row.querySelectorAll('[name="side"]')].map(({ value }) => value).filter(Boolean);
  return {
    scene_id: row.dataset.scene, title: field("title").trim(), main: field("main"), side,
    incident_id: field("incident_id") || null, seconds: Number(field("seconds")),
  };
});

function add({ main, side, title }) {
  const row = document.getElementById("scene-row").content.firstElementChild.cloneNode(true);
  row.dataset.scene = newId();
  row.querySelector('[name="title"]').value = title;
  row.querySelector('[name="main"]').value = main;
  row.querySelectorAll('[name="side"]').forEach((select, at) => { select.value = side.split(" ")[at] ?? ""; });
  rows.append(row);
  row.querySelector('[name="title"]').focus();
}

let stored = JSON.stringify(scenes());
const isChanged = () => JSON.stringify(scenes()) !== stored;

async function store(wanted, button) {
  if (!await act("arrange-wall", { unit, scenes: wanted }, button)) return;
  stored = JSON.stringify(scenes());
  look();
}

/** What stands now; the rows only while nobody has touched them. */
const look = soon(async () => {
  const html = await fetchHtml("/wall/scenes");
  if (html === null) return;
  const fresh = new DOMParser().parseFromString(html, "text/html");
  await morph(document.getElementById("scenes-now"), fresh.getElementById("scenes-now").outerHTML);
  if (isChanged() || form.contains(document.activeElement) && document.activeElement.matches("input, select")) return;
  rows.replaceChildren(...fresh.getElementById("scene-rows").children);
  stored = JSON.stringify(scenes());
}, 150, 150);

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("button[data-do]"), row = button?.closest(".scene-row");
  switch (button?.dataset.do) {
    case "add": return add(button.dataset);
    case "remove": return row.remove();
    case "up": return row.previousElementSibling?.before(row);
    case "clear": return store([], button);
    case "turn": return await act("show-on-wall", { unit, scene_id: null }, button) && look();
    case "show":
      if (isChanged()) await store(scenes(), form.querySelector(".primary"));
      if (!isChanged()) return await act("show-on-wall", { unit, scene_id: row.dataset.scene }, button) && look();
  }
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  store(scenes(), form.querySelector(".primary"));
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) form.requestSubmit();
});
live.addEventListener("refresh", look);
live.addEventListener("entry", ({ detail }) => { if (CHANGES.test(detail.event.type)) look(); });
