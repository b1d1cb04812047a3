// The readiness sheet: everything is tried out, nothing is assumed. It says 可以进山, or what is missing.
import { say } from "../texts.js";
import { least } from "./door.js";
import { get, put, room } from "./db.js";
import { button, h } from "./dom.js";
import { openSheet, wrong } from "./forms.js";
import { CHOICES } from "./idle.js";
import { isFit } from "../field_lock.js";
import { sizeText } from "./media.js";
import { agoText, MUCH, skew, skewText } from "./tablet.js";

const HALF_DAY_MS = 12 * 3_600_000, LEAST_ROOM = 200 * 1024 * 1024, ANSWER_MS = 5000;

/** What the worker finds in its cache, file by file; null when there is no worker. */
async function keptFiles() {
  const worker = navigator.serviceWorker?.controller;
  if (!worker) return null;
  const { port1, port2 } = new MessageChannel();
  return new Promise((done) => {
    setTimeout(() => done(null), ANSWER_MS);
    port1.onmessage = ({ data }) => done(data);
    worker.postMessage("what-is-kept", [port2]);
  });
}

/** Written and read back: a store that takes nothing is found out here and not on the mountain. */
async function storeWorks() {
  const mark = `${Date.now()}`;
  try {
    await put("meta", { mark }, "probe");
    return (await get("meta", "probe")).mark === mark;
  } catch {
    return false;
  }
}

const permission = async (name) => (await navigator.permissions?.query({ name }).catch(() => null))?.state ?? "unknown";

/** `[{id, isGood, must, text, act?}]`: what must be, and what had better be. */
export async function probes(app) {
  const { state, outbox } = app;
  const [files, works, space, persisted, battery, geolocation, camera, microphone, tablet] = await Promise.all([
    keptFiles(), storeWorks(), room(), navigator.storage?.persisted?.() ?? false, navigator.getBattery?.().catch(() => null) ?? null,
    permission("geolocation"), permission("camera"), permission("microphone"), get("meta", "tablet"),
  ]);
  const { at, bookAt, book } = state.meta ?? {};
  const check = (id, isGood, must, text, act) => ({ id, isGood: Boolean(isGood), must, text, act });
  const phones = book?.desks.reduce((sum, one) => sum + one.people.filter((person) => person.dial).length, 0) ?? 0;
  return [
    check("worker", files, true, files ? say("tablet.probe.worker", { version: files.version }) : say("tablet.probe.no_worker")),
    check("files", files && !files.missing.length, true, files ? say("tablet.probe.files", { have: files.files - files.missing.length, all: files.files, size: sizeText(files.bytes) }) : say("tablet.probe.no_files")),
    check("store", works, true, say(works ? "tablet.probe.store" : "tablet.probe.no_store")),
    check("person", state.person && app.live.how !== "signed_out", true, state.person ? say("tablet.probe.person", { name: state.person.name }) : say("tablet.probe.nobody")),
    check("snapshot", at && Date.now() - at < HALF_DAY_MS, true, at ? say("tablet.probe.snapshot", { ago: agoText(at), count: state.incidents.size + state.meta.others.length }) : say("tablet.probe.no_snapshot")),
    check("book", bookAt && Date.now() - bookAt < 2 * HALF_DAY_MS, true, bookAt ? say("tablet.probe.book", { ago: agoText(bookAt), places: book.places.length, phones }) : say("tablet.probe.no_book")),
    check("lock", true, false, say("tablet.probe.lock", { minutes: app.idle.minutes })),
    check("known", tablet?.is_known, false, say(tablet?.is_known ? "tablet.probe.known" : "tablet.probe.not_known")),
    check("outbox", !outbox.waiting.length && !outbox.refused.length, false, say("tablet.probe.outbox", { waiting: outbox.waiting.length, refused: outbox.refused.length })),
    check("room", !space || space.left > LEAST_ROOM, true, space ? say("tablet.probe.room", { left: sizeText(space.left) }) : say("tablet.probe.room_unknown")),
    check("clock", skew.ms !== null && Math.abs(skew.ms) <= MUCH, true, skew.ms === null ? say("tablet.probe.no_clock") : say("tablet.probe.clock", { skew: skewText(skew.ms), ago: agoText(skew.at) })),
    check("battery", !battery || battery.level >= 0.5 || battery.charging, false, battery ? say("tablet.probe.battery", { percent: Math.round(battery.level * 100) }) : say("tablet.probe.battery_unknown")),
    check("persist", persisted, false, say(persisted ? "tablet.probe.persist" : "tablet.probe.no_persist"), !persisted && (() => navigator.storage?.persist?.())),
    check("installed", matchMedia("(display-mode: standalone)").matches, false, say(matchMedia("(display-mode: standalone)").matches ? "tablet.probe.installed" : "tablet.probe.not_installed"), window.installPrompt && (() => window.installPrompt.prompt())),
    ...[["geolocation", geolocation], ["camera", camera], ["microphone", microphone]].map(([name, how]) => check(name, how === "granted", false,
      say("tablet.probe.permission", { what: say(`tablet.permission.${name}`), how: say(`tablet.permission.${how}`) }), how === "prompt" && (() => askFor(name)))),
  ];
}

