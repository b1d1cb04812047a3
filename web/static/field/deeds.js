// What can be done, each as one sheet that becomes one command.
import { newIncidentId } from "../short_report.js";
import { say } from "../texts.js";
import { h, said } from "./dom.js";
import { command, openSheet, wrong } from "./forms.js";
import { knownTime, newId } from "./tablet.js";

const COUNTS = ["dead", "missing", "trapped", "seriously_injured", "lightly_injured", "evacuated"];
const NOTE_KINDS = ["note", "sitrep", "feedback", "inspection", "call_in", "call_out"];
export const STATUSES = ["en_route", "arrived", "engaged", "withdrawn"];

/** A number of people as it is typed: empty was not said, "?" was said to be unknown. */
function counted(text, label) {
  if (text === "?" || text === "？") return null;
  if (!/^[0-9]{1,7}$/.test(text)) throw wrong(say("tablet.bad_number", { label }));
  return Number(text);
}

const filled = (body) => Object.fromEntries(Object.entries(body).filter(([, value]) => value !== "" && value !== undefined));

/** `app` has `state`, `outbox`; `item`: a refused one that is amended, whose place the new one takes. */
export const deeds = {
  "add-entry": (app, id, item) => openSheet({
    key: `add-entry:${id}`, title: say("tablet.did.add-entry"), values: item && { text: item.body.text, kind: item.body.kind, at: item.body.happened_at },
    fields: [
      { name: "text", type: "area", label: say("tablet.what") },
      { name: "kind", type: "chips", label: say("tablet.kind"), value: "note", options: NOTE_KINDS.map((one) => [one, say(`tablet.kind.${one}`)]) },
      ...(item ? [{ name: "at", type: "time", label: say("tablet.when") }] : []),
    ],
    async save({ text, kind, at }) {
      if (!text.trim()) throw wrong(say("tablet.empty"));
      await app.did("add-entry", { incident_id: id, entry_id: item?.body.entry_id ?? newId(), kind: kind || "note", text, happened_at: at ?? knownTime() }, { instead: item });
    },
  }),

  "count-heads": (app, id, item) => openSheet({
    key: `count-heads:${id}`, title: say("tablet.did.count-heads"), values: item && { ...item.body, people: String(item.body.people) },
    fields: [
      { name: "direction", type: "chips", label: say("tablet.direction"), value: "in", options: ["in", "out"].map((one) => [one, say(`tablet.direction.${one}`)]) },
      { name: "people", type: "number", label: say("tablet.people"), isFirst: true },
      { name: "team", type: "text", label: say("tablet.team") },
      { name: "text", type: "text", label: say("tablet.remark") },
    ],
    async save({ direction, people, team, text }) {
      const count = counted(people, say("tablet.people"));
      if (count === null) throw wrong(say("tablet.bad_number", { label: say("tablet.people") }));
      await app.did("count-heads", filled({ incident_id: id, count_id: item?.body.count_id ?? newId(), at: item?.body.at ?? knownTime(), direction, people: count, team, text }), { instead: item });
    },
  }),

  "request-help": (app, id, item) => openSheet({
    key: `request-help:${id}`, title: say("tablet.did.request-help"), values: item && { ...item.body, quantity: item.body.quantity === undefined ? "" : String(item.body.quantity) }, saveWord: say("tablet.send_help"),
    fields: [
      { name: "kind", type: "chips", label: say("tablet.help_kind"), value: "people", options: app.state.meta.book?.help_kinds ?? [] },
      { name: "quantity", type: "number", label: say("tablet.quantity") },
      { name: "text", type: "area", label: say("tablet.what"), most: 2000 },
    ],
    async save({ kind, quantity, text }) {
      const many = quantity ? counted(quantity, say("tablet.quantity")) ?? undefined : undefined;
      await app.did("request-help", filled({ incident_id: id, request_id: item?.body.request_id ?? newId(), at: item?.body.at ?? knownTime(), kind, quantity: many, text }), { instead: item });
    },
  }),

  "set-field-status": (app, id, item) => openSheet({
    title: say("tablet.did.set-field-status"), values: item?.body,
    fields: [
      { name: "status", type: "chips", label: say("tablet.status_label"), value: "arrived", options: STATUSES.map((one) => [one, say(`tablet.status.${one}`)]) },
      { name: "text", type: "text", label: say("tablet.remark") },
    ],
    async save({ status, text }) {
      await app.did("set-field-status", filled({ incident_id: id, status, at: item?.body.at ?? knownTime(), text }), { instead: item });
    },
  }),

  "establish-facts": (app, id, item) => openSheet({
    key: `establish-facts:${id}`, title: say("tablet.did.establish-facts"), head: [h("p", { class: "hint" }, say("tablet.facts_hint"))],
    values: item && { ...Object.fromEntries(Object.entries(item.body.facts).map(([name, value]) => [name, value === null ? "?" : String(value)])), explanation: item.body.explanation },
    fields: [
      ...COUNTS.map((name) => ({ name, type: "number", label: factName(app, name), isFirst: name === "dead" })),
      { name: "explanation", type: "text", label: say("tablet.explanation"), most: 500 },
    ],
    async save(values) {
      const facts = Object.fromEntries(COUNTS.filter((name) => values[name] !== "").map((name) => [name, counted(values[name], factName(app, name))]));
      if (!Object.keys(facts).length) throw wrong(say("tablet.empty"));
      await app.did("establish-facts", filled({ incident_id: id, known_at: item?.body.known_at ?? knownTime(), known_by: app.state.person.unit, facts, explanation: values.explanation }), { instead: item });
    },
  }),

  "report-on-order": (app, id, item, order) => openSheet({
    key: `report-on-order:${order?.order_id ?? item.body.order_id}`, title: say("tablet.did.report-on-order"), values: item?.body,
    head: order ? [said(order.text, { class: "said quoted" })] : [],
    fields: [{ name: "text", type: "area", label: say("tablet.what") }],
    async save({ text }) {
      if (!text.trim()) throw wrong(say("tablet.empty"));
      await app.did("report-on-order", { incident_id: id, order_id: order?.order_id ?? item.body.order_id, text, at: item?.body.at ?? knownTime() }, { instead: item });
    },
  }),

  "report-position": (app, id, item) => openSheet({
    title: say("tablet.did.report-position"), values: item && { lon: String(item.body.lon), lat: String(item.body.lat) },
    head: [h("p", { class: "hint" }, say("tablet.position_hint"))],
    fields: [{ name: "lon", type: "number", label: say("tablet.lon"), isFirst: true }, { name: "lat", type: "number", label: say("tablet.lat") }],
    async save({ lon, lat }) {
      const at = [Number(lon), Number(lat)];
      if (!lon || !lat || !at.every(Number.isFinite) || Math.abs(at[0]) > 180 || Math.abs(at[1]) > 90) throw wrong(say("tablet.bad_position"));
      await app.did("report-position", { incident_id: id, at: item?.body.at ?? knownTime(), lon: at[0], lat: at[1] }, { instead: item });
    },
  }),

  "open-incident": (app, _id, item) => openSheet({
    key: "open-incident", title: say("tablet.did.open-incident"), saveWord: say("tablet.open_now"),
    values: item && { title: item.body.title, place: item.body.place, category: item.body.category ?? "", known_at: item.body.known_at, drill: item.body.drill },
    fields: [
      { name: "title", type: "text", label: say("tablet.title"), isFirst: true },
      { name: "place", type: "place", label: say("tablet.place"), places: app.state.meta.book?.places ?? [] },
      { name: "category", type: "select", label: say("tablet.category"), value: "", options: [["", say("tablet.unknown")], ...(app.state.meta.book?.categories ?? [])] },
      { name: "known_at", type: "time", label: say("tablet.known_at") },
      { name: "drill", type: "check", label: say("tablet.drill") },
    ],
    async save({ title, place, category, known_at, drill }) {
      if (!title && !place.text) throw wrong(say("tablet.title_or_place"));
      const incident_id = item?.incident_id ?? newIncidentId();  // a short report can carry it whole
      await app.did("open-incident", {
        incident_id, title: title || place.text, category: category || null, drill, known_at: known_at ?? knownTime(), known_by: app.state.person.unit,
        place: place.text || place.division ? filled({ division: place.division ?? undefined, text: place.text }) : null, source: null,
      }, { instead: item });
      app.go(`#/i/${incident_id}`);
    },
  }),

  "sign-transfer": (app, id, item) => app.did("sign-transfer", { ...item.body, command_id: undefined }, { instead: item }),

  "acknowledge-order": (app, id, item) => app.did("acknowledge-order", { ...item.body, command_id: undefined }, { instead: item }),
};

const factName = (app, slug) => app.state.meta.book?.facts.find(([one]) => one === slug)?.[1] ?? slug;
export { command };
