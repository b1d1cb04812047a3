// Reading a pasted message (读取来文): its text with the found words marked, each finding taken or left by key.
// Nothing is taken over unseen: what Enter takes is what stands there as chosen.
import { momentText, now } from "./clock.js";
import { elementsOf } from "./swap.js";
import { say } from "./texts.js";
import { parseTime, wireTime } from "./times.js";

const KEYS = "123456789abcdefghijklmnopqrstuvwxyz";
const PATIENCE_MS = 10_000;

export class ReadingDialog {
  constructor() {
    this.dialog = document.getElementById("reading");
    if (!this.dialog) return;
    this.body = document.getElementById("reading-body");
    this.sent = document.getElementById("reading-sent");
    this.echo = document.getElementById("reading-sent-echo");
    this.which = document.getElementById("reading-which");
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.close(false); });
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("focusin", (event) => this.point(event.target.closest(".found")));
    this.sent.addEventListener("change", () => this.read());
    document.getElementById("reading-take").addEventListener("click", () => this.close(true));
    document.getElementById("reading-leave").addEventListener("click", () => this.close(false));
  }

  /** What the officer takes of a text: `{taken, openWords, informers}`; `taken` is empty when only the text is kept. */
  open(text, fits = () => true) {
    Object.assign(this, { text, fits, incident: 0 });
    this.sent.value = this.echo.textContent = "";
    this.body.replaceChildren();
    this.dialog.showModal();
    this.read();
    return new Promise((resolve) => { this.resolve = resolve; });
  }

  async read() {
    const asked = this.asked = {};
    this.incident = 0;
    let sentAt;
    try {
      sentAt = parseTime(this.sent.value, now());
      this.echo.textContent = sentAt === null ? "" : momentText(sentAt);
    } catch (wrong) {
      this.echo.textContent = wrong.message;
      return;
    }
    this.tell(say("js.reading"));
    const html = await fetchReading(this.text, sentAt);
    if (asked !== this.asked || !this.dialog.open) return;
    if (html === null) this.tell(say("js.read_failed"));
    else this.body.replaceChildren(...elementsOf(html));
    this.show();
    (this.shown[0] ?? document.getElementById("reading-take")).focus();
  }

  tell(words) {
    this.body.replaceChildren(Object.assign(document.createElement("p"), { className: "empty", textContent: words }));
  }

  get section() {
    return this.body.querySelector(".read");
  }

  get count() {
    return Number(this.section?.dataset.incidents ?? 0);
  }

  get chips() {
    return [...this.body.querySelectorAll(".found")];
  }

  get shown() {
    return this.chips.filter((chip) => !chip.hidden);
  }

  /** The chips of the incident that is looked at, each with its key; the source belongs to all. */
  show() {
    for (const text of this.body.querySelectorAll(".read-text")) text.hidden = Number(text.dataset.incident) !== this.incident;
    let number = 0;
    for (const chip of this.chips) {
      const isOfIt = Number(chip.dataset.incident) === this.incident || chip.dataset.field.startsWith("source.");
      chip.hidden = !isOfIt || !this.fits(chip.dataset.field);
      const isUsable = !chip.hidden && !chip.hasAttribute("aria-disabled");
      chip.querySelector("kbd").textContent = isUsable ? KEYS[number] ?? "" : "";
      chip.dataset.key = isUsable ? KEYS[number++] ?? "" : "";
    }
    this.which.hidden = this.count < 2;
    this.which.textContent = say("js.read_which", { number: this.incident + 1, count: this.count });
    this.paint();
  }

  /** Marks show what is taken; those of the chip under the cursor stand out. */
  paint(at = document.activeElement?.closest?.(".found")) {
    const taken = new Set(this.shown.filter(isTaken).map((chip) => chip.dataset.number));
    for (const mark of this.body.querySelectorAll("mark")) {
      const chips = mark.dataset.chips.split(" ");
      mark.classList.toggle("is-taken", chips.some((chip) => taken.has(chip)));
      mark.classList.toggle("is-at", Boolean(at) && chips.includes(at.dataset.number));
    }
  }

  point(chip) {
    if (chip) this.paint(chip);
  }

  toggle(chip) {
    if (!chip || chip.hidden || chip.hasAttribute("aria-disabled")) return;
    const take = !isTaken(chip);
    if (take) {
      for (const other of this.shown) if (other.dataset.field === chip.dataset.field) other.setAttribute("aria-selected", "false");
    }
    chip.setAttribute("aria-selected", String(take));
    this.paint(chip);
  }

  clicked(event) {
    const chip = event.target.closest(".found");
    const mark = event.target.closest("mark");
    if (chip) this.toggle(chip);
    else if (mark) this.chips.find((one) => one.dataset.number === mark.dataset.chips.split(" ")[0])?.focus();
  }

  key(event) {
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation();
    if (event.target === this.sent) {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.read();
      return;
    }
    const list = this.shown, at = list.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && list.length) list[(at + step + list.length) % list.length].focus();
    else if (turn && this.count > 1) {
      this.incident = (this.incident + turn + this.count) % this.count;
      this.show();
      this.shown[0]?.focus();
    } else if (event.key === " " && at >= 0) this.toggle(list[at]);
    else if (event.key === "Enter" && !event.target.matches("button")) this.close(true);
    else if (event.key.length === 1 && list.some((chip) => chip.dataset.key && chip.dataset.key === event.key.toLowerCase())) {
      const chip = list.find((one) => one.dataset.key === event.key.toLowerCase());
      this.toggle(chip);
      chip.focus();
    } else return;
    event.preventDefault();
  }

  close(isTaking) {
    const taken = isTaking ? this.shown.filter(isTaken).map((chip) => ({ ...chip.dataset })) : [];
    const { openWords, informers } = this.section?.dataset ?? {};
    this.asked = null;
    this.dialog.close();
    this.resolve?.({ taken, openWords: openWords ?? this.text, informers: (informers ?? "").split(" ") });
    this.resolve = null;
  }
}

const isTaken = (chip) => chip.getAttribute("aria-selected") === "true";

async function fetchReading(text, sentAt) {
  try {
    const answer = await fetch("/intake/reading", {
      method: "POST",
      headers: { "Content-Type": "application/json", "HX-Request": "true" },
      body: JSON.stringify(sentAt === null ? { text } : { text, sent_at: wireTime(sentAt) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}
