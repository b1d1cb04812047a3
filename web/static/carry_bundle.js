// A bundle of a tablet's outbox, signed by the tablet (docs/bundles.md), and the tablet's key pair.
//
//     const tablet = await tabletOf(personId);              made when first asked for, one for each person
//     await enrol(tablet, "前指平板");                        once, with the network: POST /api/v1/devices
//     const text = await bundleOf(tablet, person, commands); [{name, body}, …]; a file, or carry_frames.js
//
// The private key is made not extractable and stays in this browser's IndexedDB: a copy of the disk's files is of no use
// to another browser profile's scripts. Each person has a pair of their own: an outbox is never signed by the next one.

import { strictStore } from "./strict_store.js";

const store = strictStore("fenghuo-keys", "keys");
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const MOST_COMMANDS = 1000, PATIENCE_MS = 15_000;

/** The tablet as this person's: `{device_id, person_id, keys}`. */
export async function tabletOf(personId) {
  const known = await store("readonly", (keys) => keys.get(personId));
  if (known) return known;
  const keys = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const fresh = { device_id: crypto.randomUUID(), person_id: personId, keys };
  // Two tabs may ask at once: whoever comes second takes what the first put there.
  await store("readwrite", (kept) => kept.add(fresh, personId)).catch(() => {});
  return store("readonly", (kept) => kept.get(personId));
}

/** Make it known to the desk. Answers its status: 200; 410 is the order to forget everything (field_wipe.js). */
export async function enrol(tablet, deviceName) {
  const raw = await crypto.subtle.exportKey("raw", tablet.keys.publicKey);
  const body = { device_id: tablet.device_id, device_name: deviceName, public_key: base64url(raw) };
  const answer = await fetch("/api/v1/devices", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return answer.status;
}

/** The text of a bundle. `device_sent_at` is left out: who carries it sends it, and nobody knows when. */
export async function bundleOf(tablet, person, commands, madeAt = new Date()) {
  if (commands.length < 1 || commands.length > MOST_COMMANDS) throw new RangeError("1 to 1000 commands");
  const header = {
    fenghuo: "bundle/1", bundle_id: crypto.randomUUID(), device_id: tablet.device_id, person_id: tablet.person_id,
    person, made_at: madeAt.toISOString(), count: commands.length,
  };
  const items = commands.map(({ name, body: { device_sent_at: _sent, ...body } }) => ({ name, body }));
  const text = [header, ...items].map((one) => `${JSON.stringify(one)}\n`).join("");
  const message = new TextEncoder().encode(text);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, tablet.keys.privateKey, message);
  return `${text}${JSON.stringify({ signature: base64url(signature) })}\n`;
}

/** What a bundle says of itself, for a look before it is taken over; null for what is none. Nothing is verified here. */
export function contentsOf(text) {
  try {
    const lines = text.replace(/\n$/, "").split("\n").map((line) => JSON.parse(line));
    if (lines[0].fenghuo !== "bundle/1" || typeof lines.at(-1).signature !== "string") return null;
    return { header: lines[0], commands: lines.slice(1, -1) };
  } catch {
    return null;
  }
}

function base64url(buffer) {
  const text = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
