// One incident on a page of its own.
import { Alarms } from "./alarm.js";
import { Choosing } from "./choose.js";
import { Attachments } from "./attachments.js";
import { runClocks } from "./clock.js";
import { guardSignOut } from "./drafts.js";
import { Duty } from "./duty.js";
import { Live } from "./live.js";
import { PasteIntoIncident } from "./paste.js";
import { ReadingDialog } from "./reading.js";
import { View } from "./view.js";

const view = new View();
const choosing = new Choosing(view);
const live = new Live(null);
const alarms = new Alarms(deadlines, (one) => one.line.scrollIntoView({ block: "center" }));
new Duty(live, alarms.sound);

new PasteIntoIncident(view, new ReadingDialog());
new Attachments(view);
guardSignOut();
runClocks((at) => alarms.look(at));
live.addEventListener("entry", ({ detail }) => { if (detail.incident_id === view.incident) view.refresh(); });
live.addEventListener("refresh", () => view.refresh());

function deadlines() {
  const title = document.querySelector("#incident-view h1")?.textContent ?? "";
  return [...document.querySelectorAll(".owed-line .clock[data-due]")].map((clock) => {
    const line = clock.closest(".owed-line");
    return {
      id: line.id,
      due: Date.parse(clock.dataset.due),
      own: line.classList.contains("is-own"),
      urgent: line.classList.contains("is-help"),
      since: Date.parse(line.dataset.since),
      label: line.querySelector(".duty-label").textContent,
      title,
      drill: document.getElementById("incident-view").classList.contains("is-drill"),
      line,
    };
  });
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return view.close(view.openForm);
  if (event.target.matches?.("input, textarea, select") || !/^[a-z1-9]$/.test(event.key) || document.querySelector("dialog[open]")) return;
  if (event.key === "g" || /^[1-9]$/.test(event.key)) {
    if (event.key === "g" ? view.around() : choosing.key(event)) event.preventDefault();
    return;
  }
  const act = document.querySelector(`.acts button[data-key="${event.key}"]`);
  if (act) {
    event.preventDefault();
    act.click();
  }
});
