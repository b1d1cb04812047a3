// The handover by keyboard: J/K from item to item, Enter takes one on, A all, P makes the sheet anew.
import { now } from "./clock.js";
import { newId } from "./commands.js";
import { act } from "./duty.js";
import { DutyPage } from "./duty_page.js";
import { wireTime } from "./times.js";

const unit = document.body.dataset.unit;
const page = new DutyPage("/handover/news", ({ incident_id: incident, event }) => Boolean(incident) || event.unit === unit);
const handover = () => document.getElementById("sheet")?.dataset.handover;
const lines = () => [...document.querySelectorAll(".sheet-line")];

async function done(name, body, button) {
  if (await act(name, { unit, ...body }, button)) page.refresh();
}

function accept(ids, button = null) {
  if (handover() && ids.length) return done("accept-handover-item", { handover_id: handover(), item_ids: ids }, button);
}

const open = () => lines().filter((line) => line.dataset.open === "1").map((line) => line.dataset.item);

function prepare(button = null) {
  const to = document.getElementById("to-shift")?.value;
  if (to) done("prepare-handover", { handover_id: newId(), to_shift: to }, button);
}

function sign(side, button) {
  const name = document.getElementById("sign-name")?.value.trim();
  const spoken = name ? { on_behalf_of: { name, channel: document.getElementById("sign-channel").value } } : {};
  done("sign-handover", { handover_id: handover(), side, ...spoken }, button);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-do]");
  if (!button) return;
  const line = button.closest(".sheet-line");
  switch (button.dataset.do) {
    case "accept": return accept([line.dataset.item], button);
    case "accept-all": return accept(open(), button);
    case "prepare": return prepare(button);
    case "sign": return sign(button.dataset.side, button);
    case "settle": return done("settle-duty-item", { item_id: button.dataset.item, at: wireTime(now()) }, button);
    case "take-over": return done("take-over-shift", { shift_id: button.dataset.shift, at: wireTime(now()) }, button);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.("input, textarea, select, button, a, summary") && event.key === "Enter") return;
  if (event.target.matches?.("input, textarea, select")) return;
  const at = lines().indexOf(event.target);
  const keys = {
    j: () => lines()[Math.min(at + 1, lines().length - 1)]?.focus(),
    k: () => lines()[Math.max(at - 1, 0)]?.focus(),
    Enter: () => at >= 0 && accept([lines()[at].dataset.item]),
    a: () => accept(open()),
    p: () => prepare(),
    n: () => page.open("form-add-duty-item"),
  };
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});
