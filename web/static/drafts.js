// What is typed survives a reload, a crash and a refusal: kept in this browser, for this person alone.
import { say } from "./texts.js";

const prefix = `fenghuo.draft.${document.body.dataset.person}.`;

export function readDraft(name) {
  try {
    return JSON.parse(localStorage.getItem(prefix + name)) ?? null;
  } catch {
    return null;
  }
}

export function keepDraft(name, draft) {
  try {
    localStorage.setItem(prefix + name, JSON.stringify(draft));
  } catch { /* no room: the page still has it */ }
}

/** Signing out empties this browser's storage: ask first, when something in it is not stored yet. */
export function guardSignOut() {
  document.querySelector('form[action="/sign-out"]')?.addEventListener("submit", (event) => {
    const kept = Object.keys(localStorage).filter((key) => key.startsWith(prefix));
    const waiting = kept.map((key) => readDraft(key.slice(prefix.length)));
    const count = waiting.reduce((sum, one) => sum + (Array.isArray(one) ? one.length : one?.pending ? 1 : 0), 0);
    if (count && !confirm(say("js.leave", { count }))) event.preventDefault();
  });
}

export function dropDraft(name) {
  localStorage.removeItem(prefix + name);
}
