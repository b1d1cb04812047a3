// The lock of a tablet's store: what is kept is sealed with a key that only the PIN and this very browser open together.
//
//     const lock = new Lock(personId);
//     await lock.create("2580");                    once, after signing in; or `await lock.exists()` and then
//     await lock.unlock("2580");                    "open", "wrong", or "spent": five wrong ones, sign in again online
//     const sealed = await lock.seal(value);        anything that JSON can say → {iv, data}, to be put into IndexedDB
//     const value = await lock.open(sealed);        throws when it is locked, or when a byte was changed
//     lock.lock();                                  the key is gone from memory; idle, hidden, or by hand
//
// The key of the store (AES-GCM, 256 bit) is kept only wrapped, by a key made of two halves: the PIN through PBKDF2, and a
// secret key of this browser that cannot be extracted (HMAC). Files that somebody copied off the tablet hold neither
// half in a form that another machine could try PINs with. Who runs scripts in this very browser profile is stopped by
// the counter alone, which is as strong as the tablet's own lock: say so, and revoke a tablet that was lost.
import { strictStore } from "./strict_store.js";

const inStore = strictStore("fenghuo-lock", "locks");
const ROUNDS = 310_000;
export const MOST_WRONG = 5;
const PIN = /^[0-9]{4,12}$/;
const AES = "AES-GCM";

export class Lock {
  #key = null;

  constructor(personId) {
    this.personId = personId;
  }

  get isOpen() {
    return this.#key !== null;
  }

  async exists() {
    return (await this.#kept()) !== undefined;
  }

  /** A fresh key of the store under this PIN. What was sealed by another key before is lost: that is the point. */
  async create(pin) {
    if (!PIN.test(pin)) throw new RangeError("4 to 12 digits");
    const secret = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const salt = crypto.getRandomValues(new Uint8Array(16));
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const key = await crypto.subtle.generateKey({ name: AES, length: 256 }, true, ["encrypt", "decrypt"]);
    const wrapped = await crypto.subtle.wrapKey("raw", key, await wrapping(pin, salt, secret), { name: AES, iv });
    await this.#keep({ secret, salt, iv, wrapped, wrong: 0 });
    if (await this.unlock(pin) !== "open") throw new Error("the lock does not open");
  }

  /** The try is counted on the disk before it is made: a page that is killed in between has used it up. */
  async unlock(pin) {
    const kept = await this.#kept();
    if (kept === undefined || kept.wrong >= MOST_WRONG) return "spent";
    if (!PIN.test(pin)) return "wrong";
    await this.#keep({ ...kept, wrong: kept.wrong + 1 });
    try {
      const by = await wrapping(pin, kept.salt, kept.secret);
      this.#key = await crypto.subtle.unwrapKey(
        "raw", kept.wrapped, by, { name: AES, iv: kept.iv }, AES, false, ["encrypt", "decrypt"],
      );
    } catch {
      return kept.wrong + 1 >= MOST_WRONG ? "spent" : "wrong";
    }
    await this.#keep({ ...kept, wrong: 0 });
    return "open";
  }

  lock() {
    this.#key = null;
  }

  async forget() {
    this.lock();
    await inStore("readwrite", (locks) => locks.delete(this.personId));
  }

  async seal(value) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(value));
    return { iv, data: await crypto.subtle.encrypt(this.#how(iv), this.#opened(), plain) };
  }

  async open({ iv, data }) {
    const plain = await crypto.subtle.decrypt(this.#how(iv), this.#opened(), data);
    return JSON.parse(new TextDecoder().decode(plain));
  }

  /** Sealed for one person: what another's lock sealed does not open, whatever the key. */
  #how(iv) {
    return { name: AES, iv, additionalData: new TextEncoder().encode(this.personId) };
  }

  #opened() {
    if (this.#key === null) throw new Error("locked");
    return this.#key;
  }

  #kept() {
    return inStore("readonly", (locks) => locks.get(this.personId));
  }

  #keep(kept) {
    return inStore("readwrite", (locks) => locks.put(kept, this.personId));
  }
}

/** What wraps the key of the store: PIN and this browser's secret, neither enough alone. */
async function wrapping(pin, salt, secret) {
  const typed = await crypto.subtle.importKey("raw", new TextEncoder().encode(pin), "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: ROUNDS };
  const half = await crypto.subtle.deriveBits(how, typed, 256);
  const both = await crypto.subtle.sign("HMAC", secret, half);
  return crypto.subtle.importKey("raw", both, AES, false, ["wrapKey", "unwrapKey"]);
}
