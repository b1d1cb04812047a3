// What this tablet keeps of the record. Replaced by what the server says, never folded here; through a cut it stays
// as it was, with its age. What he did since then is laid over it when it is shown.
import { all, at, change, get, ids, isOpen, pack } from "./db.js";
import { isRevoked } from "./device.js";
import { measured } from "./tablet.js";

const SOON_MS = 300, THIN_SOON_MS = 10_000, ANSWER_MS = 25_000, MOST_AT_ONCE = 20;
const SLOW_BYTES_S = 8_000;

export class State extends EventTarget {
  constructor() {
    super();
    this.incidents = new Map();
    this.meta = null;  // {person, epoch, after, at, others, book, tag, seen}
    this.stale = new Set();
    this.thin = localStorage.getItem("fenghuo.field.thin");  // "on", "off", or null: as measured
    this.measuredThin = false;
  }

  get person() { return this.meta?.person ?? null; }
  get isThin() { return this.thin === null ? this.measuredThin : this.thin === "on"; }
  may(command) { return Boolean(this.person?.commands.includes(command)); }

  setThin(value) {
    this.thin = value;
    if (value === null) localStorage.removeItem("fenghuo.field.thin");
    else localStorage.setItem("fenghuo.field.thin", value);
    this.tell();
  }

  /** What is kept for this person; one who comes for the first time has a name and nothing yet. */
  async load(person) {
    this.meta = await get("meta", "state") ?? { person: { commands: [], ...person }, epoch: null, others: [] };
    this.settledAfter = this.meta.after;
    this.incidents = new Map((await all("incidents")).map((one) => [one.id, one]));
    this.tell();
  }

  /** Locked: who it is and how far was read; nothing of what was read. */
  lock() {
    const { person, epoch, after, release } = this.meta;
    this.meta = { person, epoch, after, release, others: [] };
    this.incidents = new Map();
    this.stale.clear();
  }

  tell() { this.dispatchEvent(new Event("change")); }

  /** Read everything again. "read", "signed_out", or "offline". */
  async refresh() {
    const told = await this.ask(`/api/v1/field${this.isThin ? "?small=1" : ""}`);
    if (!told.said) return told.why;
    const { said } = told;
    if (this.person.person_id !== said.person.person_id) return "other_person";
    if (!isOpen()) {
      Object.assign(this.meta, { epoch: said.epoch, after: said.head });
      this.dispatchEvent(new CustomEvent("unseen", { detail: said.incidents }));
      return "read";
    }
    const kept = this.meta;
    this.meta = {
      ...kept, person: said.person, stream: said.stream, epoch: said.epoch, after: said.head, at: Date.now(), others: said.others,
      release: said.release, lock_minutes: said.lock_minutes, seen: kept.epoch === said.epoch ? kept.seen ?? said.head : said.head,
    };
    const read = new Map(said.incidents.map((one) => [one.id, one])), before = said.small && kept.epoch === said.epoch ? this.incidents : new Map();
    this.stale.clear();
    for (const [id, one] of before) if (!read.has(id)) this.stays(one, said.others, read);
    this.incidents = read;
    this.meta.others = said.others.filter((one) => !read.has(one.id));
    this.settledAfter = said.head;
    const gone = (await ids("incidents")).filter((id) => !read.has(id));
    await this.write(this.meta, said.incidents, gone);
    if (this.stale.size) this.readSoon(THIN_SOON_MS);
    this.tell();
    this.readBook().catch((wrong) => { if (isOpen()) throw wrong; });
    return "read";
  }

  /** The small form tells of a few: what else was kept whole is not lost for that, and is looked at again by and by. */
  stays(one, others, read) {
    read.set(one.id, one);
    if (others.find(({ id }) => id === one.id)?.version !== one.version) this.stale.add(one.id);
  }

  /** An entry came: its incident is read again soon, several at once. */
  touched(entry) {
    this.meta.after = entry.offset;
    if (!isOpen()) return this.lookUnseen(entry);
    if (entry.incident_id) this.stale.add(entry.incident_id);
    this.readSoon(this.isThin ? THIN_SOON_MS : SOON_MS);
  }

  /** Whatever the lock shut in the middle is read again when it is open. */
  readSoon(wait) {
    this.reading ??= setTimeout(() => this.readStale().catch((wrong) => { if (isOpen()) throw wrong; }), wait);
  }

