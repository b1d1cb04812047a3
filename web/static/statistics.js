// The statistics: a page that shows the record as it was when it was asked for, and seals months.
import { runClocks } from "./clock.js";
import { act, Duty } from "./duty.js";
import { Live } from "./live.js";

runClocks();
new Duty(new Live(null));

const unit = document.body.dataset.unit;
let asked = null;

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-seal]");
  if (!button) return;
  if (asked !== button) { // sealed once is sealed for ever: the first press only says what the second will do
    asked = button;
    button.textContent = button.dataset.ask;
    return;
  }
  if (await act("seal-month", { unit, month: button.dataset.seal }, button)) location.reload();
});
