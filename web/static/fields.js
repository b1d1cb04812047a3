// A form's fields to a command's body and back. A field's name is its place in the body: `facts.dead`.
import { now } from "./clock.js";
import { say } from "./texts.js";
import { parseTime, wireTime } from "./times.js";

/** What is wrong with one field, found before sending. */
export class FieldError extends Error {
  constructor(pointer, message) {
    super(message);
    this.pointer = pointer;
  }
}

export const fieldsOf = (form) => [...form.elements].filter((field) => field.name);

/** What the field says; undefined when it says nothing. Texts are kept to the letter: nothing is trimmed. */
function said(field, at) {
  const text = field.value;
  switch (field.dataset.type) {
    case "instant": {
      const moment = parseTime(text, at);
      if (moment !== null) return wireTime(moment);
      return field.dataset.default === "now" ? wireTime(at) : undefined;
    }
    case "count":
    case "measure": {
      const typed = text.normalize("NFKC").trim();
      if (typed === "") return undefined;
      if (typed === "?") return null;
      const number = Number(typed);
      const fits = field.dataset.type === "count" ? /^\d+$/.test(typed) : /^\d+(\.\d{1,4})?$/.test(typed);
      if (!fits || !Number.isFinite(number)) throw new Error(say("js.bad_number"));
      return number;
    }
    case "degrees": {
      const typed = text.normalize("NFKC").trim();
      if (typed === "") return undefined;
      if (!/^-?\d+(\.\d+)?$/.test(typed)) throw new Error(say("js.bad_degrees"));
      return Number(typed);
    }
    case "local": return text === "" ? undefined : `${text}:00+08:00`;
    case "ids": return text.split(" ").filter(Boolean);
    case "place": return text === "" ? undefined : Object.fromEntries(["shift_id", "post", "name"].map((name, at) => [name, text.split("|")[at]]));
    case "people": return text.trim() === "" ? undefined : people(text);
    case "bool": return field.checked;
    case "flag": return field.checked ? true : undefined;
    case "unit": return text === "" ? undefined : unitCode(text);
    case "units": {
      const codes = text.split(/[、,，;；]+/).map((one) => one.trim()).filter(Boolean).map(unitCode);
      return codes.length ? codes : undefined;
    }
    case "addressees": {
      const named = text.split(/[、,，;；\n]+/).map((one) => one.trim()).filter(Boolean).map(addressee);
      return named.length ? named : undefined;
    }
    default:
      if (field.type === "radio") return field.checked ? text : undefined;
      return text === "" ? undefined : text;
  }
}

/** A shift's people, one to a line: post, name, phone. */
function people(text) {
  const words = JSON.parse(document.getElementById("post-words").dataset.words);
  return text.split("\n").map((line) => line.trim().split(/\s+/).filter(Boolean)).filter((parts) => parts.length).map((parts) => {
    const phone = parts.length > 2 && /^[+0-9][0-9()\-*#]{4,}$/.test(parts.at(-1)) ? parts.pop() : undefined;
    const post = parts.length > 1 ? parts.shift() : "duty_officer";
    return { post: words[post] ?? post, name: parts.join(" "), ...(phone ? { phone } : {}) };
  });
}

/** A unit by its name or code, and behind it the post or person there. */
function addressee(text) {
  const options = [...(document.getElementById("unit-names")?.options ?? [])];
  const [unit] = options.filter((one) => `${text} `.startsWith(`${one.value} `)).sort((a, b) => b.value.length - a.value.length);
  const name = unit ? unit.value : text.split(/\s/)[0];
  const post = text.slice(name.length).trim();
  return { unit: unit ? unit.dataset.code : name, ...(post ? { post } : {}) };
}

/** A unit's code for its name, as the list offers it; whatever else was typed stays as it is. */
export function unitCode(text) {
  const options = document.getElementById("unit-names")?.options ?? [];
  return [...options].find((one) => one.value === text.trim())?.dataset.code ?? text;
}

export function unitName(code) {
  const options = document.getElementById("unit-names")?.options ?? [];
  return [...options].find((one) => one.dataset.code === code)?.value ?? code;
}

function put(body, path, value) {
  const names = path.split(".");
  const last = names.pop();
  let at = body;
  for (const name of names) at = at[name] ??= {};
  at[last] = value;
}

/** The command's body without ids. Throws the first FieldError. */
export function bodyOf(form) {
  const body = {}, at = now();
  for (const field of fieldsOf(form)) {
    const pointer = `/${field.name.replaceAll(".", "/")}`;
    let value;
    try {
      value = said(field, at);
    } catch (wrong) {
      throw new FieldError(pointer, wrong.message);
    }
    const isNothing = value === undefined || (typeof value === "string" && value.trim() === "");
    if (isNothing && "required" in field.dataset) throw new FieldError(pointer, say("js.required"));
    if (value !== undefined) put(body, field.name, value);
  }
  return complete(form.dataset.command, body);
}

/** What a command wants besides: nulls where unknown is allowed. */
function complete(command, body) {
  if (body.on_behalf_of && !body.on_behalf_of.name) delete body.on_behalf_of;
  if (command === "open-incident") {
    body.category ??= null;
    body.source ??= null;
    body.place ??= null;
  }
  if (command === "establish-facts") body.facts ??= {};
  if (command === "change-shift" && body.posts) {
    const { post, ...leader } = body.posts.find((one) => one.post === "leader") ?? {};
    body.leader = post ? leader : null;
    body.posts = body.posts.filter((one) => one.post !== "leader");
  }
  return body;
}

export function valuesOf(form) {
  const values = {};
  for (const field of fieldsOf(form)) {
    if (field.type === "checkbox") values[field.name] = field.checked;
    else if (field.type !== "radio") values[field.name] = field.value;
    else if (field.checked) values[field.name] = field.value;
  }
  return values;
}

export function setValues(form, values) {
  for (const field of fieldsOf(form)) {
    const value = values[field.name];
    if (value === undefined) continue;
    if (field.type === "checkbox") field.checked = value;
    else if (field.type === "radio") field.checked = field.value === value;
    else if (field.tagName !== "SELECT" || [...field.options].some((one) => one.value === value)) field.value = value;
  }
}

export function clearErrors(form) {
  for (const place of form.querySelectorAll(".wrong")) place.textContent = "";
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

/** The message beside its field, or beside the nearest one around it, or at the form's end. */
export function showError(form, pointer, message) {
  const places = [...form.querySelectorAll(".wrong")];
  let place = null;
  for (let at = pointer; place === null; at = at.slice(0, at.lastIndexOf("/"))) {
    place = places.find((one) => one.dataset.for === at) ?? (at === "" ? places.at(-1) ?? null : null);
    if (at === "") break;
  }
  if (!place) return;
  const whole = place.dataset.for === pointer || pointer === "" ? message : `${pointer}: ${message}`;
  place.textContent = place.textContent ? `${place.textContent} ${whole}` : whole;
  const field = fieldsOf(form).find((one) => `/${one.name.replaceAll(".", "/")}` === pointer);
  field?.setAttribute("aria-invalid", "true");
}
