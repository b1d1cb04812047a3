// The map on the tablet. Its program is loaded apart, so that a first visit stays small; what it shows is kept in the
// tablet's own store and nowhere else, so that a lost tablet forgets it with everything.
import { say } from "../texts.js";
import { drop, get, ids, put } from "./db.js";
import { h } from "./dom.js";

const ANSWER_MS = 20_000, AHEAD = ["/map/words", "/map/about", "/api/v1/map/layers", "/api/v1/map"];
const PLACE = "map ";
let shown = null, panel = null, listened = null;

/** From the server, else as it was last time; of one person alone. */
export async function kept(path, person) {
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS), cache: "no-store" });
    if (answer.ok) {
      const said = await answer.json();
      await put("meta", { said, person }, PLACE + path);
      return said;
    }
    if (answer.status === 404) return null;
  } catch { /* what is kept is shown, with its time */ }
  const found = await get("meta", PLACE + path);
  return found?.person === person ? found.said : null;
}

export function mapPage(app, id) {
  if (shown && shown.id === id && shown.section.isConnected) return [shown.back, shown.section];
  const section = h("section", { class: "field-map", "aria-label": say("tablet.map") });
  section.dataset.panel = "map";
  if (id) section.dataset.incident = id;
  const back = h("a", { href: id ? `#/i/${id}` : "#/", class: "field-link" }, say("tablet.back"));
  shown = { id, section, back };
  const person = app.state.person.person_id;
  requestAnimationFrame(async () => {
    try {
      const { MapPanel } = await import("../map/panel.js");
      panel = await MapPanel.mount(section, (path) => kept(path, person));
      if (listened !== app) app.state.addEventListener("change", () => { if (panel && !panel.isGone()) panel.soon(); else panel = null; });
      listened = app;
    } catch {
      section.replaceChildren(h("p", { class: "hint" }, say("tablet.map_not_kept")));
    }
  });
  return [back, section];
}

/** Everything of it for the way, once a session: the program by the worker, the area's data here. */
export async function takeAlong(app) {
  if (app.state.isThin || takeAlong.done === app.state.person.person_id) return;
  const person = app.state.person.person_id, wanted = new Set(AHEAD);
  navigator.serviceWorker?.ready.then(({ active }) => active.postMessage("keep-map"));
  const take = (path) => { wanted.add(path); return kept(path, person); };
  for (const path of AHEAD) {
    const said = await kept(path, person);
    for (const one of said?.layers ?? []) await take(`/api/v1/map/layers/${one.layer_id}`);
  }
  for (const id of app.state.incidents.keys()) await take(`/api/v1/map?incident=${id}`);
  for (const id of await ids("meta")) if (id.startsWith(PLACE) && !wanted.has(id.slice(PLACE.length))) await drop("meta", id);
  takeAlong.done = person;
}
