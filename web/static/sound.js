// The alarm's sound. A browser lets a page be heard only after somebody has touched it: until then, and while it is
// off, or was not tried in this shift, a line over the page says so. Whether it is heard only the officer can tell.
import { dayOf, now } from "./clock.js";
import { say } from "./texts.js";

export class Sound {
  constructor() {
    this.isOff = localStorage.getItem("fenghuo.sound") === "off";
    this.trial = null;  // "playing": it asks whether it is heard; "unheard": it is not
    this.bar = document.getElementById("sound-bar");
    this.button = document.getElementById("sound-switch");
    this.button.hidden = false;
    this.button.addEventListener("click", () => {
      if (this.context) {
        this.isOff = !this.isOff;
        localStorage.setItem("fenghuo.sound", this.isOff ? "off" : "on");
      }
      this.wake();
    });
    this.bar?.addEventListener("click", (event) => {
      const doing = event.target.closest("button")?.dataset.sound;
      if (doing === "try") this.test();
      else if (doing) this.answered(doing === "heard");
    });
    for (const touch of ["keydown", "pointerdown"]) addEventListener(touch, () => this.wake(), { capture: true });
    addEventListener("pointerdown", () => { this.isPressed = true; }, { capture: true });
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, () => setTimeout(() => { this.isPressed = false; this.show(); }), { capture: true });
    }
    this.show();
  }

  async wake() {
    if (navigator.userActivation && !navigator.userActivation.hasBeenActive) return;
    if (!this.context) {
      this.context = new AudioContext();
      this.context.addEventListener("statechange", () => this.show());
    }
    this.show();
    await this.context.resume().catch(() => {});
    this.show();
  }

  /** Play what an alarm sounds like, and ask whether it was heard. */
  async test() {
    this.isOff = false;
    localStorage.setItem("fenghuo.sound", "on");
    await this.wake();
    this.trial = "playing";
    this.show();
    this.play("past");
  }

  answered(isHeard) {
    this.trial = isHeard ? null : "unheard";
    if (isHeard) localStorage.setItem("fenghuo.sound_tried", this.shift);
    this.show();
  }

  /** What is tried once: the shift that answers; where no roster says it, the day. */
  get shift() {
    return document.getElementById("on-duty")?.dataset.shift || String(dayOf(now()));
  }

  get isBlocked() {
    return this.context?.state !== "running";
  }

  show() {
    const text = say(this.isOff ? "js.sound_off" : this.isBlocked ? "js.sound_wait" : "js.sound_on");
    this.button.classList.toggle("is-waiting", this.isBlocked && !this.isOff);
    this.button.setAttribute("aria-pressed", String(!this.isOff));
    if (this.button.textContent !== text) this.button.textContent = text;
    this.showBar();
  }

  /** What is amiss, in a line; it does not vanish under a finger that is just being put down. */
  showBar() {
    if (!this.bar || !document.body.dataset.commands?.split(" ").includes("take-alarm")) return;
    const isTried = localStorage.getItem("fenghuo.sound_tried") === this.shift;
    const state = this.isOff ? "is_off" : this.isBlocked ? "blocked" : this.trial ?? (isTried ? null : "untried");
    if (state === this.shown || (this.isPressed && state === null)) return;
    this.shown = state;
    this.bar.hidden = state === null;
    this.bar.className = `sound-bar is-${state}`;
    const word = Object.assign(document.createElement("b"), { textContent: state ? say(`js.sound_${state}`) : "" });
    const gap = Object.assign(document.createElement("span"), { className: "gap" });
    const doings = state === "playing" ? ["heard", "not_heard"] : ["try"];
    const buttons = doings.map((doing) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: say(`js.sound_${doing}`) });
      button.dataset.sound = doing;
      return button;
    });
    this.bar.replaceChildren(word, gap, ...buttons);
  }

  play(stage) {
    if (this.isOff || this.isBlocked) return;
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
