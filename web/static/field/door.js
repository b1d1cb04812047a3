// The door: whose tablet it is just now, opened by a PIN. Nothing of anybody is read before, and it works with no network.
import { isFit, Lock, MOST_WRONG, people } from "../field_lock.js";
import { sealedFile } from "../field_recovery.js";
import { say } from "../texts.js";
import { forgetMine, plain, raw, storeOf } from "./db.js";
import { isRevoked } from "./device.js";
import { button, h, said } from "./dom.js";
import { waitingOfOthers } from "./others.js";

/** The fewest digits of a PIN, as the desk wants them. */
export const least = Number(document.body.dataset.pin) || 4;
/** The bureau's recovery key, for a PIN that is forgotten; null where it has none. */
const recoveryKey = document.body.dataset.recovery || null;
const ANSWER_MS = 5_000, LOOK_MS = 250, AGAIN_MS = 15_000;
const door = document.getElementById("door");
/** Keys are kept by a browser only for a page that nobody on the way can change. */
const isPossible = Boolean(globalThis.isSecureContext && globalThis.crypto?.subtle);

/** Event "opened": `{person, lock}`. */
export class Door extends EventTarget {
  constructor() {
    super();
    this.session = {};  // what the server says of it: {person}, {isSignedOut}; {} while it says nothing
    door.addEventListener("cancel", (event) => event.preventDefault());
    door.addEventListener("close", () => { if (this.isShut) door.showModal(); });
    addEventListener("online", () => this.isShut && this.ask());
    setInterval(() => this.look(), LOOK_MS);
    setInterval(() => { if (this.isShut && !document.hidden) this.ask(); }, AGAIN_MS);
  }

  /** At once for whoever is meant; what is known of the lock and of others comes a moment later. */
  async shut(person, word = "") {
    Object.assign(this, { isShut: true, person, word, fault: "", first: null, mayForget: false, standing: undefined, isKnown: false });
    this.lock = person && isPossible ? new Lock(person.person_id) : null;
    this.paint();
    if (!door.open) door.showModal();
    await (this.knowing = this.recount());
    this.ask();
  }

  async recount() {
    const { lock } = this;
    if (!isPossible) return;
    const [kept, standing, waiting, recovery] = await Promise.all([people(), lock ? lock.standing() : null, waitingOfOthers(null), lock ? lock.recovery() : null]);
    if (lock !== this.lock) return;
    Object.assign(this, { kept, standing, isSealedFor: recovery !== null, waiting: new Map(waiting.map(({ person, count }) => [person, count])), isKnown: true });
    this.paint();
  }

  /** Who is signed in on this tablet, as the server says; nothing is waited for. */
  async ask() {
    if (!isPossible || this.isAsking) return;
    this.isAsking = true;
    try {
      const answer = await fetch("/api/v1/me", { signal: AbortSignal.timeout(ANSWER_MS), cache: "no-store" });
      if (await isRevoked(answer)) return;
      this.session = answer.ok ? { person: await answer.json() } : answer.status === 401 ? { isSignedOut: true } : {};
    } catch {
      this.session = {};
    } finally {
      this.isAsking = false;
    }
    if (this.isShut) await this.heard();
  }

  async heard() {
    const { person } = this.session, isMine = person && person.person_id === this.person?.person_id;
    if (person && !isMine && !this.isChosen && !this.typed && this.wasOpen) return location.reload();  // as in turnTo
    if (person && !isMine && !this.isChosen && !this.typed) return this.shut(person, this.person ? say("tablet.door.other", { name: person.name }) : "");
    if (isMine && await this.lock.allowAgain()) {
      await this.recount();
      this.mayForget = true;
    } else if (this.standing?.left === 0 && !this.standing.isSignedOut) await this.endSession(person && !isMine);
    this.paint();
  }

