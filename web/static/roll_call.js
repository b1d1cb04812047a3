// The roll-call: one press asks every desk chosen; answers come in live with their delay.
import { now } from "./clock.js";
import { newId } from "./commands.js";
import { act } from "./duty.js";
import { DutyPage } from "./duty_page.js";
import { wireTime } from "./times.js";

const unit = document.body.dataset.unit;
const page = new DutyPage("/roll-call/news", ({ event }) => event.type.startsWith("roll_"));
const form = document.getElementById("call");
const chosen = () => [...form.querySelectorAll("input[name=units]:checked")].map((one) => one.value);
const count = () => { document.getElementById("chosen-count").textContent = chosen().length; };

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = form.elements.text.value;
  const body = {
    unit, roll_id: newId(), units: chosen(), drill: form.elements.drill.checked,
    answer_within_min: Number(form.elements.answer_within_min.value), ...(text ? { text } : {}),
  };
  if (await act("call-roll", body, form.querySelector("button[type=submit]"))) page.refresh();
});
form?.addEventListener("change", count);

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button");
  if (button?.dataset.all) {
    for (const one of form.querySelectorAll(`input[data-rank="${button.dataset.all}"]`)) one.checked = button.dataset.on === "1";
    button.dataset.on = button.dataset.on === "1" ? "0" : "1";
    count();
  } else if (button?.dataset.do === "close") {
    if (await act("close-roll", { unit, roll_id: button.dataset.roll }, button)) page.refresh();
  } else if (button?.dataset.do === "phone") {
    const by = button.previousElementSibling.value.trim();
    if (!by) return button.previousElementSibling.focus();
    const body = { unit: button.dataset.unit, roll_id: button.dataset.roll, at: wireTime(now()), by, channel: "phone" };
    if (await act("answer-roll", body, button)) {
      button.previousElementSibling.value = "";
      button.previousElementSibling.blur();
      page.refresh();
    }
  }
});

if (form) count();
