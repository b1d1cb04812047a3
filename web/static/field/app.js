// The field app: opens what is kept, then listens. With a line or without, the screen is the same but for its top.
import { Sound } from "../sound.js";
import { say } from "../texts.js";
import { get, put, room, storeOf, unreadable } from "./db.js";
import { deeds } from "./deeds.js";
import { makeKnown } from "./device.js";
import { button, h, isTyping, said } from "./dom.js";
import { Carried } from "./carried.js";
import { command, draftsKept, openSheet } from "./forms.js";
import { Idle } from "./idle.js";
import { Live } from "./live.js";
import { placeText, position } from "./media.js";
import { Outbox } from "./outbox.js";
import { mapPage, takeAlong } from "./map.js";
import { choosePhoto, voiceSheet } from "./photos.js";
import { incident, ordersWaiting } from "./projected.js";
import { readyPage } from "./ready.js";
import { takeOverOld } from "./old_store.js";
import { State } from "./state.js";
import { agoText, keepPace, knownTime, MUCH, skew, skewText } from "./tablet.js";
import { makeRoom, Uploads } from "./uploads.js";
import { book, home, news, oneIncident, outboxPage, paint } from "./views.js";
import { Versions } from "./versions.js";

const RING_AGAIN_MS = 60_000, WARN_SHARE = 0.5, FULL_SHARE = 0.9, WARN_LEFT = 100 * 1024 * 1024;
const top = document.getElementById("top"), main = document.getElementById("main"), acts = document.getElementById("acts");
const notices = document.getElementById("notices");

export class App {
  /** `door`: it was there first (start.js), and tells when it is opened. */
  constructor(door) {
    this.state = new State();
    this.outbox = new Outbox();
    this.uploads = new Uploads(this.outbox, () => this.state.isThin);
    this.carried = new Carried();
    this.live = new Live(this.state);
    this.sound = new Sound();
    this.versions = new Versions(() => this.showNotices());
    this.door = door;
    this.idle = new Idle(() => this.state.meta?.lock_minutes);
    this.lock = null;  // of the person whose store is open
    this.away = null;
    this.wrongWord = null;
    this.versions.start();
    navigator.storage?.persist?.().catch(() => {});
  }

  get isLocked() { return !this.lock?.isOpen; }

  /** The PIN was right: his own store is read, and the door goes only when it is on the screen. */
  async opened({ person, lock }) {
    storeOf(lock);
    this.lock = lock;
    this.unseen = new Set();
    const [away] = await Promise.all([
      get("meta", "away"), this.state.load(person), this.carried.load(),
      takeOverOld(person.person_id).catch((wrong) => { this.door.fault = say("tablet.not_kept", { why: wrong?.message ?? String(wrong) }); }),
    ]);
    this.away = away?.away ?? null;
    await this.outbox.open(this.state.person);
    this.idle.touched();
    if (!this.isRunning) this.run();
    this.show();
    this.door.orders = 0;
    this.door.open();
    performance.mark("opened");
    document.body.dataset.opened = "yes";
    this.live.again();
    if (this.live.how === "live") this.lineIsThere();
    this.outbox.flush(true);
    this.measureRoom();
  }

