// This tablet as the desk knows it, and its end: one that was lost forgets everything at its next contact.
import { enrol, freshTablet } from "../carry_bundle.js";
import { asked, at, change, endStore, get, pack, put, unreadable } from "./db.js";
import { closedToForget, forgetEverything, isToForget } from "../field_wipe.js";

const REVOKED = 410;
let isForgetting = false;

/** Make it known as this person's, in each session anew: by its session a revoked tablet is told from others. */
export async function makeKnown(personId) {
  const tablet = await tabletOf(personId);
  const kind = navigator.userAgentData?.platform || navigator.platform || "tablet";
  const status = await enrol(tablet, `${kind} ${tablet.device_id.slice(0, 4)}`);
  if (status === REVOKED) await forget();
  else if (status !== 200) throw new Error(`not known yet: ${status}`);  // asked again when the line comes back
  else if (!tablet.is_known) await put("meta", { ...tablet, is_known: true }, "tablet");
}

/** This tablet in this person's hands: made when first asked for, sealed in this person's store. */
export async function tabletOf(personId) {
  const kept = await get("meta", "tablet");
  if (kept) return kept;
  const fresh = await freshTablet(personId), record = await pack("meta", fresh, "tablet");
  // Two tabs may ask at once: whoever comes second takes what the first put there.
  await change(["meta"], async ({ meta }) => { const there = await asked(meta.get(at("tablet"))); if (!there || [...unreadable.values()].some((one) => one.id === "tablet")) meta.put(record); });
  return get("meta", "tablet");
}

/** Whether this answer is the order to forget; then nothing here goes on. */
export async function isRevoked(answer) {
  if (!await isToForget(answer)) return false;
  await forget();
  return true;
}

export async function wasRevoked(close) {
  if (closedToForget(close)) await forget();
}

async function forget() {
  if (isForgetting) return;
  isForgetting = true;
  endStore();
  addEventListener("pagehide", () => localStorage.clear());  // what this page still noted on its way out
  await forgetEverything();
  location.replace("/sign-in");
}
