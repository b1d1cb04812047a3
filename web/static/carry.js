// 随身带入: a bundle from a file or from another screen is looked at, taken over by one key, or shown on.
import { contentsOf } from "./carry_bundle.js";
import { framesOf, MOST_BYTES } from "./carry_frames.js";
import { showCodes } from "./carry_codes.js";
import { Scan } from "./carry_scan.js";

const at = (id) => document.getElementById(`carry-${id}`);
const texts = document.getElementById("carry").dataset;
const say = (name, values = {}) => {
  at("said").textContent = Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), texts[name]);
};
const PATIENCE_MS = 30_000;
const names = JSON.parse(texts.names);
let bundle = null, endShowing = null, scanning = null, isBusy = false;

async function send(query) {
  return fetch(`/api/v1/bundles${query}`, {
    method: "POST",
    headers: { "Content-Type": "application/x-ndjson" },
    body: bundle,
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}

/** What it is, by its own words first and by the server's as soon as it says them. */
async function look(text) {
  stopShowing();
  at("list").replaceChildren();
  at("take").hidden = at("show").hidden = true;
  const contents = text.length <= MOST_BYTES ? contentsOf(text) : null;
  bundle = contents ? text : null;
  if (!contents) return say("none");
  for (const { name, body } of contents.commands) {
    const line = document.createElement("li");
    line.textContent = [names[name] ?? name, body?.title ?? body?.text ?? "", body?.device_at ?? ""].filter(Boolean).join(" · ");
    at("list").append(line);
  }
  at("show").hidden = false;
  say("looking");
  const answer = await send("?look=true").catch(() => null);
  if (!answer) return say("offline");
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) return say("broken", { why: told.detail ?? answer.status });
  say(told.known === told.count ? "known" : "from", { person: told.person, device: told.device, count: told.count, known: told.known });
  at("take").hidden = told.known === told.count;
  if (!at("take").hidden) at("take").focus();
}

async function take() {
  if (!bundle || isBusy) return;
  isBusy = true;
  try {
    const answer = await send("").catch(() => null);
    if (!answer) return say("offline");
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) return say("broken", { why: told.detail ?? answer.status });
    const refused = told.results.filter((one) => one.status !== 200);
    at("take").hidden = true;
    say(refused.length ? "refused" : "taken", { count: told.count, refused: refused.length, why: refused.map((one) => one.detail).join("; ") });
  } finally {
    isBusy = false;
  }
}

async function show() {
  scanning?.stop();
  const frames = await framesOf(new TextEncoder().encode(bundle));
  stopShowing();
  at("code").hidden = false;
  endShowing = showCodes(at("code"), frames, (index, total) => say("shown", { index, total }));
}

function stopShowing() {
  endShowing?.();
  endShowing = null;
  at("code").hidden = true;
}

const PIECE_SAID = { wrong: "wrongPiece", other: "otherPiece" };

async function scan() {
  stopShowing();
  scanning?.stop();
  const video = at("video"), mine = scanning = new Scan(video, (what, { pieces, total }) => say(PIECE_SAID[what] ?? "piece", { count: pieces.size, total }));
  video.hidden = at("stop").hidden = false;
  say("scanning");
  try {
    const text = await mine.read();
    if (text !== null) await look(text);
  } catch (wrong) {
    say(wrong.message === "no camera" ? "noCamera" : "none");
  } finally {
    if (scanning === mine) video.hidden = at("stop").hidden = true;
  }
}

at("file").addEventListener("change", async ({ target }) => {
  const file = target.files[0];
  if (file) await look(file.size <= MOST_BYTES ? await file.text() : "");
});
at("take").addEventListener("click", take);
at("show").addEventListener("click", show);
at("scan").addEventListener("click", scan);
at("stop").addEventListener("click", () => scanning.stop());
addEventListener("pagehide", () => scanning?.stop());
