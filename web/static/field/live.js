// The field's line to the stream. When there is none everything goes on but for the line at the top.
import { wasRevoked } from "./device.js";

const STALE_MS = 15_000, BEHIND_MS = 2_000, FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 30_000;
const SIGNED_OUT = 4001, RIGHT_CHANGED = 4003;

export class Live extends EventTarget {
  /** Events: entry, away (how many entries came while nobody listened), state. */
  constructor(state) {
    super();
    this.state = state;
    this.how = "connecting";  // connecting, live, offline, signed_out, other_person
    this.heardAt = null;
    this.failures = 0;
    this.behindSince = null;
    this.mustRead = true;  // whoever is signed in now may be another than before: the state says who it is
    setInterval(() => this.check(), 1000);
    addEventListener("online", () => this.retryNow());
    addEventListener("offline", () => this.cut());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { this.check(); this.retryNow(); } });
  }

  /** Read the state first where there is none, or none of this person; then listen on from there. */
  async start() {
    this.isStarted = true;
    clearTimeout(this.waiting);
    this.waiting = null;
    const before = { epoch: this.state.meta.epoch, after: this.state.meta.after };
    if (!before.epoch || this.mustRead) {
      const outcome = await this.state.refresh().catch(() => "offline");
      if (["signed_out", "other_person"].includes(outcome)) return this.become(outcome);
      if (outcome !== "read") return this.retryLater();
      this.mustRead = false;
      if (before.epoch) this.wasAway(before, this.state.meta);
    }
    this.connect();
  }

  wasAway(before, after) {
    const missed = before.epoch === after.epoch ? after.after - before.after : null;
    if (missed !== 0) this.tell("away", { from: before.epoch === after.epoch ? before.after : null, count: missed });
  }

  connect() {
    const socket = this.socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/live`, "fenghuo.v1");
    let wasOpen = false;
    const { epoch, after } = this.state.meta;
    socket.onopen = () => {
      wasOpen = true;
      socket.send(JSON.stringify({ type: "hello", epoch, after, screen: "field" }));
    };
    socket.onmessage = ({ data }) => { if (this.socket === socket) this.take(JSON.parse(data)); };
    socket.onclose = (close) => {
      const { code } = close;
      wasRevoked(close);
      if (this.socket !== socket) return;
      this.socket = null;
      if (code === SIGNED_OUT) return this.become("signed_out");
      if (code === RIGHT_CHANGED) this.mustRead = true;  // another post: other things are his to see
      this.lost();
      if (!wasOpen) this.mustRead = true;  // a refused handshake looks like a broken line: plain HTTP tells which
      this.retryLater();
    };
  }

  /** The system says that there is no network: what may still come over the old line proves nothing. */
  cut() {
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
    if (!this.waiting) this.retryLater();
  }

  lost() {
    this.lostAt ??= Date.now();
    this.become("offline");
  }

  retryLater() {
    this.lost();
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures++);
    this.waiting = setTimeout(() => this.start(), Math.random() * most);
  }

  retryNow() {
    if (this.isStarted && (this.waiting || ["signed_out", "other_person"].includes(this.how))) this.start();
  }

  /** Unlocked: on from where the store stands. What was heard while it was locked was not written down. */
  again() {
    if (!this.isStarted) return this.start();
    if (this.socket) this.resume();
    else this.retryNow();
  }

  resume() {
    const socket = this.socket;
    this.socket = null;
    this.behindSince = null;
    socket?.close(1000);
    this.connect();
  }

  async take(message) {
    if (message.type === "welcome") return this.welcomed(message);
    if (message.type === "beat") {
      this.heard();
      this.head = message.head;
      this.behindSince = message.head > this.state.meta.after ? this.behindSince ?? performance.now() : null;
    } else if (message.type === "entry") {
      if (message.offset <= this.state.meta.after) return;
      if (message.offset > this.state.meta.after + 1) return this.resume();
      this.state.touched(message);
      this.tell("entry", message);
    }
  }

  async welcomed(message) {
    this.failures = 0;
    this.heard();
    this.head = message.head;
    const before = { epoch: this.state.meta.epoch, after: this.state.meta.after };
    if (message.resume === "refresh" || message.epoch !== before.epoch) {
      const outcome = await this.state.refresh();
      if (outcome !== "read") return this.resume();
    }
    this.wasAway(before, { epoch: message.epoch, after: message.head });
    this.lostAt = null;
    this.become("live");
    dispatchEvent(new Event("fenghuo:back"));
  }

  heard() { this.heardAt = [performance.now(), Date.now()]; }

  check() {
    if (!this.isStarted) return;
    if (this.behindSince !== null && performance.now() - this.behindSince > BEHIND_MS) this.resume();
    const since = this.heardAt === null ? 0 : Math.max(performance.now() - this.heardAt[0], Date.now() - this.heardAt[1]);
    if (this.how === "live" && since > STALE_MS) {
      this.lostAt = this.heardAt[1];
      this.become("offline");
      this.resume();
    }
  }

  become(how) {
    if (how === "offline") this.lostAt ??= Date.now();
    if (this.how === how) return;
    this.how = how;
    this.tell("state", how);
  }

  tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
