// The wall: nobody touches it. It shows the scenes that its desk arranged, comes to what is grave by itself, stays with
// what just happened, and is veiled whenever it cannot prove that it shows the latest.
import { clockText, now, paintClocks, runClocks } from "./clock.js";
import { Duty } from "./duty.js";
import { Live } from "./live.js";
import { elementsOf, forgetGone, isNewer, mark, morph, soon } from "./swap.js";
import { fit, layOut, pageOf, turnPage } from "./wall_fit.js";

const LOOK_MS = 60_000, AGAIN_MS = 2_000, ANSWER_MS = 10_000;
const DOUBT_MS = 15_000, STAY_MS = 60_000, HAND_MS = 300_000, RELOAD_MS = 60_000, ASK_MS = 30_000;
const NIGHT = 4, A_DAY_MS = 20 * 3_600_000;
/** What turns a wall to the list, and lets it stay there for a while. */
const HAPPENS = /^(incident_opened|facts_established|level_\w+|help_requested|\w+_overdue)$/;

const wall = () => document.getElementById("wall");
const says = JSON.parse(document.body.dataset.says ?? "{}");
const say = (slug, values = {}) => (says[`wall_says.${slug}`] ?? slug).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const isKiosk = Boolean(document.body.dataset.kiosk);

let scenes = [], at = 0, mode = "rotate", turnAt = 0, stayUntil = 0, isByHand = false, hasEnded = false, meant = "";
const shown = { head: 0, epoch: "", time: now(), looked: performance.now(), level: performance.now() };

class WallLive extends Live {
  /** A screen that was taken back shows nothing any more, and nobody is there to sign in. */
  signIn() {
    if (isKiosk) end();
    else super.signIn();
  }

  check() {
    if (!hasEnded) super.check();
  }
}

// --- the picture ------------------------------------------------------------------------------------------------

let looking = false, isWanted = false, timer = null;

/** Read everything again; whatever comes meanwhile is read after it. Fails for as long as it must. */
async function look() {
  if (hasEnded) return;
  if (looking) {
    isWanted = true;
    return;
  }
  looking = true;
  clearTimeout(timer);
  let isDone = false;
  do {
    isWanted = false;
    isDone = await readPicture();
  } while (isWanted && isDone);
  looking = false;
  clearTimeout(timer);
  timer = setTimeout(look, isDone ? LOOK_MS : AGAIN_MS * (1 + Math.random()));
}

async function readPicture() {
  try {
    const answer = await fetch(`/wall/news${location.search}`, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.status === 401) live.signIn();
    if (!answer.ok) return false;
    await put(elementsOf(await answer.text())[0]);
    return true;
  } catch {
    return false;
  }
}

async function put(fresh) {
  const there = wall();
  if (fresh?.id !== "wall" || hasEnded) return;
  if (fresh.dataset.release !== there.dataset.release) return beginAnew();
  for (const [name, value] of Object.entries(fresh.dataset)) if (name !== "scene") there.dataset[name] = value;
  there.classList.toggle("is-drill", fresh.classList.contains("is-drill"));
  document.body.classList.toggle("all-drill", fresh.classList.contains("is-drill"));
  arrange(fresh.dataset.scene);
  place(fresh);
  const named = new Set([...fresh.children].map(({ id }) => id));  // one that is new moves out of `fresh`
  for (const panel of [...fresh.children]) {
    const old = document.getElementById(panel.id);
    if (!old) there.append(panel);
    else if (panel.dataset.panel !== "map") await morph(old, panel.outerHTML);
  }
  for (const panel of [...there.children]) if (!named.has(panel.id)) panel.remove();
  place(there);
  note(fresh);
  forgetGone();
  paintClocks();
  lay();
  document.dispatchEvent(new Event("fenghuo:refresh"));
}

/** What the page shows, it shows as of here. */
function note({ dataset }) {
  Object.assign(shown, { head: Number(dataset.head), epoch: dataset.epoch, time: now(), looked: performance.now() });
}

/** The program is another one now, after an upgrade: load it, but never turn in circles between two versions. */
function beginAnew() {
  const last = Number(sessionStorage.getItem("fenghuo.wall.anew") ?? 0);
  if (Math.abs(Date.now() - last) < RELOAD_MS) return;
  sessionStorage.setItem("fenghuo.wall.anew", String(Date.now()));
  location.reload();
}

// --- scenes -----------------------------------------------------------------------------------------------------

/** What the server says stands now counts; where scenes take turns, the one that stands here goes on. */
function arrange(named) {
  meant = named;
  const before = scenes[at]?.id, wasMode = mode;
  scenes = JSON.parse(wall().dataset.scenes);
  mode = wall().dataset.mode;
  const isNews = mode === "front" && wasMode !== "front";
  if (isNews) isByHand = false;
  const mayStay = (mode === "rotate" && wasMode === "rotate") || (isByHand && performance.now() < stayUntil);
  const found = scenes.findIndex(({ id }) => id === (mayStay ? before : named));
  at = Math.max(found, mayStay && found < 0 ? scenes.findIndex(({ id }) => id === named) : 0);
  if (scenes[at].id !== before) begin();
}

function begin() {
  turnAt = performance.now() + scenes[at].seconds * 1000;
}

