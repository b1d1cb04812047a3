// What a tablet of before the lock kept lies open in a store of its own: whose it is takes it over when the own store
// is opened, once; then it is gone from the disk.
import { change, pack } from "./db.js";

const OLD = "fenghuo-field", KEYS = "fenghuo-keys";

/** His deeds that were not settled, in their order and before all that is new; photos with them. Harmless twice. */
export async function takeOverOld(personId) {
  const old = await existing(OLD);
  if (!old) return;
  try {
    const items = await everything(old, "outbox"), files = await everything(old, "files");
    const mine = items.filter((one) => one.person === personId), after = Math.max(0, ...items.map((one) => one.seq));
    const wanted = new Set(mine.map((one) => one.body.attachment_id));
    const deeds = await Promise.all(mine.map(({ person: _person, ...one }) => pack("outbox", { ...one, seq: one.seq - after - 1, order: one.order - after - 1 })));
    const kept = await Promise.all(files.filter((one) => wanted.has(one.attachment_id)).map((one) => pack("files", one)));
    await change(["outbox", "files"], ({ outbox, files: into }) => {
      for (const record of deeds) outbox.put(record);
      for (const record of kept) into.put(record);
    });
    await forgotten(old, mine);
    if (items.length > mine.length) return;  // another's wait until they come
  } finally {
    old.close();
  }
  for (const name of [OLD, KEYS]) indexedDB.deleteDatabase(name);
}

/** The database of this name; null when there is none, and none is made. */
async function existing(name) {
  const known = await indexedDB.databases?.();  // not every browser says
  if (known && !known.some((one) => one.name === name)) return null;
  return new Promise((done) => {
    const asked = indexedDB.open(name);
    asked.onupgradeneeded = () => asked.transaction.abort();
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => done(null);
  });
}

const everything = (database, name) => new Promise((done, failed) => {
  const asked = database.transaction([name]).objectStore(name).getAll();
  asked.onsuccess = () => done(asked.result);
  asked.onerror = () => failed(asked.error);
});

/** What is his, and what was nobody's: the picture of the incidents, which is read anew. */
function forgotten(database, mine) {
  const names = ["outbox", "files", "incidents", "meta", "drafts"], transaction = database.transaction(names, "readwrite", { durability: "strict" });
  for (const one of mine) {
    transaction.objectStore("outbox").delete(one.command_id);
    if (one.body.attachment_id) transaction.objectStore("files").delete(one.body.attachment_id);
  }
  for (const name of ["incidents", "meta", "drafts"]) transaction.objectStore(name).clear();
  return new Promise((done, failed) => { transaction.oncomplete = done; transaction.onabort = () => failed(transaction.error); });
}