async function askFor(name) {
  if (name === "geolocation") return new Promise((done) => navigator.geolocation.getCurrentPosition(done, done, { timeout: 20_000 }));
  const stream = await navigator.mediaDevices.getUserMedia(name === "camera" ? { video: true } : { audio: true }).catch(() => null);
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Another PIN for the same key. A wrong old one counts as at the door. */
const changePin = (app) => openSheet({
  title: say("tablet.pin_change"),
  fields: [{ name: "old", type: "pin", label: say("tablet.pin_old") }, { name: "fresh", type: "pin", label: say("tablet.pin_new") }],
  async save({ old, fresh }) {
    if (!isFit(fresh, least)) throw wrong(say("tablet.door.unfit", { least }));
    const outcome = await app.lock.change(old, fresh);
    if (outcome === "spent") await app.lockNow("tablet.door.locked");
    if (outcome !== "open") throw wrong(say("tablet.pin_wrong"));
  },
});

export function readyPage(app) {
  const verdict = h("p", { class: "field-verdict", id: "verdict" }, say("tablet.probing"));
  const list = h("ul", { class: "field-probes" });
  const look = async () => {
    const found = await probes(app);
    const missing = found.filter((one) => one.must && !one.isGood), better = found.filter((one) => !one.must && !one.isGood);
    verdict.className = `field-verdict ${missing.length ? "is-missing" : "is-ready"}`;
    verdict.textContent = missing.length ? say("tablet.not_ready", { count: missing.length }) : better.length ? say("tablet.is_ready_but", { count: better.length }) : say("tablet.is_ready");
    list.replaceChildren(...found.map((one) => h("li", { class: one.isGood ? "is-good" : one.must ? "is-missing" : "is-better", data: { probe: one.id } },
      h("b", { "aria-hidden": "true" }, one.isGood ? "✓" : one.must ? "✗" : "△"), h("span", {}, one.text),
      one.act && button(say("tablet.probe.do"), async () => { await one.act(); look(); }))));
  };
  look();
  return [
    h("h1", {}, say("tablet.ready")), verdict, list, button(say("tablet.probe.again"), look, { class: "wide" }),
    h("fieldset", { class: "field-chips" }, h("legend", {}, say("tablet.thin")), [["on", "tablet.thin.on"], ["off", "tablet.thin.off"], ["", "tablet.thin.auto"]].map(([value, slug]) => h("label", {},
      h("input", { type: "radio", name: "thin", value, checked: (app.state.thin ?? "") === value, on: { change: () => app.state.setThin(value || null) } }), h("span", {}, say(slug))))),
    h("fieldset", { class: "field-chips" }, h("legend", {}, say("tablet.lock_after")), CHOICES.filter((one) => one <= app.idle.most).map((minutes) => h("label", {},
      h("input", { type: "radio", name: "lock", value: minutes, checked: app.idle.minutes === minutes, on: { change: () => { app.idle.minutes = minutes; } } }), h("span", {}, say("tablet.lock_minutes", { minutes }))))),
    h("div", { class: "field-more" },
      button(say("tablet.pin_change"), () => changePin(app)),
      button(say("tablet.theme"), () => app.turnTheme()), button(say("tablet.language"), () => app.turnLanguage()),
      app.state.person && h("form", { method: "post", action: "/sign-out?tablet" }, h("button", { type: "submit" }, say("tablet.sign_out")))),
  ];
}
