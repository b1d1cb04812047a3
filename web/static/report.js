// A report that is being written. What is typed is in this browser at once and in the record a second later; what
// another officer writes meanwhile comes in beside, never under the cursor. Keys act while nobody types.
import { Alarms } from "./alarm.js";
import { clockText, runClocks } from "./clock.js";
import { newId, sendUntilAnswered } from "./commands.js";
import { dropDraft, guardSignOut, keepDraft, readDraft } from "./drafts.js";
import { CommandForm, putAway } from "./forms.js";
import { Live } from "./live.js";
import { fetchHtml, soon, swapPieces } from "./swap.js";
import { say } from "./texts.js";

const SAVE_MS = 1200;
const view = document.getElementById("report-view");
const text = document.getElementById("report-text");
const saved = document.getElementById("report-saved");
const { incident, report } = view.dataset;
const path = `/incidents/${incident}/reports/${report}`;
const draftName = `report:${report}`;
const head = () => document.getElementById(`report-head-${report}`);
const side = () => document.getElementById(`report-side-${report}`);
const stateNow = () => JSON.parse(head().dataset.state);

/** The fields: what this page began from (`base`), what the record says now (`theirs`), what stands here. */
class Text {
  constructor() {
    this.fields = new Map([...text.elements].filter((field) => field.name).map((field) => [field.name, field]));
    this.theirs = this.asShown(stateNow().fields);
    this.base = { ...this.theirs };
    this.restore();
    text.addEventListener("input", () => this.typed());
    text.addEventListener("focusout", ({ target }) => { this.save(); this.show(target.name); });
    text.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("pagehide", () => this.keep());
  }

  /** A field cannot hold every line end: what it makes of a text counts as the text. */
  asShown(fields) {
    const kept = (name) => fields[name].replace(/\r\n?/g, "\n");
    return Object.fromEntries([...this.fields].map(([name, field]) => [name, field.matches("textarea") ? kept(name) : kept(name).replaceAll("\n", "")]));
  }

  /** What was typed before a reload or a crash and did not reach the record. */
  restore() {
    const kept = readDraft(draftName);
    if (!kept) return;
    for (const [name, { base, value }] of Object.entries(kept.fields)) {
      const field = this.fields.get(name);
      if (!field || value === this.theirs[name]) continue;
      this.base[name] = base;
      field.value = value;
    }
    this.save();
  }

  changes() {
    return [...this.fields].filter(([name, field]) => field.value !== this.base[name])
      .map(([name, field]) => ({ field: name, before: this.base[name], after: field.value }));
  }

  typed() {
    this.keep();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.save(), SAVE_MS);
    saved.className = "state is-waiting";
    saved.textContent = say("js.saving");
  }

  keep() {
    const fields = Object.fromEntries(this.changes().map(({ field, before, after }) => [field, { base: before, value: after }]));
    if (Object.keys(fields).length) keepDraft(draftName, { fields });
    else dropDraft(draftName);
  }

  /** Everything typed so far into the record. Resolves when it is there, or with what stood in the way. */
  save() {
    clearTimeout(this.waiting);
    this.saving = (this.saving ?? Promise.resolve()).then(() => this.send());
    return this.saving;
  }

  async send() {
    const changes = this.changes();
    if (!changes.length || !stateNow().open) return;
    saved.className = "state is-waiting";
    saved.textContent = say("js.saving");
    const body = { command_id: newId(), incident_id: incident, report_id: report, changes };
    const answer = await sendUntilAnswered("edit-report", body, (none) => {
      saved.textContent = say(none.signedOut ? "js.signed_out" : "js.unsaved");
      return !none.signedOut;
    });
    if (answer.stored) {
      for (const { field, after } of changes) this.base[field] = after;
      this.keep();
      saved.className = "state is-stored";
      saved.textContent = say("js.saved", { clock: clockText(Date.parse(answer.stored.recorded_at)) });
      await news();
    } else if (answer.refused) {
      saved.className = "state is-refused";
      saved.textContent = `${say("js.refused", { detail: answer.refused.detail ?? "" })} ${say("js.unsaved")}`;
    }
  }

  /** What the record says now. A field that somebody types in stays as it is until he leaves it. */
  take({ fields, open }) {
    this.theirs = this.asShown(fields);
    for (const [name, field] of this.fields) {
      field.readOnly ||= !open;
      this.show(name);
    }
  }

  show(name) {
    const field = this.fields.get(name);
    if (!field) return;
    const theirs = this.theirs[name], note = text.querySelector(`.theirs[data-field="${name}"]`);
    const isBusy = document.activeElement === field || field.value !== this.base[name];
    const differs = theirs !== this.base[name];
    if (differs && !isBusy) {
      field.value = theirs;
      this.base[name] = theirs;
    }
    note.textContent = differs && isBusy && field.value !== theirs ? say("js.changed_by_other") : "";
  }

  /** Put words into a field as if they had been typed: they can be taken back. */
  put(name, words) {
    const field = this.fields.get(name);
    field.focus();
    field.select();
    if (!document.execCommand("insertText", false, words)) {
      field.value = words;
      this.typed();
    }
  }
}

const news = soonest(async () => {
  const html = await fetchHtml(`${path}/news`);
  if (html === null) return;
  await swapPieces(html);
  const state = stateNow();
  written.take(state);
  const version = document.querySelector('#form-sign-report [name="version"]');
  if (version) version.value = state.version;
  fillReceipts();
});

