// Forms for a thumb: one sheet from below, few fields, large. What is typed is kept as it is typed; a form is a
// command, and it is on the disk before the sheet closes.
import { say } from "../texts.js";
import { drop, get, put, saving } from "./db.js";
import { button, h } from "./dom.js";
import { deviceTime, knownTime, newId } from "./tablet.js";

const BEIJING_MS = 8 * 3_600_000;
const inBeijing = (instant) => new Date(Date.parse(instant) + BEIJING_MS).toISOString().slice(0, 19);
const sheet = document.getElementById("sheet");
let writing = null;

/** What was typed is on the disk when this returns. */
export const draftsKept = () => writing;

/** Open a sheet. `fields`: see `made`; `save(values)` throws {pointer, detail} or answers when it is on the disk. */
export async function openSheet({ key, title, fields, save, saveWord, values = null, head = [] }) {
  if (sheet.open) sheet.close();
  const kept = key && !values ? await get("drafts", key) ?? {} : values ?? {};
  const inputs = new Map(fields.map((field) => [field.name, made(field, kept[field.name] ?? field.value)]));
  const fault = h("p", { class: "fault", role: "alert", hidden: true });
  const form = h("form", { class: "field-form", method: "dialog" },
    h("h2", {}, title), ...head, ...[...inputs.values()].map((one) => one.element), fault,
    h("div", { class: "field-form-acts" },
      button(say("tablet.cancel"), () => sheet.close(), { class: "quiet" }),
      h("button", { type: "submit", class: "primary" }, saveWord ?? say("tablet.save"))));
  const read = () => Object.fromEntries([...inputs].map(([name, one]) => [name, one.read()]));
  const complain = (text) => { fault.textContent = text; fault.hidden = !text; };
  let isSaving = false;
  form.addEventListener("input", () => { complain(""); if (key) { const typed = read(); writing = Promise.resolve(writing).then(() => put("drafts", typed, key)).catch(() => {}); } });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isSaving) return;
    isSaving = true;
    try {
      await writing;  // sealing a draft takes a moment: it must not come after the deed it became
      saving.draft = key ?? null;
      await save(read());
      if (key) await drop("drafts", key);
      sheet.close();
    } catch (wrong) {
      complain(wrong?.detail ?? (wrong?.message === "full" ? say("tablet.full") : say("tablet.not_kept", { why: wrong?.message ?? String(wrong) })));
    } finally {
      isSaving = false;
      saving.draft = null;
    }
  });
  sheet.replaceChildren(form);
  sheet.showModal();
  ([...inputs.values()].find((one) => one.first)?.element.querySelector("input, textarea") ?? form.querySelector("button")).focus();
  return form;
}

/** A field with its label: `{element, read()}`. */
function made(field, value) {
  const id = `f-${field.name}`, label = field.label;
  switch (field.type) {
    case "area": {
      const input = h("textarea", { id, rows: 4, maxLength: field.most ?? 20_000, value: value ?? "" });
      return { first: true, element: wrapped(id, label, input), read: () => input.value };
    }
    case "chips": return chips(field, value);
    case "check": {
      const input = h("input", { id, type: "checkbox", checked: Boolean(value) });
      return { element: h("label", { class: "field-check" }, input, label), read: () => input.checked };
    }
    case "select": {
      const input = h("select", { id }, field.options.map(([one, word]) => h("option", { value: one, selected: one === value }, word)));
      return { element: wrapped(id, label, input), read: () => input.value };
    }
    case "time": {
      const input = h("input", { id, type: "datetime-local", step: 1, value: inBeijing(value ?? knownTime()) });
      return { element: wrapped(id, label, input), read: () => input.value ? new Date(`${input.value}+08:00`).toISOString() : null };
    }
    case "place": return place(field, value);
    case "pin": {
      const input = h("input", { id, type: "password", inputMode: "numeric", maxLength: 12, autocomplete: "off" });
      return { first: true, element: wrapped(id, label, input), read: () => input.value };
    }
    default: {
      const input = h("input", { id, type: "text", inputMode: field.type === "number" ? "decimal" : "text", value: value ?? "", maxLength: field.most ?? 200, autocomplete: "off" });
      return { first: field.type !== "number" || field.isFirst, element: wrapped(id, label, input), read: () => input.value.trim() };
    }
  }
}

const wrapped = (id, label, input) => h("div", { class: "field-row" }, h("label", { for: id }, label), input);

function chips({ name, label, options }, value) {
  const group = h("fieldset", { class: "field-chips" }, h("legend", {}, label), options.map(([one, word]) => h("label", {},
    h("input", { type: "radio", name: `f-${name}`, value: one, checked: one === value }), h("span", {}, word))));
  return { element: group, read: () => group.querySelector("input:checked")?.value ?? "" };
}

/** A place in words, and its code found in the book by characters, pinyin or initials. Works with no network. */
function place({ label, places }, value) {
  let chosen = value?.division ?? null;
  const input = h("input", { id: "f-place", type: "text", value: value?.text ?? "", maxLength: 200, autocomplete: "off" });
  const found = h("div", { class: "field-found", role: "group" });
  const mark = () => {
    const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const hits = words.length ? places.filter((one) => words.every((word) => fits(one, word))).slice(0, 4) : [];
    const shown = chosen && !hits.some((one) => one.code === chosen) ? [places.find((one) => one.code === chosen), ...hits] : hits;
    found.replaceChildren(...shown.filter(Boolean).map((one) => button(one.name, () => { chosen = chosen === one.code ? null : one.code; mark(); }, { "aria-pressed": String(chosen === one.code) })));
  };
  input.addEventListener("input", mark);
  mark();
  return { element: h("div", { class: "field-row" }, h("label", { for: "f-place" }, label), input, found), read: () => ({ division: chosen, text: input.value.trim() }) };
}

const fits = ({ name, name_en: english, keys }, word) => name.split(" ").some((part) => part.includes(word) || word.includes(part.replace(/[县区市镇乡]$/, ""))) || keys.split(" ").some((key) => key.startsWith(word)) || english.toLowerCase().includes(word);

/** What every command has: its own id, and when he did it by this tablet's clock. */
export const command = (body) => ({ command_id: newId(), device_at: deviceTime(), ...body });

export const wrong = (detail) => ({ detail });
