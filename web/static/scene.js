// Command on the spot of an incident: who commands, transfers, groups, objectives; live.
import { DutyPage } from "./duty_page.js";

const incident = document.querySelector("[data-incident]").dataset.incident;
new DutyPage(`/incidents/${incident}/scene/news`, (entry) => entry.incident_id === incident);