  run() {
    this.isRunning = this.door.wasOpen = true;
    const last = localStorage.getItem("fenghuo.field.last");
    if (!location.hash && last && incident(last, this.state, this.outbox)) location.replace(`#/i/${last}`);
    for (const [one, event] of [[this.state, "change"], [this.outbox, "change"], [this.carried, "change"], [this.live, "state"]]) one.addEventListener(event, () => this.showSoon());
    this.live.addEventListener("state", ({ detail }) => {
      if (detail === "live") this.lineIsThere();
      if (detail === "other_person") this.otherPerson();
    });
    this.live.addEventListener("away", ({ detail }) => this.wasAway(detail));
    this.state.addEventListener("unseen", ({ detail }) => this.cameUnseen(detail));
    this.outbox.addEventListener("stored", () => { this.showSoon(); if (this.isLocked) this.door.recount(); });
    this.outbox.addEventListener("change", () => { if (this.outbox.state === "other_person") this.otherPerson(); });
    this.outbox.others.addEventListener("message", ({ data }) => { if (data === "lock") this.lockNow("tablet.door.locked", false); });
    addEventListener("hashchange", () => { main.scrollTo?.(0, 0); this.show(); main.focus({ preventScroll: true }); });
    document.addEventListener("visibilitychange", () => this.tick());
    document.addEventListener("pointerdown", () => { this.isPressed = true; }, { capture: true });
    for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { this.isPressed = false; if (this.isLate) setTimeout(() => this.show(), 80); }, { capture: true });
    setInterval(() => this.tick(), 1000);
  }

  /** When the line comes back, and when the lock opens on a line that is there: what is locked waits for that. */
  lineIsThere() {
    this.sendAll();
    this.versions.look(this.state.meta.release);
    this.becomeKnown();
    this.carried.handOn();
    if (!this.isLocked) takeAlong(this).catch(() => {});
    if (!this.state.isThin) this.versions.bringTheRest();
  }

  // ------------------------------------------------------------ the lock

  /** Off the screen at once, and the key out of memory as soon as what was typed is on the disk. A sheet that is open
      stays as it is behind the door: whoever opens it again goes on writing. */
  async lockNow(word, alsoOthers = true) {
    if (this.isLocked) return;
    this.unseen = new Set(ordersWaiting(this.state, this.outbox).map((one) => one.order_id));
    const closing = this.door.shut(this.state.person, say(word));
    for (const part of [top, main, acts, notices]) part.replaceChildren();
    await draftsKept();
    this.lock.lock();
    this.outbox.lock();
    this.state.lock();
    this.carried.lock();
    Object.assign(this, { away: null, actsKey: null, shown: null, wrongWord: null });
    if (alsoOthers) this.outbox.others.postMessage("lock");
    await closing;
  }

  cameUnseen(incidents) {
    for (const { orders } of incidents) for (const one of orders) if (one.mine && !one.acknowledged_at && !one.reported_at) this.unseen.add(one.order_id);
  }

  /** The desk says that somebody else is signed in: this one's store is shut, and the page begins anew for the next. */
  async otherPerson() {
    if (this.isTurning) return;
    this.isTurning = true;
    await this.lockNow("tablet.door.locked", false);
    location.reload();
  }

  /** First what a restored server has lost, then what is new: each time, whatever ended a try before. */
  async sendAll() {
    if (this.isLocked) return this.outbox.flush(true);
    await this.outbox.repair(this.state.meta.epoch);
    this.outbox.flush(true);
  }

  /** Once in each session of each person; a line that breaks meanwhile is no matter, the next one will do. */
  becomeKnown() {
    const { person_id } = this.state.person;
    if (this.isLocked || this.known === person_id) return;
    this.known = person_id;
    this.lock.came(this.state.person);
    makeKnown(person_id).catch(() => { this.known = null; });
  }

  go(hash) { location.hash = hash; }

  /** A deed: on the disk first, then on the screen. */
  did(name, body, { instead = null, beside = null } = {}) {
    this.sound.wake();
    return this.outbox.add(name, command(body), { instead: instead ?? null, beside });
  }

  async takeOrder(incidentId, orderId) {
    await this.did("acknowledge-order", { incident_id: incidentId, order_id: orderId, at: knownTime() });
  }

  /** One signs for oneself that command is handed over: with both signatures it is, on the server and not before. */
  async signTransfer(incidentId, post, side) {
    await this.did("sign-transfer", { incident_id: incidentId, post_id: post.post_id, transfer_id: post.transfer.transfer_id, side, at: knownTime() });
  }

  async checkRoom(bytes) {
    let space = await room();
    if (space && space.used + bytes > space.quota * FULL_SHARE) {
      await makeRoom(this.outbox);
      space = await room();
      if (space.used + bytes > space.quota * FULL_SHARE) throw new Error("full");
    }
    this.measureRoom();
  }

  async measureRoom() {
    const space = await room();
    this.isTight = Boolean(space && (space.used > space.quota * WARN_SHARE || space.left < WARN_LEFT));
    this.showNotices();
  }

  wasAway({ from, count }) {
    if (this.isLocked) return;
    const until = this.state.meta.after + (from === null ? 0 : count ?? 0);
    this.away = { from: this.away?.from ?? from, until: Math.max(until, this.live.head ?? 0), since: this.away?.since ?? this.live.lostAt ?? Date.now() };
    put("meta", { away: this.away }, "away");
    this.showSoon();
  }

  sawNews() {
    this.away = null;
    put("meta", { away: null }, "away");
    this.state.sawUntil(this.state.meta.after);
    this.show();
  }

  // ------------------------------------------------------------ the screen

  showSoon() {
    this.showing ??= requestAnimationFrame(() => { this.showing = null; this.show(); });
  }

  show() {
    this.showing = null;
    if (this.isLocked) return;
    if (this.isPressed) { this.isLate = true; return; }  // nothing is moved from under a thumb
    this.isLate = false;
    this.showTop();
    this.showNotices();
    this.showActs();
    const [, page, id] = location.hash.split("/");
    if (page === "ready" && this.shown === "ready") return;
    this.shown = page ?? "";
    const made = page === "i" ? oneIncident(this, id) : page === "outbox" ? outboxPage(this) : page === "book" ? book(this)
      : page === "ready" ? readyPage(this) : page === "carry" ? this.carryPage()
        : page === "news" ? news(this) : page === "map" ? mapPage(this, id) : home(this);
    if (page === "i") localStorage.setItem("fenghuo.field.last", id);
    const scroll = scrollY;
    main.replaceChildren(...made.flat(2).filter(Boolean));
    scrollTo(0, scroll);
  }

  /** Loaded when it is first wanted: most days nobody carries anything. */
  carryPage() {
    if (this.carry) return this.carry.carryPage(this);
    import("./carry.js").then((made) => { this.carry = made; this.show(); }, () => this.tellWrong(say("tablet.carry.not_here")));
    return [];
  }

  /** How the line is, in words, and what has not gone out. */
  lineWords() {
    const { waiting, refused } = this.outbox, { meta } = this.state;
    const left = [waiting.length ? say("tablet.n_waiting", { count: waiting.length }) : "", refused.length ? say("tablet.n_refused", { count: refused.length }) : "",
      this.carried.waiting.length ? say("tablet.n_carried", { count: this.carried.waiting.length }) : ""].filter(Boolean);
    const how = this.live.how === "live" ? say("tablet.live") : this.live.how === "signed_out" ? say("tablet.signed_out")
      : this.live.how === "connecting" ? say("tablet.connecting") : say("tablet.offline", { ago: agoText(this.live.lostAt ?? Date.now()) });
    const age = this.live.how !== "live" && meta?.at ? [say("tablet.as_of", { ago: agoText(meta.at) })] : [];
    return [how, ...left, ...age].join(say("tablet.and"));
  }

  showTop() {
    const { person, isThin } = this.state, [, page, id] = location.hash.split("/");
    const shown = page === "i" ? incident(id, this.state, this.outbox) : null;
    const how = this.live.how === "live" ? "live" : "lost";
    top.replaceChildren(...[
      page ? h("a", { href: "#/", class: "field-back", "aria-label": say("tablet.back") }, "‹") : null,
      h("a", { href: "#/outbox", class: `field-line is-${how}`, id: "line" }, h("span", { class: "dot", "aria-hidden": "true" }), h("span", { id: "line-word" }, this.lineWords())),
      isThin ? h("span", { class: "mark" }, say("tablet.thin_mark")) : null,
      shown ? said(shown.title, { class: "said field-top-title" }) : null,
      h("span", { class: "field-who" }, person.post && h("span", { class: "field-post" }, say(`post.${person.post}`), " "), said(person.name)),
      button(say("tablet.lock"), () => this.lockNow("tablet.door.locked"), { id: "lock", class: "quiet" }),
    ].filter(Boolean));
  }

  showNotices() {
    if (this.isLocked) return;
    const shown = [];
    if ([this.live.how, this.outbox.state].includes("signed_out")) shown.push(h("p", { class: "field-notice" }, say("tablet.signed_out_kept", { name: this.state.person.name }), " ", h("a", { href: "/sign-in?next=/field" }, say("tablet.sign_in"))));
    if (this.outbox.strangers.length) shown.push(h("p", { class: "field-notice" }, say("tablet.strangers", { count: this.outbox.strangers.length, name: this.outbox.strangers[0].name })));
    const repaired = this.outbox.waiting.filter((one) => one.is_repair).length;
    if (repaired) shown.push(h("p", { class: "field-notice" }, say("tablet.repairing", { count: repaired })));
    if (skew.ms !== null && Math.abs(skew.ms) > MUCH) shown.push(h("p", { class: "field-notice" }, say("tablet.clock_wrong", { skew: skewText(skew.ms) })));
    const broken = [...unreadable.values()].filter((one) => one.person === this.state.person.person_id);
    if (broken.length) shown.push(h("p", { class: "field-notice", id: "unreadable" }, say("tablet.unreadable", { count: broken.length, waiting: broken.filter((one) => one.state === "waiting").length })));
    if (this.isTight) shown.push(h("p", { class: "field-notice" }, say("tablet.room_tight")));
    if (this.versions.isWaiting) shown.push(h("p", { class: "field-notice is-calm" }, say("tablet.new_version"), " ", button(say("tablet.take_version"), () => this.versions.take())));
    if (this.wrongWord) shown.push(h("p", { class: "field-notice", role: "alert" }, this.wrongWord, " ", button(say("tablet.seen"), () => { this.wrongWord = null; this.showNotices(); })));
    notices.replaceChildren(...shown);
  }

  tellWrong(text) {
    this.wrongWord = text;
    this.showNotices();
  }

  confirm(question, act) {
    openSheet({ title: question, fields: [], saveWord: say("tablet.yes"), save: act });
  }

  /** By thumb, at the foot: what can be done on the incident that is open, or on the one opened last. */
  showActs() {
    const [, page, shown] = location.hash.split("/"), id = page === "i" ? shown : localStorage.getItem("fenghuo.field.last");
    const one = id ? incident(id, this.state, this.outbox) : null;
    acts.hidden = !one;
    if (!one) return acts.replaceChildren();
    const { state } = this;
    const made = [
      ["add-entry", "tablet.act.note", () => deeds["add-entry"](this, id)],
      ["add-attachment", "tablet.act.photo", () => choosePhoto(this, id)],
      ["count-heads", "tablet.act.heads", () => deeds["count-heads"](this, id)],
      ["set-field-status", "tablet.act.status", () => deeds["set-field-status"](this, id)],
      ["request-help", "tablet.act.help", () => deeds["request-help"](this, id)],
    ].filter(([name]) => state.may(name)).map(([name, slug, act]) => button(say(slug), act, { data: { act: name }, class: name === "request-help" ? "is-help" : "" }));
    if (made.length) made.push(button(say("tablet.act.more"), () => this.more(id), { data: { act: "more" } }));
    const key = made.map((one) => one.dataset.act).join() + id + page;
    if (this.actsKey === key) return;
    this.actsKey = key;
    acts.replaceChildren(...page === "i" ? [] : [said(one.title, { class: "said field-acts-title" })], ...made);
  }

  more(id) {
    const { state } = this, sheet = document.getElementById("sheet");
    const made = [
      ["establish-facts", "tablet.did.establish-facts", () => deeds["establish-facts"](this, id)],
      ["report-position", "tablet.act.position", () => this.reportPosition(id)],
      ["add-attachment", "tablet.voice", () => voiceSheet(this, id)],
      ["add-attachment", "tablet.act.album", () => choosePhoto(this, id, false)],
      ["open-incident", "tablet.did.open-incident", () => deeds["open-incident"](this)],
    ].filter(([name]) => state.may(name)).map(([name, slug, act]) => button(say(slug), () => { sheet.close(); act(); }, { data: { more: slug, act: name } }));
    sheet.replaceChildren(h("div", { class: "field-form field-grid" }, made, button(say("tablet.cancel"), () => sheet.close(), { class: "quiet" })));
    sheet.showModal();
  }

  /** By itself where the tablet knows where it is, by hand otherwise. */
  async reportPosition(id) {
    this.tellWrong(say("tablet.positioning"));
    const at = await position();
    this.wrongWord = null;
    this.showNotices();
    if (!at) return deeds["report-position"](this, id);
    await this.did("report-position", { incident_id: id, at: knownTime(), ...at });
    this.tellWrong(say("tablet.position_kept", { place: placeText(at) }));
  }

  tick() {
    keepPace();
    if (this.isLocked) return this.ring();
    if (this.idle.isOver) return this.lockNow("tablet.door.idle", false);
    for (const element of main.querySelectorAll(".clock[data-until]")) paint(element);
    const word = document.getElementById("line-word"), text = this.lineWords();
    if (word && word.textContent !== text) word.textContent = text;
    this.ring();
    if (!isTyping() && !this.isPressed && this.outbox.state !== "sending") this.versions.takeInQuiet();
  }

  /** An order rings until a person takes it. */
  ring() {
    const waiting = this.isLocked ? [...this.unseen] : ordersWaiting(this.state, this.outbox).filter(() => this.state.may("acknowledge-order")).map((one) => one.order_id);
    const key = waiting.join();
    if (this.isLocked && this.door.orders !== waiting.length) { this.door.orders = waiting.length; this.door.paint(); }
    if (waiting.length && (key !== this.rung || Date.now() - this.rungAt > RING_AGAIN_MS)) {
      this.rungAt = Date.now();
      this.sound.play("past");
      navigator.vibrate?.([400, 200, 400]);
      document.body.dataset.rung = String(Number(document.body.dataset.rung ?? 0) + 1);
    }
    this.rung = key;
    document.title = waiting.length ? say("tablet.title_order", { count: waiting.length }) : say("tablet.app_name");
  }

  turnTheme() {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.theme === "night" ? "day" : "night";
    document.cookie = `fenghuo_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  }

  turnLanguage() {
    localStorage.setItem("fenghuo.field.lang", document.documentElement.lang === "en" ? "zh" : "en");
    location.reload();
  }
}
