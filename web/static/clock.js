// The server's clock, and every countdown that runs by it. Nothing here trusts the time of this machine.
import { say } from "./texts.js";

const BEIJING = 8 * 3_600_000;
const HOUR = 3600, DAY = 86_400;
const CALM = 1800, AMBER = 900, RED = 300;

// Each beat says what time it is, a little late. The latest of the last few was the least late.
let samples = [Date.parse(document.body.dataset.now) - performance.now()];

export function heardTime(text) {
  const sample = Date.parse(text) - performance.now();
  if (!Number.isFinite(sample)) return;
  if (Math.abs(sample - Math.max(...samples)) > 2000) samples = [];  // a step, or this machine slept
  samples = [...samples.slice(-4), sample];
}

export const now = () => Math.max(...samples) + performance.now();

const two = (number) => String(number).padStart(2, "0");
const local = (moment) => new Date(moment + BEIJING);
export const clockText = (moment) => local(moment).toISOString().slice(11, 19);
export const dayOf = (moment) => Math.floor((moment + BEIJING) / 86_400_000);

/** 14:05, 昨 23:10, 11-20 08:00, as `server/screens/wording.py` says it. */
export function momentText(moment) {
  const said = local(moment).toISOString(), clock = said.slice(11, 16);
  const days = dayOf(now()) - dayOf(moment);
  if (days === 0) return clock;
  if (days === 1) return say("time.yesterday", { clock });
  if (days === -1) return say("time.tomorrow", { clock });
  const sameYear = said.slice(0, 4) === local(now()).toISOString().slice(0, 4);
  return `${said.slice(sameYear ? 5 : 0, 10)} ${clock}`;
}

export function spanText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < HOUR) return `${two(Math.floor(whole / 60))}:${two(whole % 60)}`;
  if (whole < DAY) return say("time.hours", { hours: Math.floor(whole / HOUR), minutes: two(Math.floor(whole % HOUR / 60)) });
  return say("time.days", { days: Math.floor(whole / DAY) });
}

export function signOf(left) {
  if (left < 0) return "past";
  return left <= RED ? "red" : left <= AMBER ? "amber" : left <= CALM ? "near" : "calm";
}

const SIGNS = ["calm", "near", "amber", "red", "past"];

function paint(element, at) {
  const left = (Date.parse(element.dataset.due) - at) / 1000;
  const sign = signOf(left);
  if (!element.classList.contains(`is-${sign}`)) {
    element.classList.remove(...SIGNS.map((one) => `is-${one}`));
    element.classList.add(`is-${sign}`);
  }
  const [word, digits] = element.querySelectorAll(".word, .digits");
  write(word, say(left < 0 ? "js.over" : "js.left"));
  write(digits, spanText(Math.abs(left)));
}

function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** Set every clock within `root` to now. Only what differs is touched. */
export function paintClocks(root = document) {
  const at = now();
  for (const element of root.querySelectorAll(".clock[data-due]")) paint(element, at);
}

function paintMoments() {
  for (const element of document.querySelectorAll("time.moment")) {
    write(element, momentText(Date.parse(element.dateTime)));
  }
}

/** Run the clocks: once a second, on the server's second. `each` is called with the time. */
export function runClocks(each = () => {}) {
  const shown = document.getElementById("clock");
  let day = dayOf(now());
  const tick = () => {
    const at = now();
    write(shown, clockText(at));
    paintClocks();
    if (dayOf(at) !== day) {
      day = dayOf(at);
      paintMoments();
    }
    each(at);
  };
  const paced = () => {
    tick();
    setTimeout(paced, 1000 - now() % 1000 + 5);
  };
  paced();
  // A tab in the background is woken once a minute at last; what a worker tells it comes each second all the same.
  new Worker(new URL("./ticker.js", import.meta.url)).addEventListener("message", () => { if (document.hidden) tick(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) paintClocks(); });
}
