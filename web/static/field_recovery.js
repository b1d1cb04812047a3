// A PIN that is forgotten for good: the key of a store is kept once more, wrapped for the bureau's recovery key. The
// private half of that lies in a safe and is on no server; server/people/recovery.py opens with it what is sealed here.
const EC = { name: "ECDH", namedCurve: "P-256" }, AES = "AES-GCM";
const INFO = new TextEncoder().encode("fenghuo recovery/1");

/** The key of a store for whoever has the private half of `to`, a point in base64url. */
export async function wrappedFor(to, key) {
  const theirs = await crypto.subtle.importKey("raw", bytesOf(to), EC, false, []);
  const once = await crypto.subtle.generateKey(EC, false, ["deriveBits"]);
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, once.privateKey, 256);
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", once.publicKey));
  const material = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: point, info: INFO };
  const by = await crypto.subtle.deriveKey(how, material, { name: AES, length: 256 }, false, ["wrapKey"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  return { to, point, iv, wrapped: await crypto.subtle.wrapKey("raw", key, by, { name: AES, iv }) };
}

/** A file of what waits, as it is sealed: nothing in it can be read without that private half. */
export function sealedFile(person, recovery, tablet, deeds, madeAt = new Date()) {
  const box = ({ iv, data }) => ({ iv: base64url(iv), data: base64url(data) });
  return JSON.stringify({
    fenghuo: "sealed/1", person_id: person.person_id, name: person.name, made_at: madeAt.toISOString(),
    recovery: { to: recovery.to, point: base64url(recovery.point), iv: base64url(recovery.iv), wrapped: base64url(recovery.wrapped) },
    tablet: box(tablet), deeds: deeds.map(box),
  });
}

function base64url(buffer) {
  let text = "";
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