  /** Locked: whether an order came is all that is wanted; what it says is not kept. */
  async lookUnseen({ incident_id: id, event }) {
    if (event?.type !== "order_issued" || !id) return;
    const { said } = await this.ask(`/api/v1/field?incidents=${id}`);
    if (said && said.person.person_id === this.person.person_id && !isOpen()) this.dispatchEvent(new CustomEvent("unseen", { detail: said.incidents }));
  }

  async readStale() {
    this.reading = null;
    if (!isOpen()) return;
    const ids = [...this.stale].slice(0, MOST_AT_ONCE), { after } = this.meta;
    if (ids.length) {
      const told = await this.ask(`/api/v1/field?incidents=${ids.join(",")}${this.isThin ? "&small=1" : ""}`);
      if (!told.said || told.said.person.person_id !== this.person.person_id || !isOpen()) return;
      for (const id of ids) this.stale.delete(id);
      for (const one of told.said.incidents) this.place(one);
      for (const id of told.said.gone) this.incidents.delete(id);
      this.meta.others = this.meta.others.filter((one) => !this.incidents.has(one.id) && !told.said.gone.includes(one.id));
      await this.keep(told.said.incidents, told.said.gone);
    } else await this.keep([], []);
    if (this.stale.size || this.meta.after !== after) this.readSoon(SOON_MS);
    this.tell();
  }

  place(one) {
    if (one.state === "open") this.incidents.set(one.id, one);
    else this.incidents.delete(one.id);
  }

  /** Only when the incidents are on the disk the place in the stream is: nothing is skipped by a battery. */
  async keep(read, gone) {
    this.meta.at = Date.now();
    const settled = { ...this.meta, after: this.stale.size ? this.settledAfter : this.meta.after };
    this.settledAfter = settled.after;
    await this.write(settled, read.filter((one) => one.state === "open"), [...gone, ...read.filter((one) => one.state !== "open").map((one) => one.id)]);
  }

  async write(settled, kept, gone) {
    const record = await pack("meta", settled, "state");
    const records = await Promise.all(kept.map((one) => pack("incidents", one)));
    await change(["meta", "incidents"], ({ meta, incidents }) => {
      meta.put(record);
      for (const one of records) incidents.put(one);
      for (const id of gone) incidents.delete(at(id));
    });
  }

  async sawUntil(offset) {
    this.meta.seen = offset;
    const kept = await get("meta", "state");
    if (kept) await this.write({ ...kept, seen: offset }, [], []);
    this.tell();
  }

  async readBook() {
    if (!isOpen()) return;
    const told = await this.ask("/api/v1/field/book", this.meta.tag ? { "If-None-Match": this.meta.tag } : {});
    if (!isOpen()) return;  // nothing of it stays in a locked page
    if (told.said) Object.assign(this.meta, { book: told.said, tag: told.tag });
    if (told.said || told.same) {
      this.meta.bookAt = Date.now();
      await this.keep([], []);
      this.tell();
    }
  }

  async ask(url, headers = {}) {
    const at = Date.now(), began = performance.now();
    try {
      const answer = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS), cache: "no-store" });
      if (answer.status === 401 || await isRevoked(answer)) return { why: "signed_out" };
      if (answer.status === 304) return { same: true };
      if (!answer.ok) return { why: answer.status === 403 ? "signed_out" : "offline" };
      const said = await answer.json();
      if (said.time) measured(said.time, at, Date.now());
      this.measureLine(url, began);
      return { said, tag: answer.headers.get("ETag") };
    } catch {
      return { why: "offline" };
    }
  }

  /** Bytes a second of what was just read; what is small says nothing. */
  measureLine(url, began) {
    const entry = performance.getEntriesByName(new URL(url, location.href).href).at(-1);
    performance.clearResourceTimings();
    if (!entry || entry.startTime < began - 50 || entry.encodedBodySize < 4_000) return;
    const speed = entry.encodedBodySize / Math.max(0.001, (entry.responseEnd - entry.requestStart) / 1000);
    const type = navigator.connection?.effectiveType;
    this.measuredThin = speed < SLOW_BYTES_S || type === "slow-2g" || type === "2g" || Boolean(navigator.connection?.saveData);
  }
}
