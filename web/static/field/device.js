// This tablet as the desk knows it, and its end: one that was lost forgets everything at its next contact.
import { enrol, tabletOf } from "../carry_bundle.js";
import { endStore } from "./db.js";
import { closedToForget, forgetEverything, isToForget } from "../field_wipe.js";

const REVOKED = 410;
let isForgetting = false;

/** Make it known as this person's, in each session anew: by its session a revoked tablet is told from others. */
export async function makeKnown(personId) {
  if (!globalThis.crypto?.subtle) return;  // without HTTPS there are no keys, and no offline app either
  const tablet = await tabletOf(personId);
  const kind = navigator.userAgentData?.platform || navigator.platform || "tablet";
  if (await enrol(tablet, `${kind} ${tablet.device_id.slice(0, 4)}`) === REVOKED) await forget();
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