  /** The tries are spent: the session ends too, as soon as the desk can be reached. */
  async endSession(isOthers) {
    if (!isOthers && !this.session.isSignedOut) {
      const answer = await fetch("/sign-out?tablet", { method: "POST", redirect: "manual", signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
      if (!answer || (!answer.ok && answer.type !== "opaqueredirect")) return;
      this.session = { isSignedOut: true };
    }
    await this.lock.wasSignedOut();
    this.standing = await this.lock.standing();
  }

  open() {
    this.isShut = this.isChosen = false;
    door.close();
    door.replaceChildren();
    this.painted = null;
  }

  // ------------------------------------------------------------ what is typed

  get typed() { return document.getElementById("pin")?.value ?? ""; }
  clear() { const pin = document.getElementById("pin"); if (pin) pin.value = ""; }

  press(key) {
    const pin = document.getElementById("pin");
    pin.value = key === "back" ? pin.value.slice(0, -1) : (pin.value + key).slice(0, 12);
  }

  async submit() {
    const pin = this.typed;
    if (!pin || this.isTrying) return;
    this.isTrying = true;
    performance.mark("tried");
    door.dataset.busy = "yes";
    try {
      await this.knowing;
      await (this.standing ? this.unlock(pin) : this.choose(pin));
    } finally {
      this.isTrying = false;
      delete door.dataset.busy;
    }
  }

  async unlock(pin) {
    const outcome = await this.lock.unlock(pin, recoveryKey);
    this.clear();
    if (outcome === "open") return this.isOpened();
    this.standing = await this.lock.standing();
    this.fault = outcome === "wrong" ? say("tablet.door.wrong", { left: this.standing.left }) : "";
    this.paint();
    if (outcome === "spent") this.ask();
  }

  async choose(pin) {
    this.clear();
    this.fault = "";
    if (this.first === null && !isFit(pin, least)) this.fault = say("tablet.door.unfit", { least });
    else if (this.first === null) this.first = pin;
    else if (this.first !== pin) Object.assign(this, { first: null, fault: say("tablet.door.differ") });
    else {
      const isMade = await this.lock.create(pin, recoveryKey).then(() => true, () => false);
      if (isMade) return this.isOpened();
      this.first = null;  // another window was quicker: its PIN is the one
      return this.recount();
    }
    this.paint();
  }

  async isOpened() {
    await this.lock.came(this.person);
    this.first = null;
    this.dispatchEvent(new CustomEvent("opened", { detail: { person: this.person, lock: this.lock } }));
  }

  /** The PIN was right, and still nothing could be shown: it says so, and the next try begins anew. */
  failed(wrong, word = say("tablet.not_kept", { why: wrong?.message ?? String(wrong) })) {
    console.error(wrong);
    this.fault = word;
    this.painted = null;
    this.recount();
  }

  /** What waits, sealed as it is, for the bureau to open with the key from its safe. */
  async saveSealed() {
    storeOf(this.lock);
    const [tablet, deeds, recovery] = [await plain("meta", "tablet"), await raw("outbox"), await this.lock.recovery()];
    if (!tablet || !recovery) return this.failed(new Error("no key"));
    const waiting = deeds.filter((one) => one.state === "waiting" && one.lane === "text").sort((a, b) => a.order - b.order || a.seq - b.seq);
    const text = sealedFile(this.person, recovery, tablet.sealed, waiting.map((one) => one.sealed));
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    h("a", { href: address, download: `fenghuo-${this.person.name}.sealed` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  /** What cannot be opened any more is given up, by somebody who signed in and was told what it is. */
  async forget() {
    storeOf(this.lock);
    await forgetMine();
    await this.lock.forget();
    await this.shut(this.person);
  }

  // ------------------------------------------------------------ how it looks

  /** A wait runs out by itself. */
  look() {
    if (!this.isShut || !this.standing) return;
    const wait = document.getElementById("door-wait");
    if (!wait) return;
    this.lock.standing().then((standing) => {
      if (!standing || !wait.isConnected) return;
      if (standing.wait > 0) wait.textContent = say("tablet.door.wait", { seconds: Math.ceil(standing.wait / 1000) });
      else { this.standing = standing; this.paint(); }
    }, () => {});  // the page goes
  }

  get mode() {
    if (!isPossible) return "impossible";
    if (!this.person) return "nobody";
    if (!this.isKnown) return "enter";
    if (this.standing) return this.isGivingUp ? "forget" : this.standing.left ? "enter" : "spent";
    return this.session.person?.person_id === this.person.person_id ? "choose" : "nobody";
  }

  paint() {
    if (!this.isShut) return;
    door.dataset.known = this.isKnown ? "yes" : "";  // until then it asks for a PIN that there may not be yet
    const { mode } = this, typed = this.typed;
    const waiting = this.waiting?.get(this.person?.person_id) ?? 0;
    const { word, fault, first, orders, session, standing, mayForget, isGivingUp } = this;
    const painted = JSON.stringify([mode, this.person, [...this.waiting ?? []], this.kept, word, fault, first !== null, orders, session, standing, mayForget, isGivingUp]);
    if (this.painted === painted && door.firstChild) return;  // nothing is moved from under a thumb
    this.painted = painted;
    door.dataset.mode = mode;
    door.replaceChildren(h("div", { class: "field-door-inside" },
      h("p", { class: "field-door-name" }, say("tablet.app_name")),
      this.person && mode !== "nobody" && h("h1", {}, said(this.person.name), " ", h("small", {}, said(this.person.unit_name ?? ""))),
      this.word && h("p", { class: "field-notice is-calm" }, this.word),
      h("p", { id: "door-orders", class: "field-door-orders", role: "alert", hidden: !this.orders }, this.orders ? say("tablet.title_order", { count: this.orders }) : ""),
      waiting > 0 && mode !== "nobody" && h("p", { class: "field-notice" }, say("tablet.door.waiting", { count: waiting })),
      this.session.isSignedOut && mode === "enter" && h("p", { class: "hint" }, say("tablet.door.signed_out")),
      ...this.body(mode, waiting),
      this.others(mode)));
    const pin = document.getElementById("pin");
    if (pin) { pin.value = typed; pin.focus({ preventScroll: true }); }
  }

  body(mode, waiting) {
    switch (mode) {
      case "impossible": return [h("p", { class: "fault" }, say("tablet.door.impossible"))];
      case "nobody": return [h("p", {}, say(this.session.isSignedOut ? "tablet.sign_in_first" : "tablet.first_visit")), signIn("tablet.sign_in", true)];
      case "choose": return [h("p", {}, say(this.first === null ? "tablet.door.choose" : "tablet.door.repeat", { least })), recoveryKey && h("p", { class: "hint" }, say("tablet.door.recovery")), ...this.pad()];
      case "spent": return [h("p", { class: "fault", role: "alert" }, say("tablet.door.spent", { most: MOST_WRONG })),
        h("p", {}, say(waiting ? "tablet.door.spent_kept" : "tablet.door.spent_how", { count: waiting })), this.session.isSignedOut && signIn("tablet.sign_in", true)];
      case "forget": return [h("p", { class: "fault", role: "alert" }, say(waiting ? "tablet.door.forget_lost" : "tablet.door.forget_none", { count: waiting, name: this.person.name })),
        waiting > 0 && this.isSealedFor && h("p", {}, say("tablet.door.seal_how")),
        waiting > 0 && this.isSealedFor && button(say("tablet.door.seal"), () => this.saveSealed(), { class: "primary", data: { seal: "save" } }),
        h("div", { class: "field-order-acts" }, button(say("tablet.cancel"), () => { this.isGivingUp = false; this.paint(); }),
          button(say("tablet.door.forget_yes"), () => { this.isGivingUp = false; this.forget(); }, { class: "is-help" }))];
      default: return [...this.pad(), this.mayForget
        ? button(say("tablet.door.forgot"), () => { this.isGivingUp = true; this.paint(); }, { class: "quiet" })
        : h("p", { class: "hint" }, say("tablet.door.forgot_how", { most: MOST_WRONG }))];
    }
  }

  /** Digits for gloves; a keyboard works too, and no keyboard of the system comes up. */
  pad() {
    const wait = this.standing?.wait ?? 0;
    const pin = h("input", { id: "pin", type: "password", inputMode: "none", autocomplete: "off", maxLength: 12, "aria-label": "PIN", pattern: "[0-9]*" });
    const digit = (one) => button(one, () => this.press(one), { data: { digit: one } });
    return [
      h("form", { class: "field-pad", on: { submit: (event) => { event.preventDefault(); this.submit(); } } },
        pin, ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(digit),
        button("⌫", () => this.press("back"), { "aria-label": say("tablet.door.back") }), digit("0"),
        h("button", { type: "submit", class: "primary", id: "door-ok", disabled: wait > 0 }, say("tablet.yes"))),
      this.fault && h("p", { class: "fault", role: "alert" }, this.fault),
      wait > 0 && h("p", { id: "door-wait", role: "status" }, say("tablet.door.wait", { seconds: Math.ceil(wait / 1000) })),
    ];
  }

  /** Others who use this tablet: how much of theirs waits, and never what it is. */
  others(mode) {
    const kept = (this.kept ?? []).filter((one) => one.person_id !== this.person?.person_id);
    const isOnline = Boolean(this.session.person || this.session.isSignedOut);
    if (!isPossible || (!kept.length && !(isOnline && mode === "enter"))) return null;
    return h("nav", { class: "field-more" },
      kept.map((one) => {
        const count = this.waiting?.get(one.person_id) ?? 0;
        return button([said(one.name), count ? h("span", { class: "field-n" }, " · ", say("tablet.n_waiting", { count })) : ""], () => this.turnTo(one), { data: { person: one.person_id } });
      }),
      isOnline && ["enter", "choose"].includes(mode) && signIn("tablet.door.another", false));
  }

  /** Another person begins with an empty page: what the last one had open is not in it any more. */
  turnTo(person) {
    if (this.wasOpen) {
      sessionStorage.setItem("fenghuo.field.next", person.person_id);
      location.reload();
    } else {
      this.shut(person);
      this.isChosen = true;
    }
  }
}

const signIn = (slug, isFirst) => h("a", { class: isFirst ? "field-link primary" : "field-link", href: "/sign-in?next=/field" }, say(slug));
