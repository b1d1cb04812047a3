// When nobody touches the tablet any more it locks by itself: after as many minutes as the desk says, or fewer.
const PLACE = "fenghuo.field.lock", USUAL = 5;
export const CHOICES = [1, 2, 5, 10, 15, 30];

export class Idle {
  /** `allowed()`: the most minutes that the desk allows. */
  constructor(allowed) {
    this.allowed = allowed;
    this.touched();
    for (const touch of ["pointerdown", "keydown", "input"]) addEventListener(touch, () => this.touched(), { capture: true, passive: true });
  }

  touched() { this.since = [performance.now(), Date.now()]; }

  get most() { return this.allowed() ?? USUAL; }
  get minutes() { return Math.min(this.most, Number(localStorage.getItem(PLACE)) || this.most); }
  set minutes(minutes) { localStorage.setItem(PLACE, String(minutes)); }

  /** A tablet that slept did not count along: the wall's clock counts too. */
  get isOver() {
    const [began, at] = this.since;
    return Math.max(performance.now() - began, Date.now() - at) >= this.minutes * 60_000;
  }
}
