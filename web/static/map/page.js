// The page of the map: what stands on it as lists beside it, for the keyboard and for whoever cannot see it;
// tools, layers, and an incident played again.
import { runClocks } from "../clock.js";
import { Duty } from "../duty.js";
import { Live } from "../live.js";
import { Film } from "./film.js";
import { imports, showLayers } from "./layers_page.js";
import { say } from "./load.js";
import { age, MapPanel } from "./panel.js";
import { attach, picture } from "./picture.js";
import { Placing } from "./place.js";
import { far, Tools } from "./tools.js";

const get = (id) => document.getElementById(id);
const live = new Live(null);
new Duty(live);
runClocks(() => {});
const panel = await MapPanel.mount(get("map"));
const tools = new Tools(panel, (text) => { get("map-said").textContent = text; });
const film = new Film(panel);
const placing = get("place-form") && new Placing(get("place-form"), panel, tools, (text) => { get("map-said").textContent = text; });
const since = (at) => say("map.position_age", { age: age(Math.max(0, Date.now() - Date.parse(at)) / 1000) });

panel.addEventListener("state", list);
panel.addEventListener("chosen", ({ detail }) => choose(detail.things));
panel.addEventListener("around", ({ detail }) => found(detail));
panel.addEventListener("tool", ({ detail }) => get("map").classList.toggle("has-tool", Boolean(detail)));
get("map-follow").addEventListener("click", () => panel.follow());
document.querySelector('[data-tool="measure"]').addEventListener("click", () => tools.start("measure"));
get("map-around").addEventListener("submit", (event) => {
  event.preventDefault();
  tools.start("around", { metres: Number(new FormData(event.target).get("m")) });
});
get("map-save").addEventListener("click", () => save());
plotting();
replaying();
imports(panel);
showLayers(panel);
list();
if (location.hash === "#place") placing?.choose(null);
const asked = new URLSearchParams(location.search).get("incident");
if (asked) panel.goTo("incident", asked) && choose([panel.signs.things.get(`incident:${asked}`)]);

function list() {
  if (!panel.state) return;
  const { incidents, people, drawings } = panel.state;
  placing?.list(incidents.features);
  fill("map-incidents", incidents.features, ({ id, geometry, properties: p }) => line(
    [p.drill ? say("map.drill_word") : "", p.level_name, p.title], [p.number, p.place ?? p.unit_name, geometry ? "" : say("map.nowhere_one")],
    geometry ? () => panel.goTo("incident", id) && choose([panel.signs.things.get(`incident:${id}`)]) : () => location.assign(`/incidents/${id}`), !geometry));
  fill("map-people", people.features, ({ id, properties: p }) => line(
    [p.person, p.status_name], [p.unit_name, since(p.at), p.incident_title],
    () => panel.goTo("person", id) && choose([panel.signs.things.get(`person:${id}`)])));
  const select = document.querySelector('#plot-form [name="incident"]');
  if (select && document.activeElement !== select) {
    const before = select.value;
    select.replaceChildren(...incidents.features.map(({ id, properties: p }) => new Option(`${p.drill ? say("map.drill_word") : ""}${p.number} ${p.title}`, id)));
    if (before) select.value = before;
  }
  if (get("map-drawings")) fill("map-drawings", drawings.features, ({ id, properties: p }) => {
    const item = line([p.name, p.label], [p.incident_title, p.person, age(Math.max(0, Date.now() - Date.parse(p.at)) / 1000)], () => panel.goTo("drawing", id));
    item.append(button(say("map.erase"), () => tools.erase(p.incident, id)));
    return item;
  });
}

function fill(id, things, make) {
  const list = get(id);
  if (list.contains(document.activeElement) && things.length && list.childElementCount === things.length) {
    [...list.children].forEach((old, i) => old.querySelector(".where")?.replaceWith(make(things[i]).querySelector(".where")));
    return;  // a line under the cursor stays where it is
  }
  if (things.length) list.replaceChildren(...things.map(make));
  else list.replaceChildren(Object.assign(document.createElement("li"), { className: "hint", textContent: say("map.none") }));
}

function line(said, where, go, isNowhere = false) {
  const item = document.createElement("li"), made = button("", go);
  made.classList.toggle("is-nowhere", isNowhere);
  const words = Object.assign(document.createElement("bdi"), { textContent: said.filter(Boolean).join(" ") });
  made.append(words, Object.assign(document.createElement("span"), { className: "where", textContent: where.filter(Boolean).join(" · ") }));
  item.append(made);
  return item;
}

function button(text, pressed) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  made.addEventListener("click", pressed);
  return made;
}

