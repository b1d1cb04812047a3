// The desk: the list, the incident, what now, and the line at the bottom, all by keyboard.
import { Alarms } from "./alarm.js";
import { Board } from "./board.js";
import { runClocks } from "./clock.js";
import { Intake } from "./intake.js";
import { guardSignOut } from "./drafts.js";
import { Duty } from "./duty.js";
import { Live } from "./live.js";
import { alsoOffer, open as openPalette } from "./palette.js";
import { elementsOf, fetchHtml } from "./swap.js";
import { say } from "./texts.js";
import { POPS, View } from "./view.js";

const RETRY_MS = 5000;
const board = new Board((incident) => openIncident(incident));
const view = new View();
let choosing = null, early = null;  // a digit that was pressed before what takes it had come
const form = document.getElementById("intake");
let dialog = null;
const reading = { dialog: document.getElementById("reading"), open: async (...said) => (await theReading()).open(...said) };
const intake = form && new Intake(form, (answer) => { board.at = answer.incident_id; board.choose(answer.incident_id); }, reading);
const live = new Live("desk");
const alarms = new Alarms(() => board.deadlines(), (one) => openDuty(one.incident, one.duty.dataset));
const duty = new Duty(live, alarms.sound);
alarms.onTake = (one) => duty.takeOf(one.incident);
alsoOffer(commands);

guardSignOut();
whenThere(rest);
runClocks((at) => {
  alarms.look(at);
  board.look();
});

live.addEventListener("fragment", ({ detail }) => { if (!duty.take(detail)) board.take(detail); });
live.addEventListener("entry", ({ detail }) => { if (detail.incident_id === view.incident) view.refresh(); });
live.addEventListener("drafts", () => intake?.shared.refresh());
live.addEventListener("refresh", () => {
  intake?.shared.refresh();
  board.refresh();
  view.refresh();
});

/** What no first key needs comes when the page is there: the first load is smaller, and a server that dies later
 * takes nothing away. */
async function rest() {
  const [choose, attachments, paste, short] = await Promise.all([
    import("./choose.js"), import("./attachments.js"), import("./paste.js"), import("./short_desk.js"), theReading(),
  ]);
  choosing = new choose.Choosing(view);
  if (location.hash.startsWith("#at=")) import("./opened_at.js").then(({ openedAt }) => openedAt(intake));
  if (early) choosing.key(early);
  new attachments.Attachments(view);
  new paste.PasteIntoIncident(view, reading);
  new short.ShortReports((answer) => { board.at = answer.incident_id; board.choose(answer.incident_id); });
}

async function theReading() {
  const { ReadingDialog } = await import("./reading.js");
  return dialog ??= new ReadingDialog();
}

/** After the load event; what does not come is asked for again. */
function whenThere(work) {
  const again = () => work().catch(() => setTimeout(again, RETRY_MS));
  if (document.readyState === "complete") again();
  else addEventListener("load", again, { once: true });
}

/** Show another incident in the middle. Nothing typed is lost: drafts are kept by incident. */
let wanted = null;
async function openIncident(incident) {
  wanted = incident;
  const html = await fetchHtml(`/incidents/${incident}/view`);
  if (html === null || wanted !== incident) return;
  for (const piece of elementsOf(html)) document.getElementById(piece.id)?.replaceWith(piece);
  history.replaceState(null, "", `/?incident=${incident}`);
  view.adopt();
  board.settle();
}

/** Open the incident and the form that does what is owed. */
async function openDuty(incident, duty) {
  if (view.incident !== incident) {
    board.at = board.chosen = incident;
    await openIncident(incident);
  }
  if (duty.action === "judge") view.show("judge-level");
  else if (duty.action === "report") view.show("record-report", { stage: duty.stage, channel: duty.channel === "any" ? "phone" : duty.channel, recipient: duty.recipient });
  else if (duty.request) view.show(duty.action, { request_id: duty.request });
  else if (duty.addressee) view.show(duty.action, { instruction_id: duty.instruction, addressee_id: duty.addressee });
  else if (duty.action === "chase") view.show("issue-order", { to: duty.sender });
}

document.addEventListener("click", (event) => {
  const next = event.target.closest?.("#next a");
  if (next && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    openDuty(next.dataset.incident, next.dataset);
  }
  const key = event.target.closest?.("button[data-key]");
  if (key && key.closest(".keys")) press(key.dataset.key);
});

// --- the keyboard: plain letters only while nobody types ---

const TYPING = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229 || event.altKey) return;
  const isTyping = event.target.matches?.(TYPING);
  if (event.key === "Escape") return escape(event);
  if (event.key === "F2") return done(event, () => press(event.key));
  if (isTyping || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) {
    if (isTyping && event.target === board.filterField && event.key === "ArrowDown") done(event, () => board.move(0));
    return;
  }
  if (event.key === "Enter" && board.list.contains(event.target)) return done(event, () => board.choose());
  if (/^Arrow(Up|Down)$/.test(event.key) && !board.list.contains(event.target) && event.target !== document.body) return;
  if (KEYS[event.key]) done(event, KEYS[event.key]);
  else if (/^[1-9]$/.test(event.key)) { if (!choosing) early = event; else if (choosing.key(event)) event.preventDefault(); }
  else if (/^[a-z]$/.test(event.key)) {
    const act = document.querySelector(`.acts button[data-key="${event.key}"]`);
    if (act) done(event, () => act.click());
  }
});

const KEYS = {
  j: () => board.move(1),
  k: () => board.move(-1),
  ArrowDown: () => board.move(1),
  ArrowUp: () => board.move(-1),
  s: () => board.sort(),
  g: () => view.around(),
  m: () => document.querySelector('.keys a[href="/exports"]')?.click(),
  "/": () => press("/"),
};

function done(event, work) {
  event.preventDefault();
  work();
}

function press(key) {
  if (key === "F2") intake?.open();
  else if (key === "/") board.filterField.focus();
  else if (key === "Control+K") openPalette();
  else document.querySelector(`.acts button[data-key="${key}"]`)?.click();
}

function escape(event) {
  const open = view.openForm;
  if (document.querySelector("dialog[open]")) return;
  if (event.target === board.filterField) {
    board.filterField.value = "";
    board.filter();
    board.list.focus();
  } else if (document.querySelector(POPS)) document.querySelector(POPS).open = false;
  else if (open && (open.contains(event.target) || event.target === document.body || !event.target.matches(TYPING))) {
    view.close(open);
    board.list.focus({ preventScroll: true });
  }
}

/** What only this page knows of: its rows, and what colleagues are writing down. */
function commands() {
  const drafts = (intake?.shared.offered ?? []).map((line) => ({
    text: `${line.querySelector(".who").textContent} ${say("js.draft_take", { title: line.querySelector(".what").textContent.trim() })}`,
    run: () => intake.shared.take(line.dataset.draftId),
  }));
  const rows = board.rows.map((row) => ({ text: row.querySelector(".row-title").textContent, run: () => board.choose(row.dataset.incident) }));
  const numbers = (choosing?.buttons ?? []).map((one) => ({ text: one.getAttribute("aria-label"), key: one.dataset.digit, run: () => choosing.choose(one) }));
  return [...drafts, ...numbers, ...rows];
}
