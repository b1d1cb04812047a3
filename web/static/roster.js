// The roster: lines pasted and looked at before they are planned, swaps asked for and decided.
import { now } from "./clock.js";
import { act } from "./duty.js";
import { DutyPage } from "./duty_page.js";
import { elementsOf } from "./swap.js";
import { wireTime } from "./times.js";

const unit = document.body.dataset.unit;
const kinds = ["shifts_planned", "shift_changed", "shifts_cancelled", "swap_requested", "swap_decided", "shift_taken_over", "duty_unmanned", "handover_late"];
const page = new DutyPage("/roster/news", ({ event }) => kinds.includes(event.type));
const preview = document.getElementById("preview");

for (const form of document.querySelectorAll("form[data-reading]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch("/roster/reading", { method: "POST", body: new URLSearchParams(new FormData(form)) });
    preview.replaceChildren(...(answer.ok ? elementsOf(await answer.text()) : []));
    preview.scrollIntoView({ block: "nearest" });
    preview.querySelector("button")?.focus();
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button");
  if (!button) return;
  const { swap, approved, shift } = button.dataset;
  if (button.id === "plan") {
    if (await act("plan-shifts", { unit, shifts: JSON.parse(button.dataset.body) }, button)) {
      preview.replaceChildren();
      for (const form of document.querySelectorAll("form[data-reading]")) form.reset();
      page.refresh();
    }
  } else if (swap) {
    if (await act("approve-swap", { unit, swap_id: swap, approved: approved === "yes" }, button)) page.refresh();
  } else if (button.dataset.do === "take-over") {
    if (await act("take-over-shift", { unit, shift_id: shift, at: wireTime(now()) }, button)) page.refresh();
  }
});
