// What he did, until the server has it. Written to the disk before the screen says 待发送; leaves only on an answer;
// strictly in order; a refused one is kept with its reason and holds up only what needs it.
import { asked, at, change, isOpen, pack, patch, plain, raw, saving, unsealed } from "./db.js";
import { isRevoked } from "./device.js";
import { waitingOfOthers } from "./others.js";
import { deviceTime, measured, newId, skew } from "./tablet.js";

const KEPT_MS = 72 * 3_600_000;  // acknowledged ones, for a server that was restored from a backup
const MOST_AT_ONCE = 40, MOST_BYTES = 128 * 1024, ANSWER_MS = 30_000;
const FIRST_WAIT_MS = 1000, LONGEST_WAIT_MS = 30_000, EVERY_MS = 15_000;
export const MOST_WAITING = 5000;
const ASK_AGAIN = new Set([408, 425, 429, 500, 502, 503, 504, 507]);

export class Outbox extends EventTarget {
  constructor() {
    super();
    this.person = null;  // whose it is: `{person_id, name}`; each person has an outbox of their own
    this.items = [];
    this.opened = new Map();  // command_id: `{mark, said}`, what was unsealed once
    this.refusedWhileLocked = new Set();
    this.strangers = [];  // `{name, count}`: what waits in others' outboxes; nothing else is known of it
    this.failures = 0;
    this.state = "idle";  // idle, sending, offline, signed_out, other_person
    this.others = new BroadcastChannel("fenghuo-field");
    this.others.onmessage = () => this.person && this.load();
    setInterval(() => this.flush(), EVERY_MS);
    for (const event of ["online", "pageshow", "fenghuo:back"]) addEventListener(event, () => this.flush(true));
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.flush(true); });
  }

  /** This person's from now on; the lock is open. */
  async open(person) {
    if (this.person?.person_id !== person.person_id) this.opened.clear();
    Object.assign(this, { person, state: "idle", retryAt: null, epoch: undefined, refusedWhileLocked: new Set() });
    this.strangers = await waitingOfOthers(person.person_id);
    await this.load();
  }

  /** Locked: only what has to go out is still known here, and goes; all else waits, sealed. */
  lock() {
    const needed = new Set(this.items.filter((one) => one.state === "waiting" && one.lane === "text").map((one) => one.command_id));
    for (const id of this.opened.keys()) if (!needed.has(id)) this.opened.delete(id);
    this.items = this.items.filter((one) => needed.has(one.command_id));
    this.refusedWhileLocked = new Set();
  }

  async load() {
    this.epoch ??= (await plain("meta", "outbox_epoch"))?.value;
    const records = await raw("outbox");
    const items = await Promise.all(records.map((record) => this.read(record)));
    this.items = items.filter(Boolean).sort((a, b) => a.order - b.order || a.seq - b.seq);
    this.tell();
  }

  /** Unsealed once for each time it was sealed; without the key only what was unsealed before. */
  async read(record) {
    const known = this.opened.get(record.id), mark = String(record.sealed.iv);
    if (known?.mark === mark) {
      const { sealed: _sealed, person: _person, id: _id, ...plain } = record;
      return { ...known.said, ...plain };
    }
    if (!isOpen()) return null;
    const said = await unsealed("outbox", record).catch(() => null);
    if (said) this.opened.set(record.id, { mark, said });
    return said;
  }

  tell(alsoOthers = false) {
    if (alsoOthers) this.others.postMessage("changed");
    this.dispatchEvent(new Event("change"));
  }

  get waiting() { return this.items.filter((one) => one.state === "waiting"); }
  get refused() { return this.items.filter((one) => one.state === "refused"); }

  /** Write down what was done. When this returns it is on the disk. `beside`: a file that goes with it. */
  async add(name, body, { beside = null, instead = null } = {}) {
    if (this.waiting.length >= MOST_WAITING) throw new Error("full");
    const item = {
      command_id: body.command_id ?? newId(), person_name: this.person.name, name,
      incident_id: body.incident_id, state: "waiting", known_skew_ms: skew.ms, device_at: body.device_at ?? deviceTime(),
      lane: beside || name === "add-attachment" ? "file" : "text",
    };
    item.body = { ...body, command_id: item.command_id, device_at: item.device_at };
    const record = await pack("outbox", item), file = beside && await pack("files", beside);
    await change(["outbox", "meta", "files", "drafts"], async ({ outbox, meta, files, drafts }) => {
      const counter = await asked(meta.get(at("seq")));
      item.seq = (counter?.value ?? 0) + 1;
      item.order = instead?.order ?? item.seq;  // an amended one takes the place of the one it replaces
      meta.put({ person: this.person.person_id, id: "seq", value: item.seq });
      outbox.add({ ...record, seq: item.seq, order: item.order });
      if (file) files.add(file);
      if (saving.draft) drafts.delete(at(saving.draft));
      if (instead) await patch(outbox, instead.command_id, { state: "amended" });
    });
    this.others.postMessage("changed");
    this.opened.set(item.command_id, { mark: String(record.sealed.iv), said: item });  // locked meanwhile, it goes out all the same
    await this.load();
    this.flush(true);
    return item;
  }

  /** A refused one is put away, or sent again as it is: whatever refused it may have been set right. */
  async settle(item, state) {
    await change(["outbox", "files"], async ({ outbox, files }) => {
      await patch(outbox, item.command_id, state === "waiting" ? { state, is_there: false, is_again: false, is_repair: false } : { state });
      if (state === "away" && item.body.attachment_id) files.delete(at(item.body.attachment_id));
    });
    await this.load();
    this.tell(true);
    this.flush(true);
  }

  /** What may go now, in order: text before files, nothing whose incident could not be opened. */
  sendable() {
    const stuck = new Set(this.items.filter((one) => one.name === "open-incident" && one.state === "refused").map((one) => one.incident_id));
    return this.waiting.filter((one) => !stuck.has(one.incident_id) && (one.lane === "text" || one.is_there) && !this.refusedWhileLocked.has(one.command_id));
  }

  blockedBy(item) {
    return this.items.find((one) => one.name === "open-incident" && one.state === "refused" && one.incident_id === item.incident_id && one !== item);
  }

  async flush(isNow = false) {
    if (this.isFlushing || !this.person) return;
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
        headers: { "Content-Type": "application/json", "Fenghuo-Person": this.person.person_id, ...this.epoch && { "Fenghuo-Epoch": this.epoch } },
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
        const { recorded_at, epoch, offset, number, replayed, via } = result;
        measured(recorded_at, sentAt, Date.now());
        changed.push({ ...item, state: "stored", answer: { recorded_at, epoch, offset, number, replayed, via }, skew_ms: Date.parse(recorded_at) - sentAt, stored_at: Date.now() });
      } else if (ASK_AGAIN.has(result.status)) outcome = "offline";
      else if (result.type === "no-such-upload" && item.is_there && !item.is_again) changed.push({ ...item, is_there: false, is_again: true });
      else if (result.status !== 424 || !(unopened.has(item.incident_id) || this.blockedBy(item))) {
        const { type, detail, errors, status } = result;
        changed.push({ ...item, state: "refused", reason: { type, detail, errors, status }, refused_at: Date.now() });
      }
    });
    await this.write(changed);
    if (outcome === "answered" && !changed.length) outcome = "offline";  // nothing moved: not at once again
    this.others.postMessage("changed");
    this.dispatchEvent(new CustomEvent("stored", { detail: changed.filter((one) => one.state === "stored") }));
    return outcome;
  }

  /** What became of some: a reason may quote what was said, so it is sealed; with no key it is asked for again later. */
  async write(changed) {
    const refused = changed.filter((one) => !["stored", "waiting"].includes(one.state));
    const records = await Promise.all(refused.map((one) => pack("outbox", one))).catch((wrong) => { if (isOpen()) throw wrong; });
    if (!records) for (const one of refused) this.refusedWhileLocked.add(one.command_id);
    await change(["outbox"], async ({ outbox }) => {
      for (const record of records ?? []) outbox.put(record);
      for (const { command_id: id, state, answer, skew_ms, stored_at } of changed) {
        if (state === "stored") await patch(outbox, id, { state, answer, skew_ms, stored_at });
        else if (state === "waiting") await patch(outbox, id, { is_there: false, is_again: true });
      }
    });
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

  /** Another epoch: the server was restored, and may have lost what it once acknowledged. All that is kept of it
   * waits again under its own id and in its old place; with the epoch in one transaction, so that no
   * battery ends in between. Whether there is another epoch. */
  async repair(epoch) {
    if (!isOpen()) return false;  // what was stored is not in memory: when it is open again
    await this.load();
    if (!epoch || epoch === this.epoch) return false;
    await change(["outbox", "meta"], async ({ outbox, meta }) => {
      for (const { command_id: id, state, answer, is_there } of this.items) {
        if (state === "stored" && answer.epoch !== epoch) await patch(outbox, id, { state: "waiting", is_there: false, is_repair: true });
        else if (state === "waiting" && is_there) await patch(outbox, id, { is_there: false });
      }
      meta.put({ person: this.person.person_id, id: "outbox_epoch", value: epoch });
    });
    this.epoch = epoch;
    await this.load();
    this.tell(true);
    return true;
  }

  async forgetOld() {
    if (!isOpen()) return;
    const old = this.items.filter((one) => ["stored", "amended", "away"].includes(one.state) && Date.now() - (one.stored_at ?? Date.parse(one.device_at)) > KEPT_MS);
    if (!old.length) return;
    await change(["outbox", "files"], ({ outbox, files }) => {
      for (const one of old) {
        outbox.delete(at(one.command_id));
        this.opened.delete(one.command_id);
        if (one.body.attachment_id) files.delete(at(one.body.attachment_id));
      }
    });
    await this.load();
  }
}
