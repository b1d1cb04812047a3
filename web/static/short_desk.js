// A short report at the desk: pasted or typed by ear, shown as it was understood, stored by one key.
import { newId, sendUntilAnswered } from "./commands.js";
import { soon } from "./swap.js";
import { say } from "./texts.js";

const READ_MS = 150, ANSWER_MS = 10_000;

export class ShortReports {
  /** `stored(answer)` is called when it is on disk. */
  constructor(stored) {
    this.dialog = document.getElementById("short-report");
    if (!this.dialog) return;
    this.stored = stored;
    this.form = document.getElementById("short-report-form");
    this.text = document.getElementById("short-report-text");
    this.which = document.getElementById("short-report-incident");
    this.button = document.getElementById("short-report-store");
    this.state = this.form.querySelector("output.state");
    this.read = null;  // what is understood of the text that stands there
    this.pending = null;  // what is on its way, or was: the same text sent again is the same command
    const look = soon(() => this.look(), READ_MS, READ_MS);
    this.text.addEventListener("input", () => {
      this.show(null);
      look();
    });
    this.which.addEventListener("change", () => this.look());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.store();
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.isComposing || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.store();
    });
    document.getElementById("short-report-leave").addEventListener("click", () => this.dialog.close());
    document.addEventListener("click", (event) => { if (event.target.closest?.("[data-short-report]")) this.open(); });
  }

  open() {
    if (!this.dialog.open) this.dialog.showModal();
    this.text.focus();
  }

  /** Ask what the text says. An answer about a text that is not there any more is not looked at. */
  async look() {
    const text = this.text.value, chosen = this.which.closest(".field").hidden ? undefined : this.which.value;
    if (text.trim() === "") return this.show(null);
    let read = null;
    try {
      const answer = await fetch("/api/v1/short-reports/read", {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ text, ...(chosen ? { incident_id: chosen } : {}) }), signal: AbortSignal.timeout(ANSWER_MS),
      });
      read = answer.ok ? await answer.json() : { ready: false, wrong: (await answer.json().catch(() => null))?.detail ?? say("js.not_now") };
    } catch {
      read = { ready: false, wrong: say("js.not_now") };
    }
    if (this.text.value === text) this.show(read);
  }

  show(read) {
    this.read = read;
    this.button.disabled = !read?.ready;
    document.getElementById("short-report-wrong").textContent = read?.wrong ?? "";
    const meant = read?.incidents ?? [], one = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
    const lines = [...(meant.length === 1 ? [{ label: say("js.short_incident"), text: `${meant[0].number} ${meant[0].title}` }] : []), ...(read?.lines ?? [])];
    document.getElementById("short-report-lines").replaceChildren(...lines.flatMap(({ label, text }) => [one("dt", label), one("dd", text)]));
    const field = this.which.closest(".field"), kept = this.which.value;
    field.hidden = meant.length < 2;
    this.which.replaceChildren(one("option", "—"), ...meant.map(({ incident_id: id, number, title }) => Object.assign(one("option", `${number} ${title}`), { value: id })));
    this.which.options[0].value = "";
    if (meant.some((each) => each.incident_id === kept)) this.which.value = kept;
  }

  async store() {
    const { read } = this;
    if (!read?.ready || this.isSending) return;
    const text = this.text.value, channel = document.getElementById("short-report-channel").value;
    if (this.pending?.text !== text || this.pending.channel !== channel) {
      const ids = Object.fromEntries(["command_id", ...read.makes].map((name) => [name, newId()]));
      const behalf = { ...read.body.on_behalf_of, channel };
      this.pending = { text, channel, name: read.name, body: { ...read.body, ...ids, on_behalf_of: behalf, words: text } };
    }
    this.lock(true);
    this.say("waiting", say("js.sending"));
    const answer = await sendUntilAnswered(this.pending.name, this.pending.body, (none) => {
      this.say("waiting", say(none.signedOut ? "js.signed_out" : "js.retry"));
      return !none.signedOut;
    });
    this.lock(false);
    if (answer.stored) {
      this.pending = null;
      this.text.value = "";
      this.show(null);
      this.say("", "");
      this.dialog.close();
      this.stored(answer.stored);
    } else if (answer.refused) {
      this.pending = null;
      this.say("refused", say("js.refused", { detail: answer.refused.detail ?? "" }));
    }
  }

  lock(isSending) {
    this.isSending = isSending;
    this.text.readOnly = isSending;
  }

  say(kind, text) {
    this.state.className = kind ? `state is-${kind}` : "state";
    this.state.textContent = text;
  }
}
