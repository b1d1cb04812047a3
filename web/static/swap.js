// Putting server-made HTML into the page: in place by htmx's morph, never over what somebody types in.
import htmx from "./vendor/htmx/htmx.esm.min.js";
import { paintClocks } from "./clock.js";

const offsets = new Map();  // element id: the offset that its present content shows

/** Whether somebody is typing within. */
export function isTypedIn(element) {
  const active = document.activeElement;
  return Boolean(active && element.contains(active) && active.matches("input, textarea, select, [contenteditable]"));
}

export async function morph(element, html) {
  await htmx.swap({ target: element, sourceElement: element, swap: "outerMorph", text: html });
}

/** The elements of a piece of server-made HTML; scripts in it would not run. */
export const elementsOf = (html) => [...new DOMParser().parseFromString(html, "text/html").body.children];

/** True when this offset is newer than what stands there; an older one never replaces a newer one. */
export function isNewer(id, offset) {
  if (offset < (offsets.get(id) ?? -1)) return false;
  offsets.set(id, offset);
  return true;
}

/** A page that is never left must not keep what every row ever was. */
export function forgetGone() {
  for (const id of offsets.keys()) if (!document.getElementById(id)) offsets.delete(id);
}

export function mark(element) {
  element.classList.remove("is-changed");
  void element.offsetWidth;  // begins the animation anew
  element.classList.add("is-changed");
  setTimeout(() => element.classList.remove("is-changed"), 8000);
}

/** Replace each piece (an element with an id) that the page has, unless somebody types in it. */
export async function swapPieces(html) {
  for (const piece of elementsOf(html)) {
    const there = piece.id && document.getElementById(piece.id);
    if (there && !isTypedIn(there)) await morph(there, piece.outerHTML);
  }
  paintClocks();
}

/** Server-made HTML of a path, or null when it cannot be had now. */
export async function fetchHtml(path) {
  try {
    const answer = await fetch(path, { headers: { "HX-Request": "true" } });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}

/** `work` some time after the first of a burst of calls; full jitter, so that screens do not ask all at once. */
export function soon(work, wait = 200, jitter = 150) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => { timer = null; work(); }, wait + Math.random() * jitter);
  };
}
