// The page of the map: what stands on it as a list beside it, for the keyboard and for whoever cannot see it.
import { runClocks } from "../clock.js";
import { Duty } from "../duty.js";
import { Live } from "../live.js";
import { say } from "./load.js";
import { age, MapPanel } from "./panel.js";

const live = new Live(null);
new Duty(live);
runClocks(() => {});
const section = document.getElementById("map");
const panel = await MapPanel.mount(section);
const follow = document.getElementById("map-follow");

panel.addEventListener("state", list);
panel.addEventListener("locked", () => follow.classList.toggle("is-on", panel.isLocked));
panel.addEventListener("chosen", ({ detail }) => choose(detail.things));
follow.addEventListener("click", () => panel.follow());
list();

function list() {
  if (!panel.state) return;
  fill("map-incidents", panel.state.incidents.features, ({ id, geometry, properties: p }) => line(
    [level(p), p.drill ? say("map.drill_word") : "", p.title], [p.number, p.place ?? p.unit_name, geometry ? "" : say("map.nowhere_one")],
    geometry ? () => panel.goTo("incident", id) && choose([panel.signs.things.get(`incident:${id}`)]) : () => location.assign(`/incidents/${id}`), !geometry));
  fill("map-people", panel.state.people.features, ({ id, properties: p }) => line(
    [p.person, p.status_name], [p.unit_name, say("map.position_age", { age: age((Date.now() - Date.parse(p.at)) / 1000) }), p.incident_title],
    () => panel.goTo("person", id) && choose([panel.signs.things.get(`person:${id}`)])));
}

const level = (p) => p.level ? p.level_name : "";

function fill(id, features, make) {
  const list = document.getElementById(id);
  if (features.length) list.replaceChildren(...features.map(make));
  else list.replaceChildren(Object.assign(document.createElement("li"), { className: "hint", textContent: say("map.none") }));
}

function line(said, where, go, isNowhere = false) {
  const item = document.createElement("li"), button = Object.assign(document.createElement("button"), { type: "button" });
  button.classList.toggle("is-nowhere", isNowhere);
  const words = document.createElement("bdi"), small = Object.assign(document.createElement("span"), { className: "where" });
  words.textContent = said.filter(Boolean).join(" ");
  small.textContent = where.filter(Boolean).join(" · ");
  button.append(words, small);
  button.addEventListener("click", go);
  item.append(button);
  return item;
}

/** What was pointed at, in words. */
function choose(things) {
  const shown = document.getElementById("map-chosen");
  shown.hidden = !things.length;
  shown.replaceChildren(...things.flatMap(({ kind, id, properties: p }) => {
    const title = document.createElement("h2"), words = document.createElement("p");
    title.textContent = p.title ?? p.person ?? p.label ?? p.name ?? "";
    words.textContent = [level(p), p.category_name, p.status_name, p.unit_name, p.place, p.at ? say("map.position_age", { age: age((Date.now() - Date.parse(p.at)) / 1000) }) : ""].filter(Boolean).join(" · ");
    const made = [title, words];
    const incident = kind === "incident" ? id : p.incident;
    if (incident) made.push(Object.assign(document.createElement("a"), { href: `/incidents/${incident}`, textContent: p.incident_title ?? say("map.open") }));
    return made;
  }));
}
