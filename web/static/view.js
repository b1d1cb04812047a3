// One incident on the page: its forms, its log's filter, and its news as they come.
import { CommandForm, putAway } from "./forms.js";
import { setValues, unitName } from "./fields.js";
import { readDraft } from "./drafts.js";
import { fetchHtml, soon, swapPieces } from "./swap.js";
import { say } from "./texts.js";

export const POPS = ".pop[open], .more-acts[open]";

export class View {
  constructor() {
    this.refresh = soon(() => this.fetchNews());
    document.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("toggle", (event) => this.opened(event), true);
    this.adopt();
  }

  get element() {
    return document.getElementById("incident-view");
  }

  get incident() {
    return this.element?.dataset.incident ?? null;
  }

  /** A new incident stands here: take its forms over, and open those with something typed in them. */
  adopt() {
    this.forms = new Map();
    for (const form of this.element?.querySelectorAll("form[data-command]") ?? []) {
      const command = new CommandForm(form, (_answer, body) => {
        this.close(form);
        this.refresh();
        if (form.dataset.then) location.assign(form.dataset.then.replace("{report_id}", body.report_id));
      });
      this.forms.set(form.dataset.command, command);
      if (command.hasDraft) this.show(form.dataset.command, {}, false);
    }
  }

  async fetchNews() {
    const incident = this.incident;
    if (!incident) return;
    const html = await fetchHtml(`/incidents/${incident}/news${location.search.includes("all=1") ? "?all=1" : ""}`);
    if (html !== null && this.incident === incident) await swapPieces(html);
    this.markExpanded();
    if (document.getElementById("around")?.open) this.fetchAround();
  }

  /** People, phones and related incidents, one key away: fetched when they are looked at. */
  around() {
    const around = document.getElementById("around");
    if (!around) return false;
    around.open = !around.open;
    if (around.open) around.querySelector("summary").focus();
    return true;
  }

  async fetchAround() {
    const html = await fetchHtml(`/incidents/${this.incident}/around`);
    const place = document.getElementById("around-body");
    if (html !== null && place?.dataset.incident === this.incident) await swapPieces(html);
    else if (html === null && place && !place.children.length) place.textContent = say("js.not_now");
  }

  clicked(event) {
    const button = event.target.closest?.("button");
    for (const pop of document.querySelectorAll(POPS)) if (!pop.contains(event.target)) pop.open = false;
    if (!button || !button.closest("#incident-view, #incident-side")) return;
    if (button.dataset.filterTo) this.element.dataset.filter = button.dataset.filterTo;
    else if (button.dataset.act) this.act(button);
    else if (button.dataset.copied) copyText(button);
    else if ("close" in button.dataset) this.close(button.form);
  }

  /** Only one figure's history is open at a time, and Escape or a click elsewhere closes it. */
  opened(event) {
    if (event.target.id === "around" && event.target.open) this.fetchAround();
    if (event.target.id === "map-here") import(event.target.querySelector("section").dataset.module).then((map) => map.mountAll());
    if (!event.target.matches?.(POPS)) return;
    for (const other of document.querySelectorAll(POPS)) if (other !== event.target) other.open = false;
  }

  act(button) {
    const values = {};
    for (const attribute of button.attributes) {
      if (attribute.name.startsWith("data-set-")) values[attribute.name.slice(9)] = attribute.value;
    }
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.closest("details.more-acts")?.removeAttribute("open");
    if (isOpen) this.close(this.forms.get(button.dataset.act)?.form);
    else this.show(button.dataset.act, values);
  }

  /** Open a command's form, filled in as far as the button knows. What is typed in it already stays. */
  show(command, values = {}, isAsked = true) {
    const known = this.forms.get(command), form = known?.form;
    if (!form) return;
    if (known.keeping) known.keep();  // the last letters are not in the draft yet, and it is put back below
    if (isAsked) for (const other of this.forms.values()) if (other.form !== form) other.form.hidden = true;
    form.hidden = false;
    if (values.to) values.to = unitName(values.to);
    const kept = readDraft(form.dataset.draft)?.values ?? {};
    const differs = Object.keys(values).some((name) => name.endsWith("_id") && kept[name] && kept[name] !== values[name]);
    setValues(form, differs ? { ...values } : { ...values, ...pick(kept) });
    const shown = form.querySelector(".shown");
    if (shown) shown.textContent = values.shown ?? "";
    this.markExpanded();
    if (isAsked) {
      form.scrollIntoView({ block: "nearest" });
      firstField(form)?.focus();
    }
  }

  close(form) {
    if (!form) return;
    putAway(form);
    this.markExpanded();
  }

  /** The open form, if any: Escape closes it. */
  get openForm() {
    return [...this.forms.values()].map((one) => one.form).find((form) => !form.hidden) ?? null;
  }

  markExpanded() {
    for (const button of this.element?.querySelectorAll(".acts [data-act]") ?? []) {
      const form = this.forms.get(button.dataset.act)?.form;
      button.setAttribute("aria-expanded", String(Boolean(form && !form.hidden)));
    }
  }
}

const pick = (kept) => Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== "" && value !== false));

function firstField(form) {
  const fields = [...form.querySelectorAll("input:not([type=hidden]), textarea, select")];
  return fields.find((field) => field.type === "radio") ?? fields.find((field) => "required" in field.dataset && field.value === "" && field.dataset.default !== "now")
    ?? fields.find((field) => field.matches("input, textarea")) ?? fields[0];
}

/** Coordinates for another program. Plain http has no clipboard: there they are chosen, to be copied by hand. */
async function copyText(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copied);
    button.textContent = say("js.copied");
  } catch {
    getSelection().selectAllChildren(button.parentElement.querySelector("span"));
    button.textContent = say(document.execCommand("copy") ? "js.copied" : "js.not_copied");
  }
}
