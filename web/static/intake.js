// The intake line (接报): what, where, what kind, when, each ended by Enter, and it is on disk.
import { send, sendUntilAnswered } from "./commands.js";
import { clockText } from "./clock.js";
import { keepDraft, readDraft } from "./drafts.js";
import { CommandForm, echo } from "./forms.js";
import { setValues, showError, valuesOf } from "./fields.js";
import { Picker } from "./pick.js";
import { say } from "./texts.js";

const PATIENCE_MS = 2500;  // then the form is free again, and what was typed waits in the outbox

async function findPlaces(text) {
  if (text.trim() === "") return [];
  try {
    const answer = await fetch(`/places?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" } });
    return answer.ok ? (await answer.json()).map((one) => ({ value: one.unit, text: one.name })) : [];
  } catch {
    return [];
  }
}

export class Intake extends CommandForm {
  restore() {
    const field = (name) => this.form.querySelector(`#intake-${name}`);
    this.title = field("title");
    this.more = field("more");
    this.place = { search: field("place"), text: field("place-text"), division: this.form.elements["place.division"] };
    this.chip = this.form.querySelector(".chip");
    this.category = field("category");
    this.known = field("known");
    this.knownBy = this.form.querySelector("[data-known-by]");
    this.outbox = new Outbox(document.getElementById("outbox"), this);
    this.wire();
    super.restore();
    this.showCategory();
    this.form.classList.toggle("is-drill", this.form.elements.drill.checked);
    if (this.hasDraft) {
      this.choosePlace(readDraft(this.name)?.place ?? null);
      this.open(false);
      this.say("waiting", say("js.draft"));
    }
  }

  wire() {
    const options = [...this.form.querySelectorAll("#intake-categories [role=option]")].map((one) => (
      { value: one.dataset.value, text: one.textContent, keys: one.dataset.keys }));
    this.categories = options;
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
      this.known.focus();
    });
    this.category.addEventListener("input", () => { this.form.elements.category.value = ""; });
    this.title.addEventListener("focus", () => this.open(false));
    this.title.addEventListener("blur", () => this.guessPlace());
    this.form.elements.drill.addEventListener("change", ({ target }) => this.form.classList.toggle("is-drill", target.checked));
    this.chip.querySelector("button").addEventListener("click", () => { this.choosePlace(null); this.place.search.focus(); });
    this.form.querySelector("[data-clear]").addEventListener("click", () => { this.clear(); this.title.focus(); });
    this.form.querySelector("[data-close]").addEventListener("click", () => this.close());
    this.form.addEventListener("keydown", (event) => this.key(event));
  }

  /** Enter goes from what to where, kind, when; behind the last it is the end. */
  key(event) {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    }
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    const next = new Map([
      [this.title, this.place.search], [this.place.search, this.category], [this.place.text, this.category], [this.category, this.known],
    ]).get(event.target);
    if (!next) return;
    event.preventDefault();
    next.focus();  // leaving the title looks for a place in it
  }

  /** A place that the title names is offered at once, marked as a guess. */
  async guessPlace() {
    const title = this.title.value;
    if (this.place.division.value || this.place.search.value || this.guessed === title || !/[\u3400-\u9fff]/.test(title)) return;
    this.guessed = title;
    const [first] = await findPlaces(title);
    if (first && !this.place.division.value && this.title.value === title) this.choosePlace({ ...first, isGuess: true });
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

  besides() {
    return { place: this.chosen };
  }

  /** What was typed as the place and found in no list is kept as its text. */
  command() {
    const body = super.command();
    const typed = this.place.search.value;
    if (typed) body.place = { ...body.place, text: [typed, body.place?.text].filter(Boolean).join(" ") };
    return body;
  }

  /** Wait a little; without an answer it goes into the outbox, and the line is free for the next caller. */
  async deliver() {
    this.lock(true);
    this.say("waiting", say("js.sending"));
    const body = this.pending;
    const answer = await Promise.race([send("open-incident", body), new Promise((late) => setTimeout(late, PATIENCE_MS, { unknown: true }))]);
    if (answer.stored) return this.done(answer.stored);
    if (answer.refused) return this.refused(answer.refused);
    this.outbox.add(body, valuesOf(this.form), this.chosen);
    this.lock(false);
    this.clear();
    this.say("waiting", say(answer.signedOut ? "js.signed_out" : "js.retry"));
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
    super.clear();
    this.guessed = null;
    this.choosePlace(null);
    this.keeping = clearTimeout(this.keeping) ?? null;
    this.form.classList.remove("is-drill");
  }

  done(answer) {
    this.close();
    super.done(answer);
  }

  /** Take a refused one back into the form. */
  edit(item) {
    this.clear();
    setValues(this.form, item.values);
    this.showCategory();
    this.choosePlace(item.place);
    for (const field of this.form.querySelectorAll('[data-type="instant"]')) echo(field);
    for (const { pointer, detail } of item.refused?.errors ?? []) showError(this.form, pointer, detail);
    this.open();
    this.keep();
  }
}

/** What could not be sent: kept over reloads, sent in order until answered. */
class Outbox {
  constructor(list, intake) {
    this.list = list;
    this.intake = intake;
    this.items = readDraft("outbox") ?? [];
    list.addEventListener("click", (event) => this.clicked(event));
    this.show();
    this.run();
  }

  add(body, values, place) {
    this.items.push({ body, values, place });
    this.show();
    this.run();
  }

  async run() {
    if (this.isRunning) return;
    this.isRunning = true;
    let item;
    while ((item = this.items.find((one) => !one.refused))) {
      const answer = await sendUntilAnswered("open-incident", item.body, (none) => {
        item.state = say(none.signedOut ? "js.signed_out" : "js.retry");
        this.show();
        return !none.signedOut;
      });
      if (answer.stored) {
        this.items = this.items.filter((one) => one !== item);
        const clock = clockText(Date.parse(answer.stored.recorded_at));
        this.intake.say("stored", say("js.stored_number", { clock, number: answer.stored.number ?? "" }));
      } else if (answer.refused) item.refused = answer.refused;
      else break;
      this.show();
    }
    this.isRunning = false;
  }

  clicked(event) {
    const doing = event.target.closest("button")?.dataset.do;
    if (!doing) return;
    const item = this.items[Number(event.target.closest("li").dataset.at)];
    this.items = this.items.filter((one) => one !== item);
    this.show();
    if (doing === "edit") this.intake.edit(item);
  }

  show() {
    keepDraft("outbox", this.items);
    this.list.replaceChildren(...this.items.map((item, at) => {
      const line = document.createElement("li");
      line.dataset.at = at;
      const what = Object.assign(document.createElement("bdi"), { className: "what", textContent: item.body.title });
      const state = Object.assign(document.createElement("span"), {
        className: `state is-${item.refused ? "refused" : "waiting"}`,
        textContent: item.refused ? say("js.refused", { detail: item.refused.detail ?? "" }) : item.state ?? say("js.sending"),
      });
      line.append(what, state);
      for (const doing of item.refused ? ["edit", "drop"] : []) {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: say(`js.${doing}`) });
        button.dataset.do = doing;
        line.append(button);
      }
      return line;
    }));
  }
}
