// 短报 on the tablet: a deed in at most 70 characters, large enough to be read aloud over a radio, to be copied or
// sent as an SMS. The desk that types it in has the same command; come by network later it is known to be the same.
import { encode, Unsayable, WORDS } from "../short_report.js";
import { say } from "../texts.js";
import { button, h } from "./dom.js";
import { labelOf } from "./projected.js";

const KINDS = new Set(Object.values(WORDS.kinds)), GROUP = 5, CHECK = 7;

/** Whether this deed may still have to be told by voice, and there are words for it. */
export const isSayable = (item) => KINDS.has(item.name) && ["waiting", "refused"].includes(item.state);

export function aloud(app, item) {
  const sheet = document.getElementById("sheet");
  const { messages, leftOut, why } = spoken(item);
  sheet.replaceChildren(h("div", { class: "field-form field-aloud" },
    h("h2", {}, say("tablet.short"), " ", labelOf(item)),
    why ? h("p", { class: "fault" }, say("tablet.short_cannot", { why })) : h("p", { class: "hint" }, say("tablet.short_how")),
    messages.map((text, at) => message(text, messages.length > 1 ? `${at + 1}/${messages.length}` : "")),
    leftOut.length > 0 && h("p", { class: "hint" }, say("tablet.short_left_out", { what: leftOut.join(", ") })),
    h("div", { class: "field-form-acts" }, button(say("tablet.close"), () => sheet.close(), { class: "quiet" }))));
  if (sheet.open) sheet.close();
  sheet.showModal();
}

function spoken(item) {
  try {
    return encode(item.name, item.body, item.person_name);
  } catch (wrong) {
    if (!(wrong instanceof Unsayable)) throw wrong;
    return { messages: [], leftOut: [], why: wrong.what };
  }
}

/** One message in groups of five, its check apart: that is what the other side reads back. */
function message(text, which) {
  const before = text.slice(0, -CHECK), check = text.slice(-CHECK);
  const groups = before.match(new RegExp(`[^]{1,${GROUP}}`, "gu"));
  const copied = h("output", { class: "hint" });
  const copy = async () => {
    const isDone = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    copied.textContent = say(isDone ? "tablet.copied" : "tablet.not_copied");
  };
  return h("section", { class: "field-short", data: { short: text } },
    which && h("b", {}, which),
    h("p", { class: "field-short-text", lang: "zh-CN", translate: false }, groups.map((one) => h("span", {}, one)), h("b", {}, check.slice(0, 2)), h("b", {}, check.slice(2))),
    h("div", { class: "field-order-acts" },
      button(say("tablet.copy"), copy), h("a", { class: "field-link", href: `sms:?body=${encodeURIComponent(text)}` }, say("tablet.by_sms"))),
    copied);
}
