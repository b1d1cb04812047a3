// A message pasted into an open incident's log or facts: its text stays where it was pasted, its figures are offered
// for the facts, each with its words.
import { isMessage } from "./pasted.js";
import { fillForm, nameOf } from "./taken.js";

export class PasteIntoIncident {
  constructor(view, reading) {
    Object.assign(this, { view, reading });
    if (reading.dialog) document.addEventListener("paste", (event) => this.pasted(event));
  }

  pasted(event) {
    const field = event.target.closest?.("#incident-view form input, #incident-view form textarea");
    const command = field?.form.dataset.command;
    const isLog = command === "add-entry" && field.name === "text";
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (!(isLog || command === "establish-facts") || !isMessage(text)) return;
    const facts = this.view.forms.get("establish-facts")?.form;
    if (!facts) return;
    if (!isLog) event.preventDefault();  // a message has no room in a field for a number
    setTimeout(() => this.offer(text, field, facts, isLog));
  }

  async offer(text, field, facts, isLog) {
    const { taken, openWords } = await this.reading.open(text, (name) => Boolean(facts.elements[nameOf(name)]));
    if (taken.length === 0) return field.focus();
    if (!isLog) this.view.show("establish-facts");
    facts.hidden = false;
    fillForm(facts, taken);
    if (facts.elements.words && !isLog) facts.elements.words.value = openWords;
    facts.dispatchEvent(new Event("input", { bubbles: true }));
    this.view.markExpanded();
    (isLog ? field : facts.querySelector("button[type=submit]")).focus();
  }
}
