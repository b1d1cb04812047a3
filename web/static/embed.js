// A panel within another program's page. Its token stands in the fragment, which no browser sends; it asks again and
// again, is answered as soon as there is news, and is veiled whenever it cannot prove that it shows the latest.
import { clockText, heardTime, now, paintClocks, runClocks } from "./clock.js";
import { elementsOf, morph } from "./swap.js";

const ANSWER_MS = 12_000, AGAIN_MS = 2_000, DOUBT_MS = 15_000, WHOLE_MS = 60_000;
const { panel, behind, ended, noToken } = document.body.dataset;
const token = location.hash.slice(1), given = new URLSearchParams(location.search);
const place = () => document.getElementById("wall");

let known = null, provenAt = null, wholeAt = 0, shownAt = now(), hasEnded = false;
let mapAskedAt = 0, mapReadAt = 0;

async function asked(path) {
  return fetch(path, {
    headers: { Authorization: `Bearer ${token}` }, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(ANSWER_MS),
  });
}

async function look() {
  const query = new URLSearchParams(known && performance.now() - wholeAt < WHOLE_MS ? known : {});
  for (const name of ["lang", "incident"]) if (given.has(name)) query.set(name, given.get(name));
  try {
    const answer = await asked(`/embed/${panel}?${query}`);
    if (await isOver(answer)) return end(ended);
    if (answer.ok) {
      heardTime(answer.headers.get("Fenghuo-Time"));
      if (answer.status === 200) await put(elementsOf(await answer.text())[0]);
      provenAt = performance.now();
      shownAt = now();
      check();
      return setTimeout(look, 0);
    }
  } catch { /* away, or too slow: the veil says so */ }
  check();
  setTimeout(look, AGAIN_MS * (0.5 + Math.random()));
}

/** Whether the desk itself says so: a proxy's own 403 or 404 passes. */
async function isOver(answer) {
  if (![401, 403, 404].includes(answer.status)) return false;
  const { type } = await answer.json().catch(() => ({}));
  return ["not-signed-in", "not-permitted", "not-found"].includes(type);
}

async function put(fresh) {
  const there = place(), { head, epoch, title, release } = fresh.dataset;
  if (there.dataset.release && release !== there.dataset.release) return location.reload();  // the program is another one
  for (const [name, value] of Object.entries(fresh.dataset)) there.dataset[name] = value;
  there.className = fresh.className;
  write("embed-title", title);
  document.getElementById("embed-drill").hidden = !fresh.classList.contains("is-drill");
  const map = there.querySelector('[data-panel="map"]');
  if (!map) await morph(there, fresh.outerHTML);
  if (panel === "map") await drawMap();
  known = { after: head, epoch };
  wholeAt = performance.now();
  paintClocks();
}

async function drawMap() {
  const section = place().querySelector('[data-panel="map"]');
  if (!section) return;
  if (mapReadAt >= mapAskedAt) mapAskedAt = performance.now();  // what was not answered yet grows old
  if (section.mapPanel) return document.dispatchEvent(new Event("fenghuo:refresh"));
  const { MapPanel } = await import(section.dataset.module);
  await MapPanel.mount(section, mapData);
}

/** What the map is drawn from. What could not be read is null, and the veil comes when it stays so. */
async function mapData(path) {
  try {
    const answer = await asked(path === "/map/words" ? `${path}?lang=${document.documentElement.lang}` : path);
    if (!answer.ok) return null;
    const said = await answer.json();
    if (path === "/map/about") said.sources = [];  // tiles come as pictures, which carry no token: outlines do
    if (path.startsWith("/api/v1/map") && !path.startsWith("/api/v1/map/")) mapReadAt = performance.now();
    return said;
  } catch {
    return null;
  }
}

function check() {
  const time = performance.now(), isMapOld = mapAskedAt > mapReadAt && time - mapAskedAt > DOUBT_MS;
  const isBehind = provenAt === null || time - provenAt > DOUBT_MS || isMapOld;
  document.body.classList.toggle("is-behind", isBehind && !hasEnded);
  if (isBehind && provenAt !== null && !hasEnded) write("veil-word", behind.replace("{clock}", clockText(shownAt)));
}

function end(why) {
  hasEnded = true;
  place().replaceChildren();
  write("embed-title", "");
  document.body.classList.remove("is-behind");
  document.body.classList.add("is-ended");
  write("veil-word", why);
}

function write(id, text) {
  const element = document.getElementById(id);
  if (element && element.textContent !== text) element.textContent = text;
}

runClocks(() => hasEnded || check());
if (token) look();
else end(noToken);
