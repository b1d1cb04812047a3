// 随身带: what could not go out goes along, on a stick or from screen to camera; and what others gave to be carried.
import { bundleOf, openTablet } from "../carry_bundle.js";
import { showCodes } from "../carry_codes.js";
import { framesOf, MOST_BYTES } from "../carry_frames.js";
import { Scan } from "../carry_scan.js";
import { say } from "../texts.js";
import { tabletOf } from "./device.js";
import { button, h, said } from "./dom.js";
import { clockText, momentText, now } from "./tablet.js";

const MOST_COMMANDS = 1000;
const sheet = document.getElementById("sheet");

/** What of his can be carried: the text, in its order; a photo needs a line. */
const carriable = (app) => app.outbox.waiting.filter((one) => one.lane === "text");

/** His outbox, signed by this tablet; as much of it, from the oldest on, as a bundle may hold. */
async function ownBundle(app) {
  const { person } = app.state, tablet = await openTablet(await tabletOf(person.person_id));
  let items = carriable(app).slice(0, MOST_COMMANDS);
  for (;;) {
    const text = await bundleOf(tablet, person.name, items.map(({ name, body }) => ({ name, body })));
    if (new TextEncoder().encode(text).length <= MOST_BYTES) return { text, count: items.length };
    items = items.slice(0, Math.floor(items.length * 0.8));
  }
}

export function carryPage(app) {
  const { outbox, carried } = app, mine = carriable(app), files = outbox.waiting.length - mine.length;
  return [
    h("h1", {}, say("tablet.carry")),
    h("section", { class: "field-list field-carry" }, h("h2", {}, say("tablet.carry.mine", { count: mine.length })),
      h("p", { class: "hint" }, say("tablet.carry.how"), files ? ` ${say("tablet.carry.files", { count: files })}` : ""),
      mine.length > 0 && h("div", { class: "field-order-acts" },
        button(say("tablet.carry.show"), async () => { const { text, count } = await ownBundle(app); showSheet(text, app.state.person.name, count); }, { class: "primary", data: { carry: "show" } }),
        button(say("tablet.carry.save"), async () => { const { text } = await ownBundle(app); save(text, app.state.person.name); }, { data: { carry: "save" } }))),
    h("section", { class: "field-list field-carry" }, h("h2", {}, say("tablet.carry.others", { count: carried.waiting.length })),
      h("p", { class: "hint" }, say("tablet.carry.others_how")),
      h("div", { class: "field-order-acts" },
        button(say("tablet.carry.scan"), () => scanSheet(app), { class: "primary", data: { carry: "scan" } }),
        button(say("tablet.carry.file"), () => choose(app), { data: { carry: "file" } })),
      carried.items.length > 0 && h("ul", {}, carried.items.map((one) => h("li", { class: `field-carried is-${one.state}`, data: { bundle: one.bundle_id } }, bundle(app, one))))),
  ];
}

function bundle(app, one) {
  const state = one.state === "handed" ? say("tablet.carry.handed", { known: one.known }) : say(one.state === "refused" ? "tablet.refused" : "tablet.waiting");
  return [
    h("p", { class: "field-line-top" }, h("b", {}, said(one.name)), " ", say("tablet.carry.count", { count: one.count }), " ", momentText(Date.parse(one.made_at)), " ",
      h("span", { class: `mark is-${one.state === "handed" ? "stored" : one.state}` }, state)),
    one.reason && h("p", { class: "fault" }, said(one.reason)),
    h("div", { class: "field-order-acts" },
      button(say("tablet.carry.show"), () => showSheet(one.text, one.name, one.count)), button(say("tablet.carry.save"), () => save(one.text, one.name)),
      button(say("tablet.carry.put_down"), () => one.state === "waiting"
        ? app.confirm(say("tablet.carry.put_down_sure"), () => app.carried.putDown(one)) : app.carried.putDown(one), { class: "quiet" })),
  ];
}

/** A whole screen of codes; bright, and kept from going dark. */
async function showSheet(text, name, count) {
  const frames = await framesOf(new TextEncoder().encode(text));
  const canvas = h("canvas", { class: "field-code", width: 720, height: 720, role: "img", "aria-label": say("tablet.carry.show") });
  const which = h("output", { class: "field-seconds" });
  openPlain(h("h2", {}, said(name), " ", say("tablet.carry.count", { count })), h("p", { class: "hint" }, say("tablet.carry.shown_how")), canvas, which);
  sheet.dataset.pieces = String(frames.length);
  const end = showCodes(canvas, frames, (index, total) => { which.textContent = `${index} / ${total}`; });
  const awake = await navigator.wakeLock?.request("screen").catch(() => null);
  onceClosed(() => { end(); awake?.release().catch(() => {}); });
}

function save(text, name) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/x-ndjson" }));
  h("a", { href: address, download: `fenghuo-${name}-${clockText(now()).replaceAll(":", "")}.fenghuo` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

async function scanSheet(app) {
  const video = h("video", { class: "field-code", muted: true, playsInline: true });
  const how = h("p", { class: "field-seconds", role: "status" }, say("tablet.carry.look"));
  openPlain(h("h2", {}, say("tablet.carry.scan")), video, how);
  const scan = new Scan(video, (what, { pieces, total }) => {
    how.textContent = say(what === "wrong" ? "tablet.carry.wrong_piece" : what === "other" ? "tablet.carry.other_piece" : "tablet.carry.piece", { count: pieces.size, total });
  });
  onceClosed(() => scan.stop());
  try {
    const text = await scan.read();
    if (text !== null) await take(app, text);
  } catch (wrong) {
    how.textContent = say(wrong.message === "no camera" ? "tablet.carry.no_camera" : "tablet.carry.none");
  }
}

function choose(app) {
  const input = h("input", { type: "file", accept: ".fenghuo,.ndjson,.txt,.jsonl" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (file) await take(app, file.size <= MOST_BYTES ? await file.text() : "");
  });
  input.click();
}

async function take(app, text) {
  const one = await app.carried.take(text);
  if (sheet.open) sheet.close();
  app.tellWrong(one ? say("tablet.carry.taken", { name: one.name, count: one.count }) : say("tablet.carry.none"));
  app.carried.handOn();
}

function openPlain(...parts) {
  if (sheet.open) sheet.close();
  sheet.replaceChildren(h("div", { class: "field-form" }, parts, h("div", { class: "field-form-acts" }, button(say("tablet.close"), () => sheet.close(), { class: "quiet" }))));
  sheet.showModal();
}

const onceClosed = (act) => sheet.addEventListener("close", act, { once: true });
