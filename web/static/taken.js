// From what was taken of a message into a form's fields: as a person would have typed it, so that it can be changed.
import { echo } from "./forms.js";

const NAMES = { place: "place.text", alarm_at: "discovered_at", received_at: "known_at" };
const SOURCE = /^source\./;

/** The name of the form's field for a finding. */
export const nameOf = (field) => NAMES[field] ?? (SOURCE.test(field) || FORM.has(field) ? field : `facts.${field}`);
const FORM = new Set(["title", "category", "occurred_at", "discovered_at", "known_at", "division"]);

/** Put the findings into the intake form. A field that they do not speak of stays as it is. */
export function fill(intake, taken) {
  const { form } = intake;
  for (const one of taken) {
    const field = form.elements[nameOf(one.field)];
    if (one.field === "division") intake.choosePlace({ value: one.value, text: one.shown });
    else if (field) put(field, one);
    if (one.field === "occurred_at" && one.precision) form.elements.occurred_precision.value = one.precision;
  }
  intake.showCategory();
}

/** Put them into a form of the incident. */
export function fillForm(form, taken) {
  for (const one of taken) {
    const field = form.elements[nameOf(one.field)];
    if (field) put(field, one);
    if (one.field === "occurred_at" && one.precision && form.elements.occurred_precision) form.elements.occurred_precision.value = one.precision;
  }
}

function put(field, { typed, value }) {
  field.value = field.tagName === "SELECT" ? value : typed;
  if (field.dataset.type === "instant") echo(field);
}
