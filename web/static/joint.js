// The joint duty: the board of all seats, data and requests; each seat acts on its own screen.
import { now } from "./clock.js";
import { act } from "./duty.js";
import { DutyPage } from "./duty_page.js";
import { wireTime } from "./times.js";

const PRESENCE_MS = 15_000; // who has a screen open is told by no entry

const page = new DutyPage("/joint/news", ({ event }) => event.type.startsWith("joint_"));
const open = page.open.bind(page);

/** Whom a form may name depends on the period whose button opened it. */
page.open = (id, button = null) => {
  const list = document.querySelector(`#${id} [data-of-period]`);
  if (list && button?.dataset.options) {
    const names = new Map([...document.querySelectorAll("#joint [data-code]")].map((one) => [one.dataset.code, one.textContent]));
    const options = button.dataset.options.split(" ").map((code) => new Option(names.get(code) ?? code, code));
    list.replaceChildren(...options);
  }
  open(id, button);
};

/** The seats that are ticked stand in the form's own field. */
for (const box of document.querySelectorAll("[data-seats]")) {
  const field = box.closest("form").elements[box.dataset.seats];
  const take = () => { field.value = [...box.querySelectorAll("input:checked")].map((one) => one.value).join(" "); };
  box.addEventListener("change", take);
  for (const one of box.querySelectorAll("input")) one.checked = field.value.split(" ").includes(one.value);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.('button[data-do="take-request"]');
  if (!button) return;
  const { unit, period, request } = button.dataset;
  const body = { unit, period_id: period, request_id: request, at: wireTime(now()) };
  if (await act("take-joint-request", body, button)) page.refresh();
});

setInterval(() => { if (!document.hidden) page.refresh(); }, PRESENCE_MS);
