// Times as people type them: 1350, 13:50, -10 (ten minutes ago), 昨2310, 11-20 08:00. Beijing time.
import { say } from "./texts.js";

const MINUTE = 60_000, DAY = 86_400_000, BEIJING = 8 * 3_600_000;
const AHEAD = 2 * MINUTE;

/** The moment meant, in ms; null when nothing was typed; throws with a sentence for the person. */
export function parseTime(typed, now) {
  const text = typed.normalize("NFKC").trim().toLowerCase().replace(/[点时h]/g, ":").replace(/[分]/g, "");
  if (text === "") return null;
  const ago = /^[-−](\d{1,4})$/.exec(text);
  if (ago) return now - Number(ago[1]) * MINUTE;
  const found = /^(今|昨|前|y|t)?\s*(?:(?:(\d{4})[-/.])?(\d{1,2})[-/.月](\d{1,2})日?\s+)?(\d{1,2}):?(\d{2})(?::(\d{2}))?:?$/.exec(text);
  if (!found) throw new Error(say("js.bad_time"));
  const [, word, year, month, day, hours, minutes, seconds] = found;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds ?? 0) > 59) throw new Error(say("js.bad_time"));
  const today = new Date(now + BEIJING);
  let start = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate());
  if (month) {
    start = Date.UTC(Number(year ?? today.getUTCFullYear()), Number(month) - 1, Number(day));
    if (new Date(start).getUTCDate() !== Number(day)) throw new Error(say("js.bad_time"));
    if (!year && start - BEIJING > now) start = Date.UTC(today.getUTCFullYear() - 1, Number(month) - 1, Number(day));
  }
  start -= { 昨: DAY, y: DAY, 前: 2 * DAY }[word] ?? 0;
  let moment = start - BEIJING + ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds ?? 0)) * 1000;
  // At ten past midnight, 2350 is yesterday's.
  if (!word && !month && moment - now > 6 * 60 * MINUTE) moment -= DAY;
  if (moment - now > AHEAD) throw new Error(say("js.future"));
  return moment;
}

/** As the wire wants it: RFC 3339, in Beijing time. */
export function wireTime(moment) {
  return new Date(moment + BEIJING).toISOString().replace("Z", "+08:00");
}
