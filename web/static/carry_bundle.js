// A bundle of a tablet's outbox, signed by the tablet (docs/bundles.md), and the tablet's key pair.
//
//     const fresh = await freshTablet(personId);             once, one for each person; the keeper seals and keeps it
//     const tablet = await openTablet(fresh);                {device_id, person_id, sign}
//     await enrol(fresh, "前指平板");                         with the network: POST /api/v1/devices
//     const text = await bundleOf(tablet, person, commands); [{name, body}, …]; a file, or carry_frames.js
//
// Each person has a pair of their own: an outbox is never signed by the next one. The private half is a JWK, so it can be
// sealed with all else that is that person's (field/db.js); opened it cannot be taken out again.
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const MOST_COMMANDS = 1000, PATIENCE_MS = 15_000;

/** A tablet in somebody's hands, as it can be kept: what is secret in it is not wrapped here. */
export async function freshTablet(personId) {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  return {
    device_id: crypto.randomUUID(), person_id: personId, secret: await crypto.subtle.exportKey("jwk", privateKey),
    public_key: base64url(await crypto.subtle.exportKey("raw", publicKey)),
  };
}

export async function openTablet({ device_id, person_id, secret }) {
  const key = await crypto.subtle.importKey("jwk", secret, ALGORITHM, false, ["sign"]);
  return { device_id, person_id, sign: (bytes) => crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, bytes) };
}

/** Make it known to the desk. Answers its status: 200; 410 is the order to forget everything (field_wipe.js). */
export async function enrol(tablet, deviceName) {
  const body = { device_id: tablet.device_id, device_name: deviceName, public_key: tablet.public_key };
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
  const signature = await tablet.sign(message);
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
