// Bundles of others on this tablet: taken in from a stick or off a screen, sealed with all else, handed on to the desk as
// soon as there is a line. Whoever carries changes nothing and needs no right to what is in it; the desk names both.
import { contentsOf } from "../carry_bundle.js";
import { all, drop, isOpen, put } from "./db.js";
import { isRevoked } from "./device.js";

const ANSWER_MS = 30_000, KEPT_MS = 72 * 3_600_000;
const LATER = new Set([408, 425, 429]);

export class Carried extends EventTarget {
  constructor() {
    super();
    this.items = [];
  }

  get waiting() { return this.items.filter((one) => one.state === "waiting"); }

  async load() {
    this.items = (await all("carried")).sort((a, b) => b.taken_at - a.taken_at);
    this.dispatchEvent(new Event("change"));
  }

  lock() { this.items = []; }

  /** Kept before it is said to be. The same again is the same; null for what is none. */
  async take(text) {
    const contents = contentsOf(text);
    if (!contents) return null;
    const { bundle_id, person, made_at } = contents.header;
    const known = this.items.find((one) => one.bundle_id === bundle_id);
    if (!known) await put("carried", { bundle_id, name: person, made_at, count: contents.commands.length, text, taken_at: Date.now(), state: "waiting" });
    await this.load();
    return known ?? this.items.find((one) => one.bundle_id === bundle_id);
  }

  async putDown(one) {
    await drop("carried", one.bundle_id);
    await this.load();
  }

  /** To the desk, each once; no answer is no failure, the same goes again. */
  async handOn() {
    if (this.isBusy || !isOpen()) return;
    this.isBusy = true;
    try {
      for (const one of this.waiting) {
        const over = await this.send(one);
        if (!over || !isOpen()) return;
        await put("carried", { ...one, ...over, handed_at: Date.now() });
        await this.load();
      }
      for (const one of this.items) if (one.state === "handed" && Date.now() - one.handed_at > KEPT_MS) await this.putDown(one);
    } finally {
      this.isBusy = false;
    }
  }

  async send({ text }) {
    try {
      const answer = await fetch("/api/v1/bundles", {
        method: "POST", headers: { "Content-Type": "application/x-ndjson" }, body: text, signal: AbortSignal.timeout(ANSWER_MS),
      });
      if (await isRevoked(answer)) return null;
      const told = await answer.json();
      if (!answer.ok) return told.type?.startsWith("bundle-") ? { state: "refused", reason: told.detail } : null;
      if (told.results.some(({ status }) => status >= 500 || LATER.has(status))) return null;  // all of it once more, harmlessly
      const refused = told.results.filter((one) => one.status !== 200);
      return { state: "handed", known: told.results.filter((one) => one.replayed).length, refused: refused.length, reason: refused.map((one) => one.detail).join("; ") };
    } catch {
      return null;
    }
  }
}
