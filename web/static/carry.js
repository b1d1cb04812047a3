// 随身带入: a bundle from a file or from another screen is looked at, taken over by one key, or shown on.
import { contentsOf } from "./carry_bundle.js";
import { framesOf, Gatherer, MOST_BYTES } from "./carry_frames.js";
import { openCodes, paintCode } from "./carry_codes.js";

const at = (id) => document.getElementById(`carry-${id}`);
const texts = document.getElementById("carry").dataset;
const say = (name, values = {}) => {
  at("said").textContent = Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), texts[name]);
};
const PATIENCE_MS = 30_000, SHOWN_MS = 350, LOOK_MS = 120;
const names = JSON.parse(texts.names);
let bundle = null, showing = null, scanning = null, isBusy = false;

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
  stopScanning();
  const frames = await framesOf(new TextEncoder().encode(bundle));
  let place = 0;
  const next = () => {
    paintCode(at("code"), frames[place % frames.length]);
    say("shown", { index: (place % frames.length) + 1, total: frames.length });
    place += 1;
  };
  stopShowing();
  at("code").hidden = false;
  next();
  showing = setInterval(next, SHOWN_MS);
}

function stopShowing() {
  clearInterval(showing);
  at("code").hidden = true;
}

async function scan() {
  stopShowing();
  const video = at("video");
  const stream = await navigator.mediaDevices?.getUserMedia({ video: { facingMode: "environment" } }).catch(() => null);
  if (!stream) return say("noCamera");
  [video.srcObject, video.hidden, at("stop").hidden] = [stream, false, false];
  await video.play();
  const [read, gathered] = [await openCodes(), new Gatherer()];
  say("scanning");
  const glance = async () => {
    const text = await read(video).catch(() => null);
    if (scanning === null) return;
    if (text) {
      const what = gathered.add(text);
      if (what === "wrong") say("wrongPiece");
      else if (what === "other") say("otherPiece");
      else say("piece", { count: gathered.pieces.size, total: gathered.total });
      if (gathered.isWhole) {
        stopScanning();
        const bytes = await gathered.bytes().catch(() => null);
        return bytes ? look(new TextDecoder().decode(bytes)) : say("none");
      }
    }
    scanning = setTimeout(glance, LOOK_MS);
  };
  scanning = setTimeout(glance, 0);
}

function stopScanning() {
  clearTimeout(scanning);
  scanning = null;
  for (const track of at("video").srcObject?.getTracks() ?? []) track.stop();
  at("video").srcObject = null;
  at("video").hidden = at("stop").hidden = true;
}

at("file").addEventListener("change", async ({ target }) => {
  const file = target.files[0];
  if (file) await look(file.size <= MOST_BYTES ? await file.text() : "");
});
at("take").addEventListener("click", take);
at("show").addEventListener("click", show);
at("scan").addEventListener("click", scan);
at("stop").addEventListener("click", stopScanning);
addEventListener("pagehide", stopScanning);