/** One at a time, and once more after it when it was asked for meanwhile. */
function soonest(work) {
  let running = null, again = false;
  return async () => {
    if (running) { again = true; return running; }
    running = work();
    await running;
    running = null;
    if (again) { again = false; await news(); }
  };
}

const written = new Text();
const forms = new Map([...document.querySelectorAll("form.act-form")].map((form) => [form.dataset.command, new CommandForm(form, () => { close(form); news(); })]));
for (const command of forms.values()) if (command.hasDraft) command.form.hidden = false;

// --- acts ---

async function act(name) {
  await written.save();
  const form = forms.get(name)?.form;
  if (!form) return;
  if (name === "submit-report") return form.requestSubmit();
  for (const { form: other } of forms.values()) if (other !== form) other.hidden = true;
  form.hidden = false;
  if (name === "send-report") chooseRecipient(form);
  if (name === "record-receipt") fillReceipts();
  const version = form.elements.namedItem("version");
  if (version) version.value = stateNow().version;
  form.scrollIntoView({ block: "nearest" });
  const fields = [...form.querySelectorAll("input:not([type=hidden]), textarea, select")];
  (fields.find((field) => "required" in field.dataset && field.value === "" && field.dataset.default !== "now") ?? fields[0])?.focus();
}

function close(form) {
  if (form) putAway(form);
}

const openForm = () => [...forms.values()].map((one) => one.form).find((form) => !form.hidden);

/** The next one who does not have it yet. */
function chooseRecipient(form) {
  const waiting = side().querySelector("[data-unsent]")?.dataset.recipient;
  const field = form.elements.namedItem("recipient");
  if (waiting && [...field.options].every((one) => one.value !== waiting)) {
    field.append(new Option(side().querySelector("[data-unsent] b").textContent, waiting));
  }
  if (waiting) field.value = waiting;
}

function fillReceipts() {
  const field = document.getElementById("receipt-report_id");
  if (!field || document.activeElement === field) return;
  const chosen = field.value;
  const waiting = [...side().querySelectorAll("[data-unreceived]")];
  field.replaceChildren(...waiting.map((one) => new Option(one.dataset.name, one.dataset.unreceived)));
  if (waiting.some((one) => one.dataset.unreceived === chosen)) field.value = chosen;
}

async function settle(button) {
  const { settle: version, field, take } = button.dataset;
  await written.save();
  const changes = field ? [{ field, before: stateNow().fields[field], after: take }] : [];
  const body = { command_id: newId(), incident_id: incident, report_id: report, changes, settles: [version] };
  const answer = await sendUntilAnswered("edit-report", body, (none) => !none.signedOut);
  if (answer.refused) saved.textContent = say("js.refused", { detail: answer.refused.detail ?? "" });
  document.activeElement?.blur();
  await news();
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  let isDone = false;
  try {
    await navigator.clipboard.writeText(source.textContent);
    isDone = true;
  } catch {  // plain http has no clipboard: by selection, as by hand
    for (let details = source.closest("details"); details; details = null) details.open = true;
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    isDone = document.execCommand("copy");
  }
  saved.className = "state is-stored";
  saved.textContent = say(isDone ? "js.copied" : "js.not_copied");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (!button) return;
  if (button.dataset.act) act(button.dataset.act);
  else if ("close" in button.dataset) close(button.form);
  else if (button.dataset.copy) copy(button);
  else if (button.dataset.settle) settle(button);
  else if ("anewBody" in button.dataset) {
    written.put("title", button.dataset.anewTitle);
    written.put("body", button.dataset.anewBody);
  }
});

// --- the keyboard ---

const TYPING = "input, textarea, select";

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229 || event.altKey) return;
  const isTyping = event.target.matches?.(TYPING);
  if (event.key === "Escape") {
    const form = openForm();
    if (form && (form.contains(event.target) || !isTyping)) close(form);
    document.activeElement?.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey) {
    if (event.key.toLowerCase() === "s") {
      event.preventDefault();
      written.save();
    } else if (event.key === "Enter" && (!isTyping || text.contains(event.target))) {
      event.preventDefault();
      document.querySelector(".acts .primary")?.click();
    }
    return;
  }
  if (isTyping || !/^[a-z]$/.test(event.key)) return;
  const key = document.querySelector(`#report-view [data-key="${event.key}"], aside [data-key="${event.key}"]`);
  if (!key) return;
  event.preventDefault();
  written.save().then(() => key.click());
});

// --- what others do ---

const live = new Live(null);
const alarms = new Alarms(deadlines, (one) => one.line.scrollIntoView({ block: "center" }));
guardSignOut();
runClocks((at) => alarms.look(at));
const refresh = soon(() => news());
live.addEventListener("entry", ({ detail }) => { if (detail.incident_id === incident) refresh(); });
live.addEventListener("refresh", () => refresh());

function deadlines() {
  return [...document.querySelectorAll(".owed-line .clock[data-due]")].map((clock) => {
    const line = clock.closest(".owed-line");
    return {
      id: line.id,
      due: Date.parse(clock.dataset.due),
      own: true,
      label: line.querySelector(".duty-label").textContent,
      title: document.title,
      drill: view.classList.contains("is-drill"),
      line,
    };
  });
}
