// The lock of a tablet's store: what is kept is sealed with a key that only the PIN and this very browser open together.
//
//     const lock = new Lock(personId);
//     await lock.create("4826");                    once, after signing in; where `await lock.standing()` is not null
//     await lock.unlock("4826");                    "open", "wrong", "wait" (too soon) or "spent": five wrong ones
//     const sealed = await lock.seal(value);        anything that JSON can say → {iv, data}, to be put into IndexedDB
//     const value = await lock.open(sealed);        throws when it is locked, or when a byte was changed
//     lock.lock();                                  the key is gone from memory; idle, hidden, or by hand
//     await lock.allowAgain();                      spent, and signed in anew since: five more
//
// The key of the store (AES-GCM, 256 bit) is kept only wrapped, by a key made of two halves: the PIN through PBKDF2, and a
// secret key of this browser that no script can take out (HMAC). It lies in the browser's own files all the same: who
// copies the flash has it, tries PINs on another machine where nobody counts, and a short one falls in seconds. What
// stands against that is the tablet's own encryption, a long PIN, and taking a lost tablet back (docs/tablets.md).
import { wrappedFor } from "./field_recovery.js";
import { strictStore } from "./strict_store.js";

const inStore = strictStore("fenghuo-lock", "locks");
const ROUNDS = 310_000;
export const MOST_WRONG = 5;
/** How long the next try waits after so many wrong ones, ms. */
export const WAITS_MS = [0, 0, 5_000, 15_000, 60_000];
const PIN = /^[0-9]{4,12}$/;
const AES = "AES-GCM";

/** Whether a PIN may be chosen: digits enough, not all the same, not in a row. `least`: as many as the desk wants. */
export function isFit(pin, least = 4) {
  if (!PIN.test(pin) || pin.length < least) return false;
  const steps = new Set([...pin].slice(1).map((digit, at) => Number(digit) - Number(pin[at])));
  return steps.size > 1 || ![-1, 0, 1].includes([...steps][0]);
}

/** Whose locks are here, who came last first: names alone, for the door. */
export async function people() {
  const kept = await inStore("readonly", (locks) => locks.getAll());
  return kept.filter((one) => one.person).sort((a, b) => b.cameAt - a.cameAt).map((one) => one.person);
}

export class Lock {
  #key = null;

  constructor(personId, now = Date.now) {
    this.personId = personId;
    this.now = now;
  }

  get isOpen() {
    return this.#key !== null;
  }

