// What the screen shows: the record as this tablet has it, with his own deeds laid over it at once.
import { say } from "../texts.js";
import { timesText } from "./tablet.js";

const HOUR_MS = 3_600_000;
export const STATE_WORDS = { waiting: "tablet.waiting", stored: "tablet.stored", refused: "tablet.refused" };

/** What a deed says, in a line. */
export function textOf(item, book) {
  const { body, name } = item;
  const factName = (slug) => book?.facts.find(([one]) => one === slug)?.[1] ?? slug;
  const helpKind = () => book?.help_kinds.find(([one]) => one === body.kind)?.[1] ?? body.kind;
  switch (name) {
    case "open-incident": return body.title;
    case "establish-facts": return Object.entries(body.facts).map(([slug, value]) => `${factName(slug)} ${value ?? say("tablet.unknown")}`).join(" · ");
    case "report-position": return `${body.lon}, ${body.lat}${body.accuracy_m ? ` (±${body.accuracy_m} m)` : ""}`;
    case "set-field-status": return [say(`tablet.status.${body.status}`), body.text].filter(Boolean).join(" · ");
    case "request-help": return [helpKind(), body.quantity, body.text].filter(Boolean).join(" · ");
    case "count-heads": return [say(`tablet.heads.${body.direction}`, { people: body.people }), body.team, body.text].filter(Boolean).join(" · ");
    case "sign-transfer": return say(`tablet.side.${body.side}`);
    case "add-attachment": return [body.file_name, body.note].filter(Boolean).join(" · ");
    default: return body.text ?? "";
  }
}

export const labelOf = (item) => say(`tablet.did.${item.name}`);

/** All incidents that can be shown, newest deeds first; those opened here stand among them from the first moment. */
export function incidents(state, outbox) {
  const rows = [...state.incidents.values(), ...(state.meta?.others ?? [])];
  const known = new Set(rows.map((one) => one.id));
  const opened = outbox.items.filter((one) => one.name === "open-incident" && !["amended", "away"].includes(one.state) && !known.has(one.incident_id));
  return [...opened.map((item) => ofDeed(item, state)), ...rows];
}

export const incident = (id, state, outbox) => {
  const found = incidents(state, outbox).find((one) => one.id === id);
  return found && laidOver(found, state, outbox);
};

function ofDeed(item, state) {
  const { body } = item;
  const category = state.meta?.book?.categories.find(([one]) => one === body.category)?.[1];
  return {
    id: item.incident_id, number: item.answer?.number ?? say("tablet.no_number"), title: body.title, drill: body.drill, state: "open",
    level: null, level_word: say("tablet.no_level"), place: body.place?.text ?? "", category: category ?? "", known_at: body.known_at,
    changed_at: body.known_at, due_at: null, version: 0, owed: [], facts: factsSaid(body.facts ?? {}, state), orders: [], lines: [],
    lines_left_out: 0, photos: 0, isOwn: true,
  };
}

const factsSaid = (facts, state) => Object.entries(facts).map(([slug, value]) => ({
  slug, value, name: state.meta?.book?.facts.find(([one]) => one === slug)?.[1] ?? slug, short: value === null ? say("tablet.unknown") : String(value), known_at: null,
}));

function laidOver(found, state, outbox) {
  const mine = outbox.items.filter((one) => one.incident_id === found.id && ["waiting", "refused", "stored"].includes(one.state));
  const told = new Set((found.lines ?? []).map((one) => one.command_id));
  const fresh = mine.filter((one) => !told.has(one.command_id) && !(one.state === "stored" && isOlder(one, found)));
  const facts = new Map((found.facts ?? []).map((one) => [one.slug, one]));
  const orders = new Map((found.orders ?? []).map((one) => [one.order_id, { ...one }]));
  const posts = (found.posts ?? []).map((post) => ({ ...post, transfer: post.transfer && { ...post.transfer } }));
  for (const one of fresh.filter(({ state: how }) => how !== "refused")) {
    if (one.name === "establish-facts") for (const fact of factsSaid(one.body.facts, state)) facts.set(fact.slug, { ...fact, known_at: one.body.known_at, isOwn: true });
    const handed = posts.find((post) => post.transfer?.transfer_id === one.body.transfer_id)?.transfer;
    if (handed && one.name === "sign-transfer") { handed.mine = handed.mine.filter((side) => side !== one.body.side); handed.isOwn = true; }
    const order = orders.get(one.body.order_id);
    if (order && one.name === "acknowledge-order") Object.assign(order, { acknowledged_at: one.body.at, isOwn: true });
    if (order && one.name === "report-on-order") Object.assign(order, { acknowledged_at: order.acknowledged_at ?? one.body.at, reported_at: one.body.at, report: one.body.text, isOwn: true });
  }
  return { ...found, isWhole: Boolean(found.lines) , facts: [...facts.values()], orders: [...orders.values()], posts, lines: found.lines ?? [], requests: found.requests ?? [], inside: insideNow(found, fresh), owed: found.owed ?? [], fresh: fresh.reverse() };
}

/** Who of ours is inside: the record's count, and what he counted since. */
const insideNow = (found, fresh) => fresh.filter((one) => one.name === "count-heads" && one.state !== "refused")
  .reduce((sum, { body }) => sum + (body.direction === "in" ? body.people : -body.people), found.inside ?? 0);

/** Stored so long ago that the record as it is kept here must have it, beyond the lines that are kept. */
const isOlder = (item, found) => Date.parse(item.answer.recorded_at) <= Date.parse(found.changed_at) && found.lines_left_out > 0;

/** An incident that was opened here has its clock from the known time on, whatever the line does. */
export const hourEnds = (found) => found.isOwn ? new Date(Date.parse(found.known_at) + HOUR_MS).toISOString() : null;

export const timesOf = (item) => timesText(item.device_at, item.skew_ms ?? item.known_skew_ms ?? null, item.answer?.recorded_at);

/** Orders that wait for this person. */
export function ordersWaiting(state, outbox) {
  const found = [];
  for (const one of state.incidents.values()) {
    for (const order of laidOver(one, state, outbox).orders) {
      if (order.mine && !order.acknowledged_at && !order.reported_at) found.push({ ...order, incident: one });
    }
  }
  return found;
}

/** What came while nobody listened, his own deeds left out. */
/** Whether more changed than the lines that are kept here can tell: all that are kept of an incident are newer. */
export function missedMore(state, away) {
  if (!away) return false;
  const from = away.from ?? 0;
  return [...state.incidents.values()].some(({ lines, lines_left_out: left }) => left > 0 && lines.every(({ offset }) => offset === null || offset > from));
}

export function missed(state, outbox, away) {
  if (!away) return [];
  const own = new Set(outbox.items.map((one) => one.command_id));
  const found = [];
  for (const one of state.incidents.values()) {
    for (const line of one.lines) {
      const isNew = away.from === null ? Date.parse(line.recorded_at) > away.since : line.offset !== null && line.offset > away.from && line.offset <= away.until;
      if (isNew && !own.has(line.command_id)) found.push({ ...line, incident: one });
    }
  }
  return found.sort((a, b) => Date.parse(b.recorded_at) - Date.parse(a.recorded_at));
}
