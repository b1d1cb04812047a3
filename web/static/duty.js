// The duty on every page: who is on, what is amiss, and roll-calls answered where one sits (F9).
import { now, paintClocks } from "./clock.js";
import { newId, sendUntilAnswered } from "./commands.js";
import { fetchHtml, isNewer, morph, soon, swapPieces } from "./swap.js";
import { say } from "./texts.js";
import { wireTime } from "./times.js";

const PIECES = ["on-duty", "duty-bar"];

export class Duty {
  /** `sound`: to be heard when this desk is called; null where nobody sits. */
  constructor(live, sound = null) {
    this.unit = document.body.dataset.unit;
    this.sound = sound;
    this.answers = new Map();
    this.title = document.title;
    this.heard = new Set(this.asked.map((one) => one.dataset.roll));
    this.refresh = soon(() => this.fetch(), 100, 200);
    live.addEventListener("refresh", this.refresh);
    live.addEventListener("entry", ({ detail }) => {
      const { unit, caller } = detail.event;
      const isOfDuty = !detail.incident_id && (unit === this.unit || caller === this.unit);
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
    const asked = this.asked, fresh = asked.filter((one) => !this.heard.has(one.dataset.roll));
    for (const one of fresh) this.heard.add(one.dataset.roll);
    if (fresh.length) this.sound?.play("past");
    document.title = asked.length ? `【${say("js.roll")}】${this.title}` : this.title;
  }

  clicked(event) {
    const more = document.getElementById("on-duty-more");
    if (more?.open && !more.contains(event.target)) more.open = false;
    const button = event.target.closest?.(".answer-here");
    if (button) this.answer(button.dataset.roll);
  }

  /** Pressed twice it is the same answer. */
  async answer(rollId) {
    if (this.answers.has(rollId)) return;
    const body = { command_id: newId(), unit: this.unit, roll_id: rollId, at: wireTime(now()), channel: "screen" };
    this.answers.set(rollId, body);
    this.say(rollId, say("js.sending"));
    const answer = await sendUntilAnswered("answer-roll", body, () => this.say(rollId, say("js.retry")));
    if (answer.refused) this.answers.delete(rollId);
    this.say(rollId, answer.stored ? say("js.roll_answered") : answer.refused?.detail ?? say("js.signed_out"));
    this.refresh();
  }

  say(rollId, text) {
    const line = document.querySelector(`.answer-here[data-roll="${rollId}"]`)?.closest(".notice-line");
    const state = line?.querySelector("output.state");
    if (state) state.textContent = text;
  }
}

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
