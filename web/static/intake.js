// The intake line (接报): what, where, what kind, when, each ended by Enter, and it is on disk. A pasted message is
// read; what is known already is shown while typing; what is typed is kept here and on the server.
import { commandsFor, KnownAlready, sendInto } from "./alike.js";
import { now } from "./clock.js";
import { newId, send, sendUntilAnswered } from "./commands.js";
import { readDraft } from "./drafts.js";
import { FieldError, setValues, showError, valuesOf } from "./fields.js";
import { CommandForm, echo } from "./forms.js";
import { withoutInformer } from "./informer.js";
import { Outbox } from "./outbox.js";
import { Picker } from "./pick.js";
import { isMessage } from "./pasted.js";
import { SharedDrafts } from "./shared_drafts.js";
import { say } from "./texts.js";
import { wireTime } from "./times.js";
import { fill } from "./taken.js";

const PATIENCE_MS = 2500;  // then the form is free again, and what was typed waits in the outbox
const ALWAYS_THERE = ["drill", "known_by"];

async function findPlaces(text) {
  if (text.trim() === "") return [];
  try {
    const answer = await fetch(`/places?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" } });
    return answer.ok ? (await answer.json()).map((one) => ({ value: one.unit, text: one.name })) : [];
  } catch {
    return [];
  }
}

/** What stands behind a category's slash. It comes when the page is there, so that it is there without a server. */
async function finerKinds(categories) {
  try {
    const answer = await fetch("/kinds", { headers: { "HX-Request": "true" } });
    const found = answer.ok ? await answer.json() : [];
    const keys = new Map(categories.map((one) => [one.value, one.keys]));
    return found.map(([value, text]) => ({ value, text, keys: keys.get(value.split("/")[0]) ?? "" }));
  } catch {
    return [];
  }
}

export class Intake extends CommandForm {
  /** `reading`: the dialog that reads a pasted message. */
  constructor(form, stored, reading) {
    super(form, stored);
    this.reading = reading;
  }

  restore() {
    const field = (name) => this.form.querySelector(`#intake-${name}`);
    this.title = field("title");
    this.more = field("more");
    this.place = { search: field("place"), text: field("place-text"), division: this.form.elements["place.division"] };
    this.chip = this.form.querySelector(".chip");
    this.category = field("category");
    this.occurred = field("occurred");
    this.known = field("known");
    this.channel = field("channel");
    this.words = field("words");
    this.knownBy = this.form.querySelector("[data-known-by]");
    this.intoLine = field("into");
    this.outbox = new Outbox(document.getElementById("outbox"), this);
    this.alike = new KnownAlready(this.form, () => this.about(), (into) => this.goInto(into));
    this.shared = new SharedDrafts(this.form.querySelector("#drafts"), () => this.content(), (body) => this.goOn(body),
      (text) => this.say("waiting", text));
    this.wire();
    super.restore();
    const draft = readDraft(this.name);
    if (draft?.draft) this.shared.use(draft.draft);
    this.showCategory();
    this.showRare();
    this.form.classList.toggle("is-drill", this.form.elements.drill.checked);
    if (this.hasDraft) {
      this.choosePlace(draft?.place ?? null);
      this.open(false);
      this.say("waiting", say("js.draft"));
    }
  }

  wire() {
    const options = [...this.form.querySelectorAll("#intake-categories [role=option]")].map((one) => (
      { value: one.dataset.value, text: one.textContent, keys: one.dataset.keys }));
    this.categories = options;
    finerKinds(options).then((finer) => {
      options.push(...finer);
      this.showCategory();
    });
    const categories = (text) => {
      const typed = text.trim().toLowerCase();
      if (typed === "") return [];
      return options.filter((one) => one.text.toLowerCase().includes(typed) || one.keys.split(" ").some((keys) => keys.startsWith(typed)));
    };
    new Picker(this.place.search, this.form.querySelector("#intake-places"), findPlaces, (option) => {
      this.choosePlace(option);
    });
    new Picker(this.category, this.form.querySelector("#intake-categories"), categories, (option) => {
      this.form.elements.category.value = option.value;
      this.category.value = option.text;
      this.typed();
      this.occurred.focus();
    });
    this.category.addEventListener("input", () => { this.form.elements.category.value = ""; });
    this.title.addEventListener("focus", () => this.open(false));
    this.title.addEventListener("blur", () => this.guessPlace());
    this.title.addEventListener("paste", (event) => this.pasted(event));
    this.channel.addEventListener("change", () => this.showRare());
    this.form.elements.drill.addEventListener("change", ({ target }) => this.form.classList.toggle("is-drill", target.checked));
    this.chip.querySelector("button").addEventListener("click", () => { this.choosePlace(null); this.place.search.focus(); });
    this.form.querySelector("[data-clear]").addEventListener("click", () => { this.clear(); this.title.focus(); });
    this.form.querySelector("[data-close]").addEventListener("click", () => this.close());
    this.form.querySelector("[data-own]").addEventListener("click", () => this.goInto(null));
    this.form.addEventListener("keydown", (event) => this.key(event), true);
  }

  /** Enter goes from what to where, kind, when; behind the last it is the end. */
  key(event) {
    if (event.isComposing || event.keyCode === 229 || this.alike.key(event)) return;
    if (event.key === "Escape" && event.target.getAttribute("aria-expanded") !== "true") {
      event.stopPropagation();
      if (this.into) this.goInto(null);
      else this.close();
    }
    if ((event.key === "?" || event.key === "？") && this.isUnknown(event.target)) return event.preventDefault();
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.target.getAttribute("aria-expanded") === "true") return;
    const next = this.into && event.target === this.title ? null : new Map([
      [this.title, this.place.search], [this.place.search, this.category], [this.place.text, this.category],
      [this.category, this.occurred], [this.occurred, this.known],
    ]).get(event.target);
    if (!next) return;
    event.preventDefault();
    next.focus();  // leaving the title looks for a place in it
  }

  /** One key says that it is not known, and goes on: 核实中 is a value. */
  isUnknown(field) {
    const next = new Map([[this.place.search, this.category], [this.category, this.occurred], [this.occurred, this.known]]).get(field);
    if (!next || field.value !== "") return false;
    if (field === this.place.search) this.choosePlace(null);
    else if (field === this.category) this.form.elements.category.value = "";
    else this.form.elements.occurred_precision.value = "unknown";
    field.placeholder = say("js.unknown");
    this.typed();
    next.focus();
    return true;
  }

  // --- a pasted message ---

  pasted(event) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (!isMessage(text) || !this.reading?.dialog) return;
    event.preventDefault();
    this.take(text);
  }

  async take(text) {
    this.words.value = text;
    this.keepNow();
    const { taken, openWords } = await this.reading.open(text);
    this.open(false);
    fill(this, taken);
    if (!this.title.value && !this.place.division.value && !this.place.text.value) this.title.value = text.trim().split("\n")[0].slice(0, 60);
    if (openWords !== text) this.openWords = openWords;
    this.showRare();
    this.say("waiting", say("js.read_taken", { count: taken.length }));
    this.typed();
    this.known.focus();
  }

  // --- place, kind, who told it ---

  /** A place that the title names is offered at once, marked as a guess; never over what is being typed by then. */
  async guessPlace() {
    const title = this.title.value;
    if (this.place.division.value || this.place.search.value || this.guessed === title || !/[\u3400-\u9fff]/.test(title)) return;
    this.guessed = title;
    const [first] = await findPlaces(title);
    if (first && !this.place.division.value && !this.place.search.value && this.title.value === title) this.choosePlace({ ...first, isGuess: true });
  }

  choosePlace(option) {
    this.chosen = option;
    this.place.division.value = option?.value ?? "";
    this.chip.hidden = !option;
    this.chip.classList.toggle("is-guess", Boolean(option?.isGuess));
    this.chip.querySelector("b").textContent = option?.text ?? "";
    if (option) this.place.search.value = "";
    this.hint ??= this.place.search.placeholder;
    this.place.search.placeholder = option ? "" : this.hint;
    const ofPlace = this.knownBy.querySelector("[data-place-unit]");
    ofPlace.hidden = !option || option.value === document.body.dataset.unit;
    ofPlace.value = option?.value ?? "";
    ofPlace.textContent = option?.text ?? "";
    if (ofPlace.hidden) this.knownBy.selectedIndex = 0;
    this.typed();
  }

  showCategory() {
    const slug = this.form.elements.category.value;
    this.category.value = this.categories.find((one) => one.value === slug)?.text ?? this.category.value;
  }

  /** What is seldom said has its field when it was said; who may see an informer is told before it is filed. */
  showRare() {
    for (const label of this.form.querySelectorAll("[data-rare]")) label.hidden = label.querySelector("input").value === "";
    document.getElementById("intake-words-field").hidden = this.words.value === "";
    document.getElementById("intake-informer").hidden = !withoutInformer.applies(this.channel.value);
  }

  // --- known already ---

  about() {
    const text = [this.place.text.value, this.place.search.value].join(" ");
    return {
      title: this.title.value, text, division: this.place.division.value, category: this.form.elements.category.value,
      drill: this.form.elements.drill.checked,
    };
  }

  goInto(into) {
    this.into = into;
    this.intoLine.hidden = !into;
    this.intoLine.querySelector("span").textContent = into ? say(into.how === "merge" ? "js.into_merge" : "js.into_log", { number: into.number }) : "";
    if (!into) for (const line of this.alike.list.children) line.classList.remove("is-chosen");
    (into?.how === "merge" ? this.known : this.title).focus();
    if (into?.how === "merge") this.submit();  // one key: filed, and merged
  }

  // --- drafts ---

  typed() {
    super.typed();
    this.alike?.look();
    this.shared?.changed();
  }

  keepNow() {
    this.keep();
    this.shared.changed();
  }

  besides() {
    return { place: this.chosen, draft: this.shared?.id };
  }

  /** What the server keeps: nothing, as long as nothing was typed. */
  content() {
    const values = valuesOf(this.form);
    const isEmpty = Object.entries(values).every(([name, value]) => ALWAYS_THERE.includes(name) || value === "" || value === false);
    return isEmpty ? null : { values, place: this.chosen ?? null, title: values.title || values["place.text"] || this.chosen?.text || (values.words ?? "").slice(0, 60) };
  }

  /** Another's draft, or one's own from another machine: it stands in the form now. */
  goOn({ values, place }) {
    this.reset();
    setValues(this.form, values ?? {});
    this.showCategory();
    this.showRare();
    this.choosePlace(place ?? null);
    for (const field of this.form.querySelectorAll('[data-type="instant"]')) echo(field);
    this.open();
    this.keep();
  }

  // --- filing ---

  /** What was typed as the place and found in no list is kept as its text. One of title and place is enough. */
  command() {
    const body = super.command();
    const typed = this.place.search.value;
    if (typed) body.place = { ...body.place, text: [typed, body.place?.text].filter(Boolean).join(" ") };
    if (!body.title) {
      const where = [this.chosen?.text, body.place?.text].filter(Boolean).join(" ");
      const into = this.into?.how === "add" && (body.words || body.facts);
      if (!where && !into) throw new FieldError("/title", say("js.title_or_place"));
      body.title = `${where} ${this.category.value.replace(" / ", " ") || say("js.untitled")}`.trim().slice(0, 200);
    }
    if (body.words && body.source?.name && !withoutInformer.applies(body.source.channel)) {
      body.on_behalf_of = { name: body.source.name, channel: body.source.channel ?? "message", ...(body.source.unit ? { unit: body.source.unit } : {}) };
    }
    return withoutInformer(body);
  }

  /** Wait a little; without an answer it goes into the outbox, and the line is free for the next caller. */
  async deliver() {
    const into = this.into;
    if (into?.how === "add") return this.deliverInto(into);
    this.lock(true);
    this.say("waiting", say("js.sending"));
    const body = this.pending;
    const answer = await Promise.race([send("open-incident", body), new Promise((late) => setTimeout(late, PATIENCE_MS, { unknown: true }))]);
    if (answer.stored) return this.filed(answer.stored, into);
    if (answer.refused) return this.refused(answer.refused);
    this.outbox.add(body, valuesOf(this.form), this.chosen, into);
    this.lock(false);
    this.clear();
    this.say("waiting", say(answer.signedOut ? "js.signed_out" : "js.retry"));
  }

  async deliverInto(into) {
    this.lock(true);
    const figures = [...this.form.querySelectorAll(".figures label")].filter((label) => label.querySelector("input").value)
      .map((label) => `${label.firstChild.textContent.trim()} ${label.querySelector("input").value}`);
    const said = figures.length ? `${say("js.figures_said")} ${figures.join(", ")}` : "";
    this.adding ??= commandsFor(into, this.pending, said);
    const answer = await sendInto(this.adding, into, (none) => this.waits(none), (text) => this.say("stored", text));
    if (answer.refused) return this.refused(answer.refused);
    if (!answer.stored) return this.lock(false);
    const state = this.state.textContent;
    this.done({ incident_id: into.id, recorded_at: wireTime(now()) });
    this.say("stored", state);
  }

  async filed(answer, into) {
    this.done(answer);
    if (into) await this.merge(answer.incident_id, into);
  }

  merge(incident, into) {
    const body = { command_id: newId(), incident_id: incident, into: into.id };
    return sendUntilAnswered("merge-incident", body, (none) => this.waits(none)).then((answer) => {
      if (answer.refused) this.say("refused", say("js.refused", { detail: answer.refused.detail ?? "" }));
      else if (answer.stored) this.stored({ incident_id: into.id });
    });
  }

  refused(problem) {
    this.adding = null;
    super.refused(problem);
  }

  refuse(errors) {
    this.open(false);
    super.refuse(errors);
  }

  open(isAsked = true) {
    this.more.hidden = false;
    if (isAsked) {
      this.title.focus();
      this.title.select();
    }
  }

  close() {
    this.more.hidden = true;
    if (this.form.contains(document.activeElement)) document.activeElement.blur();
  }

  clear() {
    this.shared?.drop();
    this.reset();
  }

  /** An empty form; what was in it stays a draft on the server. */
  reset() {
    super.clear();
    this.guessed = this.into = this.adding = null;
    this.intoLine.hidden = true;
    this.alike?.clear();
    this.choosePlace(null);
    this.keeping = clearTimeout(this.keeping) ?? null;
    this.form.classList.remove("is-drill");
    this.showRare();
  }

  done(answer) {
    this.close();
    super.done(answer);
  }

  /** Take a refused one back into the form. */
  edit(item) {
    this.goOn({ values: item.values, place: item.place });
    for (const { pointer, detail } of item.refused?.errors ?? []) showError(this.form, pointer, detail);
  }
}
