// The pages of the app: what waits for him and what is open, one incident, and what came while he was away.
import { say } from "../texts.js";
import { signOf } from "../clock.js";
import { aloud, isSayable } from "./aloud.js";
import { button, h, said } from "./dom.js";
import { hourEnds, incident, incidents, labelOf, missed, missedMore, ordersWaiting, STATE_WORDS, textOf, timesOf } from "./projected.js";
import { agoText, momentText, now, spanText, timesText } from "./tablet.js";
import { deeds } from "./deeds.js";
import { openFile } from "./photos.js";

const MOST_SHOWN = 200;

const moment = (at) => at ? momentText(Date.parse(at)) : "";

/** A countdown; `tick()` of the app moves it on. */
export function clock(due, label = "") {
  return paint(h("span", { class: "clock", data: { until: due } }, h("span", { class: "word" }), " ", h("span", { class: "digits" }), label ? ` ${label}` : ""));
}

export function paint(element) {
  const left = (Date.parse(element.dataset.until) - now()) / 1000, sign = signOf(left);
  if (!element.classList.contains(`is-${sign}`)) element.className = `clock is-${sign}`;
  const word = say(left < 0 ? "js.over" : "js.left"), digits = spanText(Math.abs(left));
  const [first, second] = element.querySelectorAll(".word, .digits");
  if (first.textContent !== word) first.textContent = word;
  if (second.textContent !== digits) second.textContent = digits;
  return element;
}

