// The consultations of an incident: opinions as they come in, a conclusion whose measures are orders.
import { newId } from "./commands.js";
import { DutyPage } from "./duty_page.js";
import { FieldError, unitCode } from "./fields.js";
import { say } from "./texts.js";

const incident = document.querySelector("[data-incident]").dataset.incident;
const page = new DutyPage(`/incidents/${incident}/consultations/news`, (entry) => entry.incident_id === incident);

/** Measures, one to a line: unit|what|minutes. */
function measures(text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const parts = line.split(/[|｜]/).map((part) => part.trim());
    const minutes = Number(parts.at(-1).normalize("NFKC"));
    if (parts.length < 3 || !parts[0] || !Number.isInteger(minutes) || minutes < 1) {
      throw new FieldError("/measures", `${say("js.bad_number")}: ${line}`);
    }
    return { order_id: newId(), to: unitCode(parts[0]), text: parts.slice(1, -1).join("|"), report_within_min: minutes };
  });
}

const concluding = page.forms.get("form-conclude-consultation");
if (concluding) {
  const command = concluding.command.bind(concluding);
  concluding.command = () => {
    const body = command();
    if (typeof body.measures === "string") body.measures = measures(body.measures);
    return body;
  };
}
