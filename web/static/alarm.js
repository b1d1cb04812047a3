// The desk's own alarm: every page holds the next deadlines and speaks up by itself, also when the server is
// silent. Few: what this desk owes at five minutes left and when passed (what has no more than five minutes from
// the start only when passed), a call for help as it comes; what others owe when passed. A flood is one line that opens. What had passed before the page was opened stands in the list, and makes no noise.
import { now, paintClocks } from "./clock.js";
import { Sound } from "./sound.js";
import { say } from "./texts.js";
import { callInTitle } from "./title.js";

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
    this.onTake = () => {};
    this.bar.addEventListener("click", (event) => this.clicked(event));
  }

  /** Once a second. */
  look(at) {
    const present = new Map(this.deadlines().map((one) => [one.id, one]));
    let isNew = false;
    for (const one of present.values()) {
      const left = one.due - at;
      const stage = left < 0 ? "past" : one.own && (one.urgent || (!one.isShort && left <= RED_MS)) ? "red" : null;
      const key = `${one.id}:${stage}`;
      if (!stage || this.taken.has(key) || this.raised.get(one.id)?.key === key) continue;
      const began = stage === "past" ? one.due : one.urgent ? one.since : one.due - RED_MS;
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
    this.sound.show();
    const loudest = [...this.raised.values()].some((one) => one.stage === "past" || one.urgent) ? "past" : "red";
    if (this.raised.size && (isNew || at - (this.soundedAt ?? 0) >= AGAIN_MS)) {
      this.soundedAt = at;
      this.sound.play(loudest);
    }
  }

  show() {
    const all = [...this.raised.values()].sort((a, b) => a.drill - b.drill || a.due - b.due);
    this.bar.hidden = all.length === 0;
    this.bar.classList.toggle("is-red", all.every((one) => one.stage === "red"));
    callInTitle("alarm", all.length ? say("js.alarm_title") : null);
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
    this.onTake(one);
  }
}