/** Put each panel where the scene has it. */
function place(root) {
  const scene = scenes[at], { places, incident } = scene;
  root.dataset.scene = scene.id;
  for (const part of ["side", "foot"]) {
    root.dataset[part === "side" ? "sides" : part] = String(Object.values(places).filter((one) => one.startsWith(part)).length);
  }
  for (const panel of root.children) {
    const { panel: name } = panel.dataset;
    const isMeant = name !== "incident" || panel.dataset.incident === incident;
    panel.dataset.place = isMeant ? places[name] ?? "off" : "off";
    if (name === "map") panel.dataset.incident = incident ?? "";
  }
  write("scene-title", scene.title);
  write("scene-why", why());
}

/** Why it stands there, in words. */
function why() {
  const isStaying = performance.now() < stayUntil;
  if (isStaying && isByHand) return say("by_hand");
  if (mode !== "rotate") return say(mode);
  if (isStaying) return say("paused");
  return scenes.length > 1 ? say("rotate", { at: at + 1, of: scenes.length }) : "";
}

/** The map draws itself, once it is to be seen, and keeps what it has drawn through all scenes. */
async function drawMap() {
  const section = document.getElementById("panel-map");
  if (!section || section.dataset.place === "off") return;
  const { MapPanel } = await import(section.dataset.module);
  const map = await MapPanel.mount(section), wanted = section.dataset.incident || null;
  if (map.incident === wanted) return;
  map.incident = wanted;
  map.refresh();
}

function write(id, text) {
  const element = document.getElementById(id);
  if (element && element.textContent !== text) element.textContent = text;
}

function go(index, stays = 0, byHand = false) {
  at = (index + scenes.length) % scenes.length;
  if (stays) stayUntil = performance.now() + stays;
  isByHand = byHand;
  begin();
  place(wall());
  lay();
}

/** Something happened: show the list, and nothing else for a while. */
function happened(incident) {
  const row = document.getElementById(`incident-${incident}`);
  if (mode !== "rotate" || (row?.classList.contains("is-drill") && !wall().classList.contains("is-drill"))) return;
  const listed = scenes[at].places.incidents ? at : scenes.findIndex(({ places }) => places.incidents);
  if (listed >= 0) go(listed, STAY_MS);
}

function lay() {
  drawMap().catch(() => {});
  layOut((page, pages) => say("page", { page, pages }));
  fit((count) => say("more", { count }));
}

// --- once a second ----------------------------------------------------------------------------------------------

/** Whether what stands here is the latest: what was heard is shown, and the whole was read not long ago. */
function check() {
  const time = performance.now();
  if (live.last <= shown.head && live.epoch === shown.epoch) shown.level = time;
  const isBehind = time - shown.level > DOUBT_MS || time - shown.looked > LOOK_MS + 2 * DOUBT_MS;
  document.body.classList.toggle("is-behind", isBehind && !hasEnded);
  if (isBehind && !live.isStale && !hasEnded) {
    write("veil-word", say("behind", { clock: clockText(shown.time) }));
    write("veil-hint", "");
  }
}

function tick(time) {
  if (hasEnded) return;
  check();
  const moment = performance.now();
  if (moment > stayUntil && isByHand) go(Math.max(0, scenes.findIndex(({ id }) => id === meant)));
  if (mode === "rotate" && moment > stayUntil && moment > turnAt && scenes.length > 1) go(at + 1);
  if (turnPage(moment)) lay();
  const isNight = Math.floor((time / 3_600_000 + 8) % 24) === NIGHT;
  if (isNight && moment > A_DAY_MS && moment - shown.looked < 5_000 && mode !== "front") location.reload();
}

// --- the end ----------------------------------------------------------------------------------------------------

/** Taken back: nothing of what was shown stays. Enrolled again in this browser, it goes on by itself. */
function end() {
  if (hasEnded) return;
  hasEnded = true;
  wall().replaceChildren();
  document.getElementById("duty-bar")?.replaceChildren();
  document.body.classList.remove("is-behind", "is-unproven");
  document.body.classList.add("is-ended");
  write("veil-word", say("ended"));
  write("veil-hint", say("ended_hint"));
  setInterval(async () => {
    const answer = await fetch("/wall/news", { headers: { "HX-Request": "true" } }).catch(() => null);
    if (answer?.ok) location.reload();
  }, ASK_MS);
}

// --- beginning --------------------------------------------------------------------------------------------------

const live = new WallLive("wall"), duty = new Duty(live);
arrange(wall().dataset.scene);
note(wall());
place(wall());
runClocks(tick);
lay();
addEventListener("resize", lay);
document.fonts.ready.then(lay);
timer = setTimeout(look, LOOK_MS);

const lookSoon = soon(look, 100, 200);
live.addEventListener("refresh", lookSoon);
live.addEventListener("entry", ({ detail }) => {
  document.dispatchEvent(new CustomEvent("fenghuo:entry", { detail }));
  lookSoon();
  if (detail.incident_id && HAPPENS.test(detail.event.type)) happened(detail.incident_id);
});
live.addEventListener("fragment", async ({ detail }) => {
  if (duty.take(detail)) return;
  const row = document.getElementById(detail.target);
  if (!row || !isNewer(detail.target, detail.offset)) return;
  if (detail.html === "") row.remove();
  else {
    await morph(row, detail.html);
    const fresh = document.getElementById(detail.target);
    mark(fresh);
    pageOf(fresh);
  }
  paintClocks();
  lay();
});
addEventListener("online", look);
addEventListener("keydown", ({ key }) => {  // a remote control's
  if (key === "ArrowRight" || key === "ArrowLeft") go(at + (key === "ArrowRight" ? 1 : -1), HAND_MS, true);
  if (key === "n" || key === "ArrowUp") document.getElementById("theme-switch")?.click();
});
navigator.serviceWorker?.register("/wall/sw.js", { scope: "/wall" }).catch(() => {});
