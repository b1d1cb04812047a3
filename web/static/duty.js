// The duty on every page: who is on, what is amiss, and roll-calls answered where one sits (F9).
import { now, paintClocks } from "./clock.js";
import { newId, sendUntilAnswered } from "./commands.js";
import { fetchHtml, isNewer, morph, soon, swapPieces } from "./swap.js";
import { say } from "./texts.js";
import { callInTitle } from "./title.js";
import { wireTime } from "./times.js";

const PIECES = ["on-duty", "duty-bar"], AGAIN_MS = 60_000;

export class Duty {
  /** `sound`: to be heard when this desk is called; null where nobody sits. */
  constructor(live, sound = null) {
    this.unit = document.body.dataset.unit;
    this.sound = sound;
    this.answers = new Map();
    this.heard = new Set([...this.asked, ...this.alarms, ...this.aloud].map(nameOf));
    this.hushed = new Set(JSON.parse(sessionStorage.getItem("fenghuo.hushed") ?? "[]"));
    if (sound) setInterval(() => this.again(), AGAIN_MS);
    this.refresh = soon(() => this.fetch(), 100, 200);
    live.addEventListener("refresh", this.refresh);
    live.addEventListener("entry", ({ detail }) => {
      const { unit, caller, type } = detail.event;
      const isOfDuty = !detail.incident_id && (unit === this.unit || caller === this.unit || type.startsWith("joint_"));
      if (isOfDuty && !live.screen) this.refresh();
    });
    document.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "F9" || event.isComposing) return;
      event.preventDefault();
      this.asked[0]?.click();
    });
    this.show();
  }

  get asked() {
    return [...document.querySelectorAll("#duty-bar .answer-here")];
  }

  /** Alarms that nobody has taken. */
  get alarms() {
    return [...document.querySelectorAll("#duty-bar .take-here")];
  }

  /** What is heard until somebody here goes about it: desks that do not answer a roll-call. */
  get aloud() {
    return [...document.querySelectorAll("#duty-bar [data-aloud]")];
  }

  again() {
    if (this.aloud.some((one) => !this.hushed.has(nameOf(one)))) this.sound.play("past");
  }

  async fetch() {
    const html = await fetchHtml("/duty/pieces");
    if (html !== null) await swapPieces(html);
    this.show();
  }

  /** A ready-made piece from the stream; false when it is none of ours. */
  take({ target, offset, html }) {
    if (!PIECES.includes(target)) return false;
    const there = document.getElementById(target);
    if (there && isNewer(target, offset)) {
      morph(there, html).then(() => {
        paintClocks(document.getElementById(target));
        this.show();
      });
    }
    return true;
  }

  show() {
    const asked = this.asked, alarms = this.alarms, aloud = this.aloud;
    const fresh = [...asked, ...alarms, ...aloud].filter((one) => !this.heard.has(nameOf(one)));
    for (const one of fresh) this.heard.add(nameOf(one));
    if (fresh.length) this.sound?.play("past");
    callInTitle("roll", asked.length ? say("js.roll") : null);
    callInTitle("silent", aloud.length ? say("js.roll_silent") : null);
    callInTitle("called", alarms.length ? say("js.alarm_title") : null);
    this.sound?.show();
    this.lookAgain();
  }

  /** What stands only for some time is gone from a page that nobody touches as well. */
  lookAgain() {
    clearTimeout(this.until);
    const ends = [...document.querySelectorAll("#duty-bar [data-until]")].map((line) => Date.parse(line.dataset.until) - now());
    if (ends.length) this.until = setTimeout(this.refresh, Math.max(1000, Math.min(...ends)));
  }

  clicked(event) {
    const more = document.getElementById("on-duty-more");
    if (more?.open && !more.contains(event.target)) more.open = false;
    const line = event.target.closest?.("[data-aloud] a")?.closest("[data-aloud]");
    if (line) sessionStorage.setItem("fenghuo.hushed", JSON.stringify([...this.hushed.add(nameOf(line))].slice(-100)));
    const button = event.target.closest?.(".answer-here, .take-here");
    if (button) this.answer(button);
  }

  /** Somebody here saw to an incident: what was called out for it is taken by the same hand. */
  takeOf(incident) {
    for (const one of this.alarms) if (incident && one.dataset.incident === incident) this.answer(one);
  }

  /** Pressed twice it is the same answer. */
  async answer(button) {
    const key = nameOf(button), { roll, alarm } = button.dataset;
    if (this.answers.has(key)) return;
    const body = { command_id: newId(), unit: this.unit, at: wireTime(now()) };
    if (roll) Object.assign(body, { roll_id: roll, channel: "screen" });
    else body.alarm_id = alarm;
    this.answers.set(key, body);
    this.say(key, say("js.sending"));
    const answer = await sendUntilAnswered(roll ? "answer-roll" : "take-alarm", body, () => this.say(key, say("js.retry")));
    if (answer.refused) this.answers.delete(key);
    const done = say(roll ? "js.roll_answered" : "js.done");
    this.say(key, answer.stored ? done : answer.refused?.detail ?? say("js.signed_out"));
    this.refresh();
  }

  say(key, text) {
    const button = [...this.asked, ...this.alarms].find((one) => nameOf(one) === key);
    const state = button?.closest(".notice-line").querySelector("output.state");
    if (state) state.textContent = text;
  }
}

const nameOf = (one) => one.dataset.roll ?? one.dataset.alarm ?? one.id;

/** A command behind a button: sent until answered, the state said in `#state`. True when it is on disk. */
export async function act(name, body, button = null) {
  const state = document.getElementById("state");
  const tell = (kind, text) => {
    state.className = `state is-${kind}`;
    state.textContent = text;
  };
  if (button?.disabled) return false;
  if (button) button.disabled = true;
  tell("waiting", say("js.sending"));
  const answer = await sendUntilAnswered(name, { command_id: newId(), ...body }, (none) => {
    tell("waiting", say(none.signedOut ? "js.signed_out" : "js.retry"));
    return !none.signedOut;
  });
  if (button) button.disabled = false;
  if (answer.stored) tell("stored", say("js.done"));
  else tell("refused", say("js.refused", { detail: refusal(answer.refused) }));
  return Boolean(answer.stored);
}

function refusal(problem) {
  const said = (problem?.errors ?? []).map((one) => one.detail);
  return [...new Set([problem?.detail ?? "", ...said])].filter(Boolean).join(" ");
}