  /** `{left, wait}`: tries that are left, and how long until the next, ms; null when there is no lock. */
  async standing() {
    const kept = await this.#kept();
    if (kept === undefined) return null;
    return { left: Math.max(0, MOST_WRONG - kept.wrong), wait: this.#wait(kept), isSignedOut: Boolean(kept.isSignedOut) };
  }

  /** A fresh key of the store under this PIN. Throws where there is a lock already, of another window perhaps: what
      that has sealed would never open again. To begin anew, `forget` first. */
  async create(pin, recoveryKey = null) {
    const key = await crypto.subtle.generateKey({ name: AES, length: 256 }, true, ["encrypt", "decrypt"]);
    const made = await wrapped(key, pin);
    await inStore("readwrite", (locks) => locks.add({ ...made, wrong: 0 }, this.personId));
    if (await this.unlock(pin, recoveryKey) !== "open") throw new Error("the lock does not open");
  }

  /** Another PIN for the same key: nothing is sealed anew. A wrong old one counts as at the door. */
  async change(pin, next) {
    if (!PIN.test(next)) throw new RangeError("4 to 12 digits");
    return this.#tried(pin, async (unwrap) => {
      const made = await wrapped(await unwrap(true), next);
      await this.#turn(() => made);
    });
  }

  /** `recoveryKey`: the bureau's, in base64url; the key of the store is wrapped for it, too, and for no other. */
  async unlock(pin, recoveryKey = null) {
    return this.#tried(pin, async (unwrap) => {
      this.#key = await unwrap(false);
      if (((await this.recovery())?.to ?? null) === recoveryKey) return;
      const recovery = recoveryKey && await wrappedFor(recoveryKey, await unwrap(true));
      await this.#turn(() => ({ recovery }));
    });
  }

  /** The key of the store as the bureau's recovery key opens it; null where there is none. */
  async recovery() {
    return (await this.#kept())?.recovery ?? null;
  }

  lock() {
    this.#key = null;
  }

  async forget() {
    this.lock();
    await inStore("readwrite", (locks) => locks.delete(this.personId));
  }

  /** Whose it is, in words for the door. */
  async came({ person_id, name, unit_name, post }) {
    await this.#turn(() => ({ person: { person_id, name, unit_name, post }, cameAt: this.now() }));
  }

  /** Spent: the session has ended too, so whoever comes next has signed in with the password. */
  async wasSignedOut() {
    await this.#turn((kept) => kept.wrong >= MOST_WRONG && { isSignedOut: true });
  }

  async allowAgain() {
    return Boolean((await this.#turn((kept) => kept.isSignedOut && { wrong: 0, wrongAt: null, isSignedOut: false }))?.over);
  }

  async seal(value) {
    return this.sealBytes(new TextEncoder().encode(JSON.stringify(value)));
  }

  async open(sealed) {
    return JSON.parse(new TextDecoder().decode(await this.openBytes(sealed)));
  }

  async sealBytes(bytes) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    return { iv, data: await crypto.subtle.encrypt(this.#how(iv), this.#opened(), bytes) };
  }

  async openBytes({ iv, data }) {
    return crypto.subtle.decrypt(this.#how(iv), this.#opened(), data);
  }

  /** The try is counted on the disk before it is made, in the transaction that looks how many there were: a page that is
      killed in between has used it up, and two windows never have the same one. */
  async #tried(pin, use) {
    const { kept, over } = await this.#turn((one) => one.wrong < MOST_WRONG && this.#wait(one) === 0 && PIN.test(pin)
      && { wrong: one.wrong + 1, wrongAt: this.now() }) ?? {};
    if (kept === undefined || kept.wrong >= MOST_WRONG) return "spent";
    if (!over) return this.#wait(kept) > 0 ? "wait" : "wrong";
    const { wrong } = over;
    try {
      const by = await wrapping(pin, kept.salt, kept.secret);
      await use((isExtractable) => crypto.subtle.unwrapKey(
        "raw", kept.wrapped, by, { name: AES, iv: kept.iv }, AES, isExtractable, ["encrypt", "decrypt"],
      ));
    } catch {
      return wrong >= MOST_WRONG ? "spent" : "wrong";
    }
    await this.#turn(() => ({ wrong: 0, wrongAt: null }));
    return "open";
  }

  /** A clock that was turned does not make it longer than it is meant to be. */
  #wait({ wrong, wrongAt }) {
    const whole = WAITS_MS[Math.min(wrong, WAITS_MS.length - 1)];
    return wrongAt ? Math.max(0, Math.min(whole, wrongAt + whole - this.now())) : 0;
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

  /** Look and change in one transaction. `over(kept)`: what is to be otherwise, or nothing. As it was, and what was changed. */
  async #turn(over) {
    let done;
    const kept = await inStore("readwrite", (locks) => {
      const asked = locks.get(this.personId);
      asked.onsuccess = () => {
        if (asked.result === undefined) return;
        done = over(asked.result) || undefined;
        if (done) locks.put({ ...asked.result, ...done }, this.personId);
      };
      return asked;
    });
    return kept && { kept, over: done };
  }
}

/** The key of the store as it is kept: under this PIN, and a secret of this browser made for it. */
async function wrapped(key, pin) {
  if (!PIN.test(pin)) throw new RangeError("4 to 12 digits");
  const secret = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const bytes = await crypto.subtle.wrapKey("raw", key, await wrapping(pin, salt, secret), { name: AES, iv });
  return { secret, salt, iv, wrapped: bytes };
}

/** What wraps the key of the store: PIN and this browser's secret, neither enough alone. */
async function wrapping(pin, salt, secret) {
  const typed = await crypto.subtle.importKey("raw", new TextEncoder().encode(pin), "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: ROUNDS };
  const half = await crypto.subtle.deriveBits(how, typed, 256);
  const both = await crypto.subtle.sign("HMAC", secret, half);
  return crypto.subtle.importKey("raw", both, AES, false, ["wrapKey", "unwrapKey"]);
}
