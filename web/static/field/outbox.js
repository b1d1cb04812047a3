// What he did, until the server has it. Written to the disk before the screen says 待发送; leaves only on an answer;
// strictly in order; a refused one is kept with its reason and holds up only what needs it.
import { all, asked, change, get, saving } from "./db.js";
import { isRevoked } from "./device.js";
import { deviceTime, measured, newId, skew } from "./tablet.js";

const KEPT_MS = 72 * 3_600_000;  // acknowledged ones, for a server that was restored from a backup
const MOST_AT_ONCE = 40, MOST_BYTES = 128 * 1024, ANSWER_MS = 30_000;
const FIRST_WAIT_MS = 1000, LONGEST_WAIT_MS = 30_000, EVERY_MS = 15_000;
export const MOST_WAITING = 5000;
const ASK_AGAIN = new Set([408, 425, 429, 500, 502, 503, 504, 507]);

export class Outbox extends EventTarget {
  /** `whose()`: the person who is signed in on this tablet, as far as it knows. */
  constructor(whose) {
    super();
    this.whose = whose;
    this.items = [];
    this.failures = 0;
    this.state = "idle";  // idle, sending, offline, signed_out, other_person
    this.others = new BroadcastChannel("fenghuo-field");
    this.others.onmessage = () => this.load();
    setInterval(() => this.flush(), EVERY_MS);
    for (const event of ["online", "pageshow", "fenghuo:back"]) addEventListener(event, () => this.flush(true));
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.flush(true); });
  }

  async load() {
    this.epoch ??= await get("meta", "outbox_epoch");
    this.items = (await all("outbox")).sort((a, b) => a.order - b.order || a.seq - b.seq);
    this.tell();
  }

  tell(alsoOthers = false) {
    if (alsoOthers) this.others.postMessage("changed");
    this.dispatchEvent(new Event("change"));
  }

  get mine() { return this.items.filter((one) => one.person === this.whose()?.person_id); }
  get waiting() { return this.mine.filter((one) => one.state === "waiting"); }
  get refused() { return this.mine.filter((one) => one.state === "refused"); }
  get strangers() { return this.items.filter((one) => one.person !== this.whose()?.person_id && one.state === "waiting"); }

  /** Write down what was done. When this returns it is on the disk. `beside`: a file that goes with it. */
  async add(name, body, { beside = null, instead = null } = {}) {
    if (this.waiting.length >= MOST_WAITING) throw new Error("full");
    const person = this.whose();
    const item = {
      command_id: body.command_id ?? newId(), person: person.person_id, person_name: person.name, name,
      incident_id: body.incident_id, state: "waiting", known_skew_ms: skew.ms, device_at: body.device_at ?? deviceTime(),
      lane: beside || name === "add-attachment" ? "file" : "text",
    };
    item.body = { ...body, command_id: item.command_id, device_at: item.device_at };
    await change(["outbox", "meta", "files", "drafts"], async ({ outbox, meta, files, drafts }) => {
      item.seq = (await asked(meta.get("seq")) ?? 0) + 1;
      item.order = instead?.order ?? item.seq;  // an amended one takes the place of the one it replaces
      meta.put(item.seq, "seq");
      outbox.add(item);
      if (beside) files.add(beside);
      if (saving.draft) drafts.delete(saving.draft);
      if (instead) outbox.put({ ...instead, state: "amended", replaced_by: item.command_id });
    });
    this.others.postMessage("changed");
    await this.load();
    this.flush(true);
    return item;
  }

  /** A refused one is put away, or sent again as it is: whatever refused it may have been set right. */
  async settle(item, state) {
    await change(["outbox", "files"], ({ outbox, files }) => {
      outbox.put({ ...item, state, ...state === "waiting" && { reason: undefined, is_there: false, is_again: false } });
      if (state === "away" && item.body.attachment_id) files.delete(item.body.attachment_id);
    });
    await this.load();
    this.tell(true);
    this.flush(true);
  }

  /** What may go now, in order: text before files, nothing whose incident could not be opened. */
  sendable() {
    const stuck = new Set(this.mine.filter((one) => one.name === "open-incident" && one.state === "refused").map((one) => one.incident_id));
    return this.waiting.filter((one) => !stuck.has(one.incident_id) && (one.lane === "text" || one.is_there));
  }

  blockedBy(item) {
    return this.mine.find((one) => one.name === "open-incident" && one.state === "refused" && one.incident_id === item.incident_id && one !== item);
  }

  async flush(isNow = false) {
    if (this.isFlushing || !this.whose()) return;
    if (!isNow && this.retryAt && performance.now() < this.retryAt) return;
    this.isFlushing = true;
    clearTimeout(this.again);
    try {
      const locks = navigator.locks;
      if (locks) await locks.request("fenghuo-outbox", { ifAvailable: true }, (lock) => lock && this.drain());
      else await this.drain();
    } finally {
      this.isFlushing = false;
    }
  }

  async drain() {
    await this.load();
    let next;
    while ((next = this.batch()).length) {
      this.become("sending");
      const outcome = await this.send(next);
      await this.load();
      if (outcome !== "answered") return this.later(outcome);
      this.failures = 0;
      this.retryAt = null;
    }
    if (!["signed_out", "other_person"].includes(this.state) || this.waiting.length === 0) this.become("idle");
    await this.forgetOld();
    this.dispatchEvent(new Event("drained"));
  }

  batch() {
    const chosen = [];
    let bytes = 0;
    for (const item of this.sendable()) {
      bytes += JSON.stringify(item.body).length * 2;
      if (chosen.length && (chosen.length >= (this.atOnce ?? MOST_AT_ONCE) || bytes > MOST_BYTES)) break;
      chosen.push(item);
    }
    return chosen;
  }

  /** "answered", or why there is none. No answer is never a failure: the same goes again. */
  async send(items) {
    const sentAt = Date.now();
    const commands = items.map(({ name, body }) => ({ name, body: { ...body, device_sent_at: new Date(sentAt).toISOString() } }));
    let answer, told;
    try {
      answer = await fetch("/api/v1/commands", {
        method: "POST", body: JSON.stringify({ commands }), signal: AbortSignal.timeout(ANSWER_MS),
        headers: { "Content-Type": "application/json", "Fenghuo-Person": items[0].person, ...this.epoch && { "Fenghuo-Epoch": this.epoch } },
      });
      if (await isRevoked(answer)) return "signed_out";
      told = await answer.json().catch(() => null);
    } catch {
      return "offline";
    }
    if (answer.status === 401) return "signed_out";
    if (told?.type === "other-person") return "other_person";
    if (told?.type === "other-epoch") return await this.repair(answer.headers.get("Fenghuo-Epoch")) ? "answered" : "offline";
    if (answer.status === 413 && items.length > 1) { this.atOnce = Math.ceil(items.length / 2); return "answered"; }
    if (!answer.ok && (ASK_AGAIN.has(answer.status) || !told?.type)) return "offline";
    const results = told?.results ?? items.map(() => ({ ...told, status: answer.status }));
    return this.take(items, results, sentAt);
  }

  async take(items, results, sentAt) {
    let outcome = "answered";
    const changed = [];
    const unopened = new Set(items.filter((one, at) => one.name === "open-incident" && (results[at]?.status ?? 503) !== 200).map((one) => one.incident_id));
    items.forEach((item, at) => {
      const result = results[at] ?? { status: 503 };
      if (result.status === 200) {
        const { recorded_at, epoch, offset, number, replayed } = result;
        measured(recorded_at, sentAt, Date.now());
        changed.push({ ...item, state: "stored", answer: { recorded_at, epoch, offset, number, replayed }, skew_ms: Date.parse(recorded_at) - sentAt, stored_at: Date.now() });
      } else if (ASK_AGAIN.has(result.status)) outcome = "offline";
      else if (result.type === "no-such-upload" && item.is_there && !item.is_again) changed.push({ ...item, is_there: false, is_again: true });
      else if (result.status !== 424 || !(unopened.has(item.incident_id) || this.blockedBy(item))) {
        const { type, detail, errors, status } = result;
        changed.push({ ...item, state: "refused", reason: { type, detail, errors, status }, refused_at: Date.now() });
      }
    });
    await change(["outbox"], ({ outbox }) => { for (const one of changed) outbox.put(one); });
    if (outcome === "answered" && !changed.length) outcome = "offline";  // nothing moved: not at once again
    this.others.postMessage("changed");
    this.dispatchEvent(new CustomEvent("stored", { detail: changed.filter((one) => one.state === "stored") }));
    return outcome;
  }

  later(why) {
    this.become(why);
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures++);
    const wait = most * (0.5 + Math.random() / 2);
    this.retryAt = performance.now() + wait;
    if (why === "offline") this.again = setTimeout(() => this.flush(true), wait);
  }

  become(state) {
    if (this.state === state) return;
    this.state = state;
    this.tell();
  }

  /** Another epoch: the server was restored, and may have lost what it once acknowledged. All that is kept of it, of
   * whoever it is, waits again under its own id and in its old place; with the epoch in one transaction, so that no
   * battery ends in between. Whether there is another epoch. */
  async repair(epoch) {
    await this.load();
    if (!epoch || epoch === this.epoch) return false;
    await change(["outbox", "meta"], async ({ outbox, meta }) => {
      for (const one of await asked(outbox.getAll())) {
        if (one.state === "stored" && one.answer.epoch !== epoch) outbox.put({ ...one, state: "waiting", is_there: false, is_repair: true });
        else if (one.state === "waiting" && one.is_there) outbox.put({ ...one, is_there: false });
      }
      meta.put(epoch, "outbox_epoch");
    });
    this.epoch = epoch;
    await this.load();
    this.tell(true);
    return true;
  }

  async forgetOld() {
    const old = this.items.filter((one) => ["stored", "amended", "away"].includes(one.state) && Date.now() - (one.stored_at ?? Date.parse(one.device_at)) > KEPT_MS);
    if (!old.length) return;
    await change(["outbox", "files"], ({ outbox, files }) => {
      for (const one of old) {
        outbox.delete(one.command_id);
        if (one.body.attachment_id) files.delete(one.body.attachment_id);
      }
    });
    await this.load();
  }
}