/** What was pointed at, in words. */
function choose(things) {
  const shown = get("map-chosen");
  shown.hidden = !things.length;
  shown.replaceChildren(...things.flatMap(({ kind, id, properties: p }) => {
    const title = Object.assign(document.createElement("h2"), { textContent: p.title ?? p.person ?? p.label ?? p.name ?? "" });
    const told = [p.level_name, p.category_name, p.status_name, p.unit_name, p.layer_name, p.place ?? p.address, p.contact, p.kind && p.at ? since(p.at) : p.person && p.at ? since(p.at) : "", p.note];
    const made = [title, Object.assign(document.createElement("p"), { textContent: told.filter(Boolean).join(" · ") })];
    if (p.phone) made.push(phone(p.phone));
    const incident = kind === "incident" ? id : p.incident;
    if (incident) {
      made.push(Object.assign(document.createElement("a"), { href: `/incidents/${incident}`, textContent: p.incident_title ?? say("map.open") }), " ");
      if (kind === "incident") made.push(button(say("map.film_open"), () => play(incident)));
      if (kind === "incident" && placing) made.push(" ", button(say("map.place_correct"), () => placing.choose(incident)));
    }
    return made;
  }));
}

const phone = (number) => Object.assign(document.createElement("a"), { className: "phone", href: `tel:${String(number).replace(/[^+\d]/g, "")}`, textContent: number });

/** What lies within: counts first, then each with its distance and its phone. */
function found({ things, desks, within_m: within, cut }) {
  get("map-found").hidden = false;
  get("map-found-title").textContent = say("map.found", { within: far(within), count: cut ? `${things.length}+` : things.length });
  if (!desks.length) get("map-desks").replaceChildren();
  else fill("map-desks", desks.flatMap((desk) => desk.people.map((who) => ({ ...who, desk: desk.name }))), (who) => {
    const item = line([who.desk, who.post, who.name], [who.phone ? "" : say("map.no_phone")], () => {});
    if (who.phone) item.append(phone(who.phone));
    return item;
  });
  fill("map-things", things, (one) => {
    const item = line([one.drill ? say("map.drill_word") : "", one.name], [say(`layer_kind.${one.kind}`), far(one.distance_m), one.detail, one.contact, one.phone || one.kind === "incident" ? "" : say("map.no_phone")],
      () => panel.map.setView(panel.edge.put(one.lon, one.lat).reverse(), Math.max(13, panel.map.getZoom())));
    if (one.phone) item.append(phone(one.phone));
    return item;
  });
}

function plotting() {
  const form = get("plot-form");
  if (!form) return;
  const show = () => { get("plot-symbol").hidden = form.elements.kind.value !== "symbol"; };
  form.elements.kind.addEventListener("change", show);
  show();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tools.start("plot", Object.fromEntries(new FormData(form)));
  });
}

// ---------------------------------------------------------------- played again

async function play(incident) {
  if (!await film.open(incident)) return;
  get("film").hidden = false;
  get("film-at").value = 1000;
  get("film-at").focus();
  step();
}

function step() {
  const part = Number(get("film-at").value) / 1000, moment = film.begin + (film.end - film.begin) * part, last = film.at(moment);
  const said = new Date(moment + 8 * 3600_000).toISOString();
  get("film-clock").textContent = `${said.slice(0, 10)} ${said.slice(11, 19)}`;
  get("film-said").textContent = last ? `${last.label} ${last.said} (${last.unit} ${last.by})` : "";
}

function replaying() {
  let playing = null;
  const stop = () => {
    clearInterval(playing);
    playing = null;
    get("film-play").textContent = say("map.play");
  };
  get("film").addEventListener("submit", (event) => event.preventDefault());
  get("film-at").addEventListener("input", step);
  get("film-close").addEventListener("click", () => {
    stop();
    get("film").hidden = true;
    film.close();
  });
  get("film-play").addEventListener("click", () => {
    if (playing) return stop();
    const at = get("film-at");
    if (Number(at.value) >= 1000) at.value = 0;
    get("film-play").textContent = say("map.pause");
    playing = setInterval(() => {
      at.value = Number(at.value) + 2;
      step();
      if (Number(at.value) >= 1000) stop();
    }, 100);
  });
}

/** Onto the incident that is played or chosen; without one, into a file. */
async function save() {
  const chosen = film.panel.film ? film.said.incident.id : panel.signs.chosen?.match(/^incident:(.*)/)?.[1] ?? null;
  const isDrill = chosen && (panel.signs.things.get(`incident:${chosen}`)?.drill ?? false);
  const title = `${isDrill ? say("map.drill_word") : ""}${say("map.title")} ${document.querySelector(".top .unit").textContent.trim()}`;
  const blob = await picture(panel, title), name = `${say("map.title")}.png`;
  if (chosen && document.body.dataset.commands.split(" ").includes("add-attachment")) {
    get("map-said").textContent = say("map.sending");
    get("map-said").textContent = await attach(blob, chosen, name);
    return;
  }
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
