// New versions of the program: fetched whole beside the old one, taken only when nothing is being written or sent.
const LOOK_MS = 30 * 60_000, QUIET_MS = 20_000;

export class Versions {
  constructor(changed) {
    this.changed = changed;
    this.touchedAt = performance.now();
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => { this.touchedAt = performance.now(); }, { capture: true });
  }

  get isWaiting() { return Boolean(this.registration?.waiting && navigator.serviceWorker.controller); }

  async start() {
    if (!navigator.serviceWorker) return;
    navigator.serviceWorker.addEventListener("controllerchange", () => {
      if (this.isTaken) location.reload();
      else this.changed();
    });
    try {
      this.registration = await navigator.serviceWorker.register("/field/sw.js", { scope: "/field" });
    } catch {
      return;  // no line, or no secure address: what is there goes on
    }
    this.registration.addEventListener("updatefound", () => {
      this.registration.installing?.addEventListener("statechange", () => this.changed());  // it is ready beside this one
    });
    setInterval(() => this.look(), LOOK_MS);
    navigator.serviceWorker.ready.then(() => { document.body.dataset.kept = "yes"; });
    this.changed();
  }

  /** Ask for another version; at once when the server says it is another than ours. */
  look(release) {
    if (release && release === document.body.dataset.release) return;
    this.registration?.update().catch(() => {});
  }

  /** What is large and seldom wanted, when nothing else needs the line. */
  bringTheRest() { navigator.serviceWorker?.controller?.postMessage("bring-the-rest"); }

  take() {
    this.isTaken = true;
    this.registration?.waiting?.postMessage("take-over");
  }

  takeInQuiet() {
    if (this.isWaiting && !this.isTaken && (document.hidden || performance.now() - this.touchedAt > QUIET_MS)) this.take();
  }
}
