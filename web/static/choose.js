// Numbers that contradict each other (报数有出入): a digit chooses one. The choice is what was said, said again, with
// an explanation; so it stands in the log with name and time.
import { newId, sendUntilAnswered } from "./commands.js";
import { now } from "./clock.js";
import { say } from "./texts.js";
import { wireTime } from "./times.js";

const LOOK_MS = 700;  // what moved under the hand is not chosen before it can have been seen

export class Choosing {
  constructor(view) {
    this.view = view;
    this.changedAt = -Infinity;
    this.sending = new Set();
    this.seen = this.offered();
    new MutationObserver(() => this.look()).observe(document.querySelector("main"), { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["data-value", "data-choose"] });
    document.addEventListener("click", (event) => {
      const button = event.target.closest?.("[data-choose]");
      if (button) this.choose(button);
    });
  }

  get buttons() {
    return [...document.querySelectorAll("#incident-view [data-choose]")];
  }

  offered() {
    return [this.view.incident, ...this.buttons.map((one) => `${one.dataset.digit} ${one.dataset.choose} ${one.dataset.value}`)].join("|");
  }

  look() {
    const offered = this.offered();
    if (offered === this.seen) return;
    this.seen = offered;
    this.changedAt = performance.now();
  }

  /** True when this key is one of the numbers on offer. */
  key(event) {
    const button = this.buttons.find((one) => one.dataset.digit === event.key);
    if (!button) return false;
    if (performance.now() - this.changedAt < LOOK_MS) this.say(button, say("js.choices_moved"));
    else this.choose(button);
    return true;
  }

  async choose(button) {
    const { choose, value, knownBy, after, explanation } = button.dataset;
    const incident = this.view.incident, at = Math.max(now(), Date.parse(after)), name = `${incident} ${choose}`;
    if (this.sending.has(name)) return;
    this.sending.add(name);
    const body = {
      command_id: newId(), incident_id: incident, known_at: wireTime(at), known_by: knownBy,
      facts: { [choose]: value === "" ? null : Number(value) }, explanation,
    };
    this.say(button, say("js.sending"));
    const answer = await sendUntilAnswered("establish-facts", body, (none) => {
      this.say(button, say(none.signedOut ? "js.signed_out" : "js.retry"));
      return !none.signedOut;
    });
    this.sending.delete(name);
    if (answer.refused) this.say(button, say("js.refused", { detail: answer.refused.detail ?? "" }));
    if (answer.stored) this.view.refresh();
  }

  say(button, text) {
    const place = button.closest(".differing")?.querySelector("h2 .hint");
    if (place) place.textContent = text;
  }
}
