// What the pages of the duty share: a live page with forms that are commands, refreshed piece by piece.
import { runClocks } from "./clock.js";
import { guardSignOut } from "./drafts.js";
import { Duty } from "./duty.js";
import "./exports.js";
import { setValues } from "./fields.js";
import { CommandForm, putAway } from "./forms.js";
import { Live } from "./live.js";
import { Sound } from "./sound.js";
import { fetchHtml, soon, swapPieces } from "./swap.js";

export class DutyPage {
  /** `news`: the path of the pieces that change; `concerns(entry)`: whether an entry changes them. */
  constructor(news, concerns) {
    this.news = news;
    this.forms = new Map();
    this.refresh = soon(() => this.fetch(), 150, 150);
    this.live = new Live(null);
    this.duty = new Duty(this.live, new Sound());
    this.live.addEventListener("entry", ({ detail }) => { if (concerns(detail)) this.refresh(); });
    this.live.addEventListener("refresh", () => this.refresh());
    guardSignOut();
    runClocks();
    for (const form of document.querySelectorAll("form[data-command]")) {
      const command = new CommandForm(form, () => { this.close(form); this.refresh(); });
      this.forms.set(form.id, command);
      if (command.hasDraft && form.classList.contains("act-form")) form.hidden = false;
    }
    document.addEventListener("click", (event) => {
      const button = event.target.closest?.("button");
      if (button?.dataset.opens) this.open(button.dataset.opens, button);
      else if (button && "close" in button.dataset) this.close(button.form);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") for (const { form } of this.forms.values()) this.close(form);
    });
  }

  async fetch() {
    const html = await fetchHtml(this.news + location.search);
    if (html !== null) await swapPieces(html);
  }

  /** Open a form, filled in as far as the button knows; the others close. */
  open(id, button = null) {
    const form = this.forms.get(id)?.form;
    if (!form) return;
    for (const other of this.forms.values()) if (other.form !== form) this.close(other.form);
    const values = {};
    for (const { name, value } of button?.attributes ?? []) if (name.startsWith("data-set-")) values[name.slice(9)] = value;
    setValues(form, values);
    const shown = form.querySelector(".shown");
    if (shown && values.shown) shown.textContent = values.shown;
    form.hidden = false;
    form.scrollIntoView({ block: "nearest" });
    [...form.querySelectorAll("input:not([type=hidden]), textarea, select")].find((field) => field.value === "")?.focus();
  }

  close(form) {
    if (form?.classList.contains("act-form")) putAway(form);
  }
}
