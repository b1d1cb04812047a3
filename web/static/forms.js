// Forms that are commands. A form knows its command; its ids are made when the person begins and stay until it
// is answered, so that a resent form is the same command.
import { newId, sendUntilAnswered } from "./commands.js";
import { clockText, momentText, now } from "./clock.js";
import { dropDraft, keepDraft, readDraft } from "./drafts.js";
import { bodyOf, clearErrors, FieldError, setValues, showError, valuesOf } from "./fields.js";
import { parseTime } from "./times.js";
import { say } from "./texts.js";

export class CommandForm {
  /** `stored(answer, body)` is called when the command is on disk. */
  constructor(form, stored = () => {}) {
    this.form = form;
    this.name = form.dataset.draft;
    this.state = form.querySelector("output.state");
    this.stored = stored;
    form.addEventListener("input", () => this.typed());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    form.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.submit();
      }
    });
    for (const field of form.querySelectorAll('[data-type="instant"]')) {
      field.addEventListener("input", () => echo(field));
    }
    addEventListener("pagehide", () => { if (this.keeping) this.keep(); });
    this.restore();
  }

  /** What was typed before a reload; a command that was on its way goes on. */
  restore() {
    const draft = readDraft(this.name);
    if (!draft) return;
    setValues(this.form, draft.values);
    this.ids = draft.ids;
    this.pending = draft.pending;
    this.hasDraft = true;
    for (const field of this.form.querySelectorAll('[data-type="instant"]')) echo(field);
    if (this.pending) this.deliver();
  }

  typed() {
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.keep(), 100);
  }

  keep() {
    clearTimeout(this.keeping);
    this.keeping = null;
    keepDraft(this.name, { values: valuesOf(this.form), ids: this.ids, pending: this.pending, ...this.besides() });
  }

  /** What else a draft holds. */
  besides() {
    return {};
  }

  /** The body to send; the same ids for the same draft, the same command_id for the same body. */
  command() {
    const body = bodyOf(this.form);
    this.ids ??= Object.fromEntries((this.form.dataset.makes ?? "").split(" ").filter(Boolean).map((name) => [name, newId()]));
    Object.assign(body, this.ids);
    const isSame = this.pending && JSON.stringify({ ...this.pending, command_id: 0 }) === JSON.stringify({ ...body, command_id: 0 });
    return { ...body, command_id: isSame ? this.pending.command_id : newId() };
  }

  submit() {
    if (this.isSending) return;
    clearErrors(this.form);
    try {
      this.pending = this.command();
    } catch (wrong) {
      if (!(wrong instanceof FieldError)) throw wrong;
      this.refuse([{ pointer: wrong.pointer, detail: wrong.message }]);
      return;
    }
    this.keep();
    this.deliver();
  }

  async deliver() {
    this.lock(true);
    this.say("waiting", say("js.sending"));
    const body = this.pending;
    const answer = await sendUntilAnswered(this.form.dataset.command, body, (none) => this.waits(none));
    if (answer.stored) this.done(answer.stored);
    else if (answer.refused) this.refused(answer.refused);
    else this.lock(false);
  }

  waits(none) {
    this.say("waiting", say(none.signedOut ? "js.signed_out" : "js.retry"));
    return !none.signedOut;
  }

  done(answer) {
    const body = this.pending;
    this.lock(false);
    this.clear();
    const clock = clockText(Date.parse(answer.recorded_at));
    this.say("stored", say(answer.number ? "js.stored_number" : "js.stored", { clock, number: answer.number ?? "" }));
    this.stored(answer, body);
  }

  refused(problem) {
    this.lock(false);
    this.pending = null;
    this.keep();
    const errors = problem.errors?.length ? problem.errors : [];
    this.say("refused", say("js.refused", { detail: problem.detail ?? problem.title ?? "" }));
    this.refuse(errors);
  }

  refuse(errors) {
    for (const { pointer, detail } of errors) showError(this.form, pointer, detail);
    this.form.querySelector("[aria-invalid]")?.focus();
  }

  clear() {
    clearTimeout(this.keeping);
    this.keeping = null;
    dropDraft(this.name);
    this.form.reset();
    this.ids = this.pending = null;
    this.hasDraft = false;
    clearErrors(this.form);
    for (const field of this.form.querySelectorAll('[data-type="instant"]')) echo(field);
  }

  lock(isSending) {
    this.isSending = isSending;
    this.form.classList.toggle("is-sending", isSending);
    for (const field of this.form.elements) {
      if (field.matches("input:not([type=checkbox]):not([type=radio]), textarea")) field.readOnly = isSending;
    }
  }

  say(kind, text) {
    this.state.className = `state is-${kind}`;
    this.state.textContent = text;
  }
}

/** Hide a form. A field that nobody sees keeps the keys until the next frame: a key pressed at once would be lost in it. */
export function putAway(form) {
  form.hidden = true;
  if (form.contains(document.activeElement)) document.activeElement.blur();
}

/** Beside a time: what was understood, so that 1350 is seen to be yesterday's before it is sent. */
export function echo(field) {
  const place = field.parentElement.querySelector(".echo");
  if (!place) return;
  try {
    const moment = parseTime(field.value, now());
    place.textContent = moment === null ? "" : momentText(moment);
    field.removeAttribute("aria-invalid");
  } catch (wrong) {
    place.textContent = wrong.message;
  }
}
