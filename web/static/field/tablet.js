// This tablet: its clock against the server's, and what the person is told about time.
import { clockText, heardTime, momentText, now, spanText } from "../clock.js";
import { say } from "../texts.js";

/** From so much on a difference of the clocks is called out, ms. */
export const MUCH = 120_000;
export const skew = { ms: null, at: null };

const kept = localStorage.getItem("fenghuo.field.skew");
if (kept !== null) Object.assign(skew, { ms: Number(kept) || 0, at: Number(localStorage.getItem("fenghuo.field.skew_at")) || null });

/** The server said what time it is; asked between these two moments of this machine's clock. */
export function measured(serverTime, askedAt, answeredAt) {
  const at = Date.parse(serverTime);
  if (!Number.isFinite(at) || answeredAt - askedAt > 20_000) return;
  skew.ms = Math.round(at - (askedAt + answeredAt) / 2);
  skew.at = Date.now();
  localStorage.setItem("fenghuo.field.skew", String(skew.ms));
  localStorage.setItem("fenghuo.field.skew_at", String(skew.at));
  heardTime(serverTime);
}

export const deviceTime = () => new Date().toISOString();
/** The moment as the server will see it, as far as this tablet knows. */
export const knownTime = () => { keepPace(); return new Date(now()).toISOString(); };

const SLEPT_MS = 2_000;

/** A tablet that sleeps with its screen dark sleeps with the clock that counts the seconds here; the one that shows the
 * time of day goes on, and with what it was found to be wrong by it says what time it is. */
export function keepPace() {
  const told = Date.now() + (skew.ms ?? 0);
  if (Math.abs(told - now()) > SLEPT_MS) heardTime(new Date(told).toISOString());
}
export { clockText, momentText, now, spanText };

export function skewText(ms) {
  if (ms === null || ms === undefined) return say("tablet.skew_unknown");
  const seconds = Math.round(ms / 1000);
  return `${seconds < 0 ? "−" : "+"}${Math.abs(seconds) < 120 ? `${Math.abs(seconds)} s` : spanText(Math.abs(seconds))}`;
}

/** "设备 14:02（偏差 +3 s）· 入库 15:10" */
export function timesText(deviceAt, ms, recordedAt) {
  const device = say("tablet.device_time", { clock: momentText(Date.parse(deviceAt)), skew: skewText(ms) });
  return recordedAt ? `${device} · ${say("tablet.stored_time", { clock: momentText(Date.parse(recordedAt)) })}` : device;
}

/** So long ago, in words. */
export function agoText(moment) {
  const minutes = Math.floor((Date.now() - moment) / 60_000);
  if (minutes < 1) return say("tablet.just_now");
  if (minutes < 60) return say("tablet.minutes", { minutes });
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? say("tablet.hours", { hours, minutes: minutes % 60 }) : say("tablet.days", { days: Math.floor(hours / 24) });
}

/** Random, but made to sort by time. */
export { newId } from "../commands.js";
