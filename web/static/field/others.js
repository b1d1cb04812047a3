// What waits on this tablet of people who are not in front of it: how much, and never what.
import { people } from "../field_lock.js";
import { everybodys } from "./db.js";

/** How many of each other person's deeds wait on this tablet. What they are stays sealed. */
export async function waitingOfOthers(personId) {
  const counts = new Map();
  for (const { person, state } of await everybodys("outbox")) {
    if (person !== personId && state === "waiting") counts.set(person, (counts.get(person) ?? 0) + 1);
  }
  const names = new Map((await people()).map((one) => [one.person_id, one.name]));
  return [...counts].map(([person, count]) => ({ person, name: names.get(person) ?? "?", count }));
}
