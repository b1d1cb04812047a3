// The desk's own alarm: every page holds the next deadlines and speaks up by itself, also when the server is
// silent. Few: what this desk owes at five minutes left and when passed (what has no more than five minutes from
// the start only when passed); what others owe when passed. A flood is one line that opens. What had passed before the page was opened stands in the list, and makes no noise.
import { now, paintClocks } from "./clock.js";
import { say } from "./texts.js";

const RED_MS = 300_000, FRESH_MS = 120_000, AGAIN_MS = 60_000;

export class Alarms {
  /** `deadlines()`: {id, due, own, isShort, label, title, incident} each; `open(one)` shows what to do about it. */
  constructor(deadlines, open) {
    this.deadlines = deadlines;
    this.open = open;
    this.bar = document.getElementById("alarms");
    this.since = now();
    this.raised = new Map();
    this.taken = new Set(JSON.parse(sessionStorage.getItem("fenghuo.taken") ?? "[]"));
    this.sound = new Sound();
    this.bar.addEventListener("click", (event) => this.clicked(event));
  }

  /** Once a second. */
  look(at) {
    const present = new Map(this.deadlines().map((one) => [one.id, one]));
    let isNew = false;
    for (const one of present.values()) {
      const left = one.due - at;
      const stage = left < 0 ? "past" : one.own && !one.isShort && left <= RED_MS ? "red" : null;
      const key = `${one.id}:${stage}`;
      if (!stage || this.taken.has(key) || this.raised.get(one.id)?.key === key) continue;
      const began = stage === "past" ? one.due : one.due - RED_MS;
      if (began < this.since - FRESH_MS) continue;
      this.raised.set(one.id, { ...one, key, stage });
      isNew = true;
    }
    for (const [id, one] of this.raised) {
      const there = present.get(id);
      if (!there || there.due !== one.due) {
        this.raised.delete(id);
        isNew = true;
      }
    }
    if (isNew) this.show();
    const loudest = [...this.raised.values()].some((one) => one.stage === "past") ? "past" : "red";
    if (this.raised.size && (isNew || at - (this.soundedAt ?? 0) >= AGAIN_MS)) {
      this.soundedAt = at;
      this.sound.play(loudest);
    }
  }

  show() {
    const all = [...this.raised.values()].sort((a, b) => a.drill - b.drill || a.due - b.due);
    this.bar.hidden = all.length === 0;
    this.bar.classList.toggle("is-red", all.every((one) => one.stage === "red"));
    const [first, ...rest] = all.map((one) => this.line(one));
    const parts = first ? [first] : [];
    if (rest.length) {
      const more = document.createElement("details"), head = document.createElement("summary");
      head.textContent = say("js.alarm_more", { count: rest.length });
      more.append(head, ...rest);
      parts.push(more);
    }
    this.bar.replaceChildren(...parts);
    paintClocks(this.bar);
  }

  line(one) {
    const line = document.createElement("div");
    line.className = "alarm";
    line.dataset.id = one.id;
    const clock = document.createElement("span");
    clock.className = "clock";
    clock.dataset.due = new Date(one.due).toISOString();
    for (const name of ["word", "digits"]) clock.append(Object.assign(document.createElement("span"), { className: name }), " ");
    const label = Object.assign(document.createElement("b"), { textContent: one.label });
    const title = Object.assign(document.createElement("bdi"), { textContent: one.title });
    const open = Object.assign(document.createElement("button"), { type: "button", textContent: say("js.alarm_open") });
    open.dataset.do = "open";
    const take = Object.assign(document.createElement("button"), { type: "button", textContent: `${say("js.alarm_take")} ${document.body.dataset.name}` });
    take.dataset.do = "take";
    const drill = Object.assign(document.createElement("b"), { className: "drill-mark", textContent: say("js.drill"), hidden: !one.drill });
    const gap = Object.assign(document.createElement("span"), { className: "gap" });
    line.append(clock, drill, label, title, gap, open, take);
    return line;
  }

  clicked(event) {
    const doing = event.target.closest("button")?.dataset.do;
    const one = doing && this.raised.get(event.target.closest(".alarm").dataset.id);
    if (!one) return;
    if (doing === "open") this.open(one);
    this.take(one);
  }

  take(one) {
    this.taken.add(one.key);
    sessionStorage.setItem("fenghuo.taken", JSON.stringify([...this.taken].slice(-500)));
    this.raised.delete(one.id);
    this.show();
  }
}

/** Beeps. A browser lets a page be heard only after somebody has touched it; until then the switch says so. */
export class Sound {
  constructor() {
    this.isOff = localStorage.getItem("fenghuo.sound") === "off";
    this.button = document.getElementById("sound-switch");
    this.button.hidden = false;
    this.button.addEventListener("click", () => {
      if (this.context) {
        this.isOff = !this.isOff;
        localStorage.setItem("fenghuo.sound", this.isOff ? "off" : "on");
      }
      this.wake();
    });
    for (const touch of ["keydown", "pointerdown"]) addEventListener(touch, () => this.wake(), { capture: true });
    this.show();
  }

  wake() {
    if (navigator.userActivation && !navigator.userActivation.hasBeenActive) return;
    this.context ??= new AudioContext();
    this.context.resume().then(() => this.show(), () => {});
    this.show();
  }

  show() {
    const isWaiting = this.context?.state !== "running";
    const text = say(this.isOff ? "js.sound_off" : isWaiting ? "js.sound_wait" : "js.sound_on");
    this.button.classList.toggle("is-waiting", isWaiting && !this.isOff);
    this.button.setAttribute("aria-pressed", String(!this.isOff));
    if (this.button.textContent !== text) this.button.textContent = text;
  }

  play(stage) {
    if (this.isOff || this.context?.state !== "running") return;
    const start = this.context.currentTime;
    for (let beep = 0; beep < (stage === "past" ? 3 : 2); beep += 1) {
      const tone = this.context.createOscillator(), gain = this.context.createGain();
      const at = start + beep * 0.35;
      tone.frequency.value = stage === "past" ? 880 : 660;
      gain.gain.setValueAtTime(0.0001, at);
      gain.gain.exponentialRampToValueAtTime(0.25, at + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.25);
      tone.connect(gain).connect(this.context.destination);
      tone.start(at);
      tone.stop(at + 0.26);
    }
  }
}