const level = (one) => h("span", { class: `level level-${one.level ?? "none"}` },
  h("span", { class: "cells", "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("i")), h("b", {}, one.level_word));
const drill = (one) => one.drill && h("b", { class: "drill-mark" }, say("tablet.drill_mark"));

export function home(app) {
  const { state, outbox } = app;
  const waiting = ordersWaiting(state, outbox), rows = incidents(state, outbox);
  return [
    awayBar(app),
    ...waiting.map((one) => order(app, one, one.incident)),
    h("section", { class: "field-list" },
      h("h2", {}, say("tablet.open_incidents", { count: rows.length })),
      rows.length ? h("ul", {}, rows.map((one) => row(one))) : h("p", { class: "hint" }, say(state.meta.at ? "tablet.none_open" : "tablet.probe.no_snapshot")),
      state.may("open-incident") && button(say("tablet.did.open-incident"), () => deeds["open-incident"](app), { class: "wide" })),
    h("nav", { class: "field-more" },
      link("#/outbox", say("tablet.outbox", { count: outbox.waiting.length + outbox.refused.length })), link("#/book", say("tablet.book")), link("#/map", say("tablet.map")),
      link("#/carry", say("tablet.carry")),
      link("#/ready", say("tablet.ready"))),
  ];
}

const link = (href, text) => h("a", { href, class: "field-link" }, text);

function row(one) {
  const due = hourEnds(one) ?? one.owed?.find((owed) => owed.due_at)?.due_at ?? one.due_at;
  return h("li", {}, h("a", { href: `#/i/${one.id}`, class: one.drill ? "field-item is-drill" : "field-item", data: { id: one.id } },
    h("span", { class: "field-item-top" }, drill(one), said(one.title, { class: "said title" })),
    h("span", { class: "field-item-sub" }, level(one), due && clock(due), said(one.place)),
    one.isOwn && h("span", { class: "mark is-waiting" }, say("tablet.opened_here"))));
}

export function order(app, one, found) {
  const waits = !one.acknowledged_at && !one.reported_at, may = app.state.may.bind(app.state);
  const due = waits ? one.acknowledge_by : one.reported_at ? null : one.report_by;
  return h("section", { class: waits && one.mine ? "field-order is-waiting" : "field-order", data: { order: one.order_id } },
    h("p", { class: "field-order-top" }, h("b", {}, say("tablet.order")), " ", moment(one.issued_at), " ", said(one.by), " → ", said(one.to), " ", due && clock(due)),
    h("p", { class: "field-order-text" }, said(one.text)),
    one.acknowledged_at && h("p", { class: "hint" }, say("tablet.order_taken", { at: moment(one.acknowledged_at) }), one.isOwn ? ` · ${say("tablet.waiting")}` : ""),
    one.reported_at && h("p", { class: "hint" }, say("tablet.order_reported", { at: moment(one.reported_at) }), " ", said(one.report)),
    h("div", { class: "field-order-acts" },
      waits && one.mine && may("acknowledge-order") && button(say("tablet.take_order"), () => app.takeOrder(found.id, one.order_id), { class: "primary huge" }),
      !one.reported_at && one.mine && may("report-on-order") && button(say("tablet.did.report-on-order"), () => deeds["report-on-order"](app, found.id, undefined, one))));
}

/** A post on the spot: who commands; who is to hand over or take command does so with one tap. */
function post(app, one, found) {
  const handed = one.transfer;
  return h("section", { class: handed?.mine.length ? "field-order is-waiting" : "field-order", data: { post: one.post_id } },
    h("p", { class: "field-order-top" }, h("b", {}, said(one.title)), " ", said(one.place)),
    h("p", { class: "field-order-text" }, say("tablet.commands"), " ", said(one.commander), one.phone && " ", one.phone && h("a", { href: `tel:${one.phone}` }, one.phone), " ", moment(one.since)),
    handed && h("p", {}, say("tablet.handed_to"), " ", said(handed.to), " ", handed.isOwn ? say("tablet.waiting") : ""),
    h("div", { class: "field-order-acts" }, app.state.may("sign-transfer") && (handed?.mine ?? []).map((side) => button(say(`tablet.sign.${side}`), () => app.signTransfer(found.id, one, side), { class: "primary huge", data: { side } }))));
}

export function oneIncident(app, id) {
  const { state, outbox } = app;
  const one = incident(id, state, outbox);
  if (!one) return [h("p", { class: "hint" }, say("tablet.not_kept_here")), link("#/", say("tablet.back"))];
  const ends = hourEnds(one);
  return [
    awayBar(app),
    h("section", { class: one.drill ? "field-head is-drill" : "field-head" },
      h("h1", {}, drill(one), " ", said(one.title)),
      h("p", { class: "field-item-sub" }, level(one), said(one.number), said(one.place), one.category && h("span", {}, one.category)),
      ends && h("p", { class: "field-hour" }, clock(ends, say("tablet.hour_since_known", { at: moment(one.known_at) }))),
      one.owed.map((owed) => h("p", { class: "field-owed" }, owed.due_at && clock(owed.due_at), " ", said(owed.label), owed.by ? ` (${owed.by})` : ""))),
    one.sitrep_due_at && h("p", { class: "field-owed" }, clock(one.sitrep_due_at), " ", say("tablet.kind.sitrep")),
    one.posts.map((each) => post(app, each, one)),
    one.orders.filter((order) => order.mine && !order.reported_at).map((waiting) => order(app, waiting, one)),
    one.requests.map((asked) => h("section", { class: `field-order is-${asked.accepted === null ? "asked" : asked.accepted ? "accepted" : "declined"}` },
      h("p", { class: "field-order-top" }, h("b", {}, say("tablet.did.request-help")), " ", moment(asked.at), " ", said(asked.person), " ", asked.words),
      asked.text && h("p", {}, said(asked.text)),
      h("p", { class: "field-order-text" }, say(asked.accepted === null ? "tablet.help_waits" : asked.accepted ? "tablet.help_comes" : "tablet.help_cannot"), " ", said(asked.answer)))),
    link(`#/map/${one.id}`, say("tablet.map")),
    one.inside > 0 && h("p", { class: "field-inside" }, say("tablet.inside", { count: one.inside })),
    one.facts.length > 0 && h("dl", { class: "field-facts" }, one.facts.map((fact) => h("div", { class: fact.isOwn ? "is-own" : "" },
      h("dt", {}, fact.name), h("dd", {}, fact.short, fact.known_at && h("small", {}, moment(fact.known_at)), fact.isOwn && h("small", {}, say("tablet.waiting")))))),
    h("section", { class: "field-log" },
      h("ol", {}, one.fresh.map((item) => h("li", { class: `is-own is-${item.state}` }, ownLine(app, item))), one.lines.map((line) => h("li", { class: line.struck ? "is-struck" : "" }, kept(app, line)))),
      one.lines_left_out > 0 && h("p", { class: "hint" }, say("tablet.left_out", { count: one.lines_left_out })),
      !one.isWhole && h("p", { class: "hint" }, say("tablet.in_one_line"))),
    one.orders.filter((order) => !order.mine || order.reported_at).map((other) => order(app, other, one)),
  ];
}

function kept(app, line) {
  const isNew = line.offset !== null && line.offset > (app.state.meta.seen ?? Infinity) && !app.outbox.items.some((one) => one.command_id === line.command_id);
  return [
    h("p", { class: "field-line-top" }, h("time", {}, moment(line.at)), " ", h("b", {}, line.label), " ", said(line.by || line.unit), isNew && h("mark", {}, say("tablet.new"))),
    line.words && h("p", {}, said(line.words)), line.text && h("p", {}, said(line.text)),
    line.device_at && h("p", { class: Math.abs(line.skew_ms ?? 0) > 120_000 ? "hint is-much" : "hint" }, timesText(line.device_at, line.skew_ms, line.recorded_at)),
  ];
}

/** One of his own deeds: what, when, and how far it has come. */
export function ownLine(app, item) {
  const book = app.state.meta?.book, at = app.uploads.progress.get(item.body.attachment_id);
  const blocked = app.outbox.blockedBy(item);
  const how = item.state === "waiting" && at !== undefined && item.lane === "file" && !item.is_there ? say("tablet.bytes_there", { kb: Math.round(at / 1024) }) : "";
  return [
    h("p", { class: "field-line-top" }, h("b", {}, labelOf(item)), " ", h("span", { class: `mark is-${item.state}` }, say(STATE_WORDS[item.state] ?? `tablet.${item.state}`)), how && ` ${how}`),
    h("p", {}, said(textOf(item, book))),
    h("p", { class: Math.abs(item.skew_ms ?? 0) > 120_000 ? "hint is-much" : "hint" }, timesOf(item)),
    item.answer?.via && h("p", { class: "hint" }, say(item.answer.via.way === "bundle" ? "tablet.brought" : "tablet.handed_on", { name: item.answer.via.by ?? item.answer.via.name })),
    blocked && h("p", { class: "hint" }, say("tablet.blocked")),
    item.state === "refused" && refusal(app, item),
    item.name === "add-attachment" && h("div", { class: "field-order-acts" }, button(say("tablet.open_file"), () => openFile(app, item), { data: { file: item.command_id } })),
    isSayable(item) && app.live.how !== "live" && h("div", { class: "field-order-acts" }, button(say("tablet.short"), () => aloud(app, item), { data: { short: item.command_id } })),
  ];
}

function refusal(app, item) {
  const { detail, errors = [] } = item.reason ?? {};
  return h("div", { class: "field-refusal" },
    h("p", {}, h("b", {}, say("tablet.reason")), " ", detail ?? "", errors.filter((one) => one.detail !== detail || one.pointer).map((one) => h("span", {}, ` ${one.pointer.slice(1)}: ${one.detail}`))),
    h("div", { class: "field-order-acts" },
      deeds[item.name] && button(say("tablet.amend"), () => deeds[item.name](app, item.incident_id, item)),
      button(say("tablet.again"), () => app.outbox.settle(item, "waiting")),
      button(say("tablet.put_away"), () => app.confirm(say("tablet.put_away_sure"), () => app.outbox.settle(item, "away")), { class: "quiet" })));
}

function awayBar(app) {
  const lines = missed(app.state, app.outbox, app.away), isMore = missedMore(app.state, app.away);
  return (lines.length > 0 || isMore) && h("p", { class: "field-away" }, h("b", {}, say(isMore ? "tablet.away_more" : "tablet.away", { count: lines.length })), " ", link("#/news", say("tablet.look")), button(say("tablet.seen"), () => app.sawNews(), { class: "quiet" }));
}

export function news(app) {
  const lines = missed(app.state, app.outbox, app.away), isMore = missedMore(app.state, app.away);
  return [
    h("h1", {}, say(isMore ? "tablet.away_more" : "tablet.away", { count: lines.length })),
    h("ol", { class: "field-log" }, lines.map((line) => h("li", {}, h("a", { href: `#/i/${line.incident.id}` }, said(line.incident.title)), kept(app, line)))),
    button(say("tablet.seen"), () => { app.sawNews(); app.go("#/"); }, { class: "wide" }),
  ];
}

export function outboxPage(app) {
  const { outbox } = app;
  const all = outbox.items.filter((one) => !["amended", "away"].includes(one.state)).reverse();
  const refused = all.filter((one) => one.state === "refused"), others = all.filter((one) => one.state !== "refused");
  const shown = [...refused, ...others.slice(0, MOST_SHOWN)], left = all.length - shown.length;  // a refused one is never left out
  return [
    h("h1", {}, say("tablet.outbox", { count: outbox.waiting.length + outbox.refused.length })),
    outbox.strangers.length > 0 && h("p", { class: "field-refusal" }, say("tablet.strangers", { count: outbox.strangers.length, name: outbox.strangers[0].name })),
    outbox.waiting.length > 0 && link("#/carry", say("tablet.carry")),
    shown.length ? h("ol", { class: "field-log" }, shown.map((item) => h("li", { class: `is-own is-${item.state}` }, ownLine(app, item)))) : h("p", { class: "hint" }, say("tablet.outbox_empty")),
    left > 0 && h("p", { class: "hint" }, say("tablet.outbox_more", { count: left })),
  ];
}

export function book(app) {
  const { book: kept, bookAt } = app.state.meta ?? {};
  if (!kept) return [h("p", { class: "hint" }, say("tablet.no_book"))];
  return [
    h("h1", {}, say("tablet.book")), h("p", { class: "hint" }, say("tablet.book_age", { ago: agoText(bookAt) })),
    kept.desks.length ? kept.desks.map((desk) => h("section", { class: "field-list" }, h("h2", {}, desk.name),
      h("ul", {}, desk.people.map((one) => h("li", { class: "field-phone" }, h("span", {}, one.post, " ", said(one.name)), one.dial ? h("a", { href: `tel:${one.dial}` }, one.phone) : said(one.phone)))))) : h("p", { class: "hint" }, say("tablet.no_phones")),
    h("p", { class: "hint" }, say("tablet.places_kept", { count: kept.places.length })),
  ];
}
