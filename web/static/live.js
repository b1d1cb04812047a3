// One socket to the unit's stream. It proves to itself that it missed nothing (offset = last + 1), resumes when
// it did, and says when it does not know: no beat for 15 s and the page is veiled, over its data.
import { clockText, heardTime } from "./clock.js";
import { isEnglish, say } from "./texts.js";

const STALE_MS = 15_000, BEHIND_MS = 2_000, FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 30_000;
const SIGNED_OUT = 4001, RIGHT_CHANGED = 4003;

export class Live extends EventTarget {
  /** `screen`: which ready-made fragments to get. Events: entry, fragment, refresh, live. */
  constructor(screen) {
    super();
    const page = document.body.dataset;
    this.screen = screen;
    this.epoch = page.epoch;
    this.last = Number(page.head);
    this.heardAt = null;  // of the last beat or welcome, by both clocks of this machine
    this.heardTime = Date.parse(page.now);
    this.clockAge = Number(page.clockAge);
    this.failures = 0;
    this.behindSince = null;
    this.badge = document.getElementById("live");
    this.word = document.getElementById("live-word");
    this.connect();
    setInterval(() => this.check(), 1000);
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      this.check();
      this.retryNow();
    });
  }

  connect() {
    clearTimeout(this.waiting);
    this.waiting = null;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = this.socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`, "fenghuo.v1");
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      const lang = isEnglish ? "en" : "zh";
      socket.send(JSON.stringify({ type: "hello", epoch: this.epoch, after: this.last, screen: this.screen, lang }));
    };
    socket.onmessage = ({ data }) => { if (this.socket === socket) this.take(JSON.parse(data)); };
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (code === SIGNED_OUT) return this.signIn();
      if (code === RIGHT_CHANGED) return location.reload();
      if (!wasOpen) this.askWhetherSignedIn();
      this.retryLater();
    };
  }

  /** Full jitter: a thousand screens that lost one server do not all come back at once. */
  retryLater() {
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures++);
    const wait = Math.random() * most;
    this.retryAt = performance.now() + wait;
    this.waiting = setTimeout(() => this.connect(), wait);
    this.show();
  }

  retryNow() {
    if (this.waiting) this.connect();
  }

  /** Drop this connection and ask again for everything after the last entry. */
  resume() {
    const socket = this.socket;
    this.socket = null;
    this.behindSince = null;
    socket?.close(1000);
    this.connect();
  }

  take(message) {
    switch (message.type) {
      case "welcome": return this.welcomed(message);
      case "beat": return this.beaten(message);
      case "entry": return this.entered(message);
      case "fragment": return this.tell("fragment", message);
      case "drafts": return this.tell("drafts", message);
    }
  }

  welcomed(message) {
    this.failures = 0;
    this.heard(message.time);
    const isNew = message.epoch !== this.epoch;
    this.epoch = message.epoch;
    if (message.resume === "refresh" || isNew) {
      this.last = message.head;
      this.tell("refresh", message);
    }
    this.head = message.head;
    this.show();
    dispatchEvent(new Event("fenghuo:back"));  // what could not be sent is sent now
  }

  beaten(message) {
    this.heard(message.time);
    this.clockAge = message.clock_age_ms;
    this.head = message.head;
    this.behindSince = message.head > this.last ? this.behindSince ?? performance.now() : null;
    this.show();
  }

  entered(message) {
    if (message.offset <= this.last) return;
    if (message.offset > this.last + 1) return this.resume();
    this.last = message.offset;
    if (this.last >= this.head) this.behindSince = null;
    this.tell("entry", message);
  }

  heard(time) {
    heardTime(time);
    this.heardTime = Date.parse(time);
    this.heardAt = [performance.now(), Date.now()];
    if (document.body.classList.contains("is-stale")) {
      this.isStale = false;
      document.body.classList.remove("is-stale", "is-unproven");
    }
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
    document.dispatchEvent(new CustomEvent(`fenghuo:${type}`, { detail }));
  }

  /** Once a second: is what stands here still true? */
  check() {
    if (this.behindSince !== null && performance.now() - this.behindSince > BEHIND_MS) this.resume();
    const since = this.heardAt === null ? 0 : Math.max(performance.now() - this.heardAt[0], Date.now() - this.heardAt[1]);
    if (since > STALE_MS && !document.body.classList.contains("is-stale")) {
      document.body.classList.add("is-stale");
      if (this.socket?.readyState === WebSocket.OPEN) this.resume();  // open, and yet nobody speaks
    }
    this.isStale = document.body.classList.contains("is-stale");
    if (this.isStale) {
      document.getElementById("veil-word").textContent = say("js.stale", { clock: clockText(this.heardTime) });
      document.getElementById("veil-hint").textContent = say("js.stale_hint");
    }
    this.show();
  }

  /** The word in the header. */
  show() {
    const age = Math.max(0, this.clockAge ?? 0) / 1000;
    let state = this.isStale ? "lost" : "connecting", word = say("js.connecting");
    if (this.waiting) {
      state = "lost";
      word = say("js.lost", { seconds: Math.max(0, Math.ceil((this.retryAt - performance.now()) / 1000)) });
    } else if (this.heardAt !== null && this.socket?.readyState === WebSocket.OPEN) {
      state = this.isStale || age > 10 ? "lost" : this.behindSince === null ? "live" : "behind";
      if (state === "live") word = `${say("js.live")} ${say("js.clock", { seconds: age.toFixed(1) })}`;
      else if (state === "behind") word = say("js.behind");
      else if (age > 10) word = say("js.clock_stopped", { seconds: age.toFixed(0) });
    }
    this.badge.className = `live is-${state}`;
    if (this.word.textContent !== word) this.word.textContent = word;
  }

  /** A refused handshake looks like a broken line to a script: ask by plain HTTP which of the two it was. */
  async askWhetherSignedIn() {
    try {
      const answer = await fetch("/places?q=", { redirect: "manual", headers: { "HX-Request": "true" } });
      if (answer.status === 401 || answer.type === "opaqueredirect") this.signIn();
    } catch { /* the line is broken */ }
  }

  signIn() {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
}
