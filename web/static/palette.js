// Ctrl K: everything that can be done, by name, in either language; and the keys of every page. Both come from one
// list (server/screens/actions.py). A page that handles a key itself has the first word.
import { nearestHelp, openHelp } from "./help.js";

const CHORD_MS = 1500;
const TYPING = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";
const dialog = document.getElementById("palette");
const input = dialog.querySelector("input");
const list = dialog.querySelector("[role=listbox]");
const isEnglish = document.documentElement.lang === "en";
const may = document.body.dataset.commands?.split(" ");
const more = [];
let all = [], found = [], at = 0, chord = null;

/** `make()`: {text, run} each, of this very moment, that only this page knows: rows of a list, drafts. */
export function alsoOffer(make) {
  more.push(make);
}

// --- doing ---

const isThere = (one) => !one.closest("[hidden], dialog:not([open]):not(#palette)");
const elements = (action) => [...document.querySelectorAll(action.find)].filter(isThere);

function run(action) {
  const [first, ...others] = elements(action);
  if (!first) location.assign(`${action.go}#do=${action.id}`);
  else if (first === dialog) open();
  else if (action.id === "everywhere.act.help") openHelp(nearestHelp() ?? first);
  else if (action.press) press(action.key);
  else if (action.many || first.matches("input, textarea, select")) goTo([first, ...others]);
  else first.click();
}

/** From one to the next, each time that it is asked for. */
function goTo(some) {
  const next = some[(some.indexOf(document.activeElement) + 1) % some.length];
  next.scrollIntoView({ block: "nearest" });
  next.focus();
}

function press(keys) {
  const [key, ...held] = keys.split("+").reverse();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey: held.includes("Control"), bubbles: true, cancelable: true }));
}

/** Another page sent us here to do something: go to where it is done, and leave the doing to the person. */
function arrive() {
  const wanted = /^#do=(.+)$/.exec(location.hash)?.[1];
  const action = all.find((one) => one.id === wanted);
  if (!action) return;
  history.replaceState(null, "", location.pathname + location.search);
  const [first] = elements(action);
  first?.scrollIntoView({ block: "nearest" });
  first?.focus();
}

// --- the palette ---

/** What this person may do; what is done on another page comes after what is done here. */
function offered() {
  const reachable = (action) => !action.go || action.go === "/account" || document.querySelector(`.top nav a[href="${action.go.replace("/wall/scenes", "/wall")}"]`);
  const mine = all.filter((one) => !one.command || !may || may.includes(one.command));
  const here = mine.filter((one) => elements(one).length), elsewhere = mine.filter((one) => !here.includes(one) && one.go && reachable(one));
  const lines = (some, where) => some.map((one) => ({
    text: isEnglish ? one.en : one.zh, other: isEnglish ? one.zh : one.en, key: one.shown,
    where: where ? one.place[isEnglish ? "en" : "zh"] : "", run: () => run(one),
  }));
  return [...lines(here, false), ...more.flatMap((make) => make()), ...lines(elsewhere, true)];
}

export function open() {
  input.value = "";
  found = [];
  if (!dialog.open) dialog.showModal();
  show();
}

function show() {
  const typed = input.value.trim().toLowerCase();
  found = offered().filter((one) => `${one.text} ${one.other ?? ""} ${one.key ?? ""}`.toLowerCase().includes(typed));
  at = 0;
  list.replaceChildren(...found.map((one, index) => {
    const item = document.createElement("li");
    const piece = (tag, name, text) => item.append(Object.assign(document.createElement(tag), { className: name, textContent: text }));
    item.setAttribute("role", "option");
    item.id = `palette-${index}`;
    piece("span", "name", one.text);
    if (one.other) piece("span", "other", one.other);
    if (one.where) piece("span", "where", one.where);
    if (one.key) piece("kbd", "", one.key);
    return item;
  }));
  point();
}

function point() {
  [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
  const chosen = list.children[at];
  if (chosen) input.setAttribute("aria-activedescendant", chosen.id);
  else input.removeAttribute("aria-activedescendant");
  chosen?.scrollIntoView({ block: "nearest" });
}

function choose(index) {
  const one = found[index];
  dialog.close();
  one?.run();
}

input.addEventListener("input", show);
input.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && found.length) {
    at = (at + step + found.length) % found.length;
    point();
  } else if (event.key === "Enter") choose(at);
  else return;
  event.preventDefault();
  event.stopPropagation();
});
list.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) choose([...list.children].indexOf(option));
});

// --- the keys ---

function take(event, key) {
  const action = all.find((one) => one.key === key && !one.press && elements(one).length);
  if (!action) return;
  event.preventDefault();
  run(action);
}

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    return open();
  }
  if (/^F\d+$/.test(event.key)) take(event, event.key);
  else if (event.key.length === 1 && isFree(event)) take(event, event.key);
});

const isFree = (event) => !event.target.matches?.(TYPING) && !document.querySelector("dialog[open]");

/** A full stop, then a letter: ahead of the page, to which that letter alone means something else. */
addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || !isFree(event)) return;
  const isSecond = chord !== null && performance.now() - chord < CHORD_MS;
  chord = !isSecond && event.key === "." ? performance.now() : null;
  if (!isSecond) return;
  event.stopImmediatePropagation();
  take(event, `. ${event.key}`);
}, true);

fetch(dialog.dataset.actions)
  .then((answer) => (answer.ok ? answer.json() : []))
  .catch(() => [])
  .then((actions) => {
    all = actions;
    dialog.dataset.ready = "";
    arrive();
    if (dialog.open) show();
  });
