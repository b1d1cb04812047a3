// The tablet's store: one for each person who uses it, sealed with that person's key (field_lock.js). A promise is kept
// only when the transaction is on the disk ("strict"): what the screen calls 待发送 outlives a killed browser and an
// empty battery. What nothing can be read from stands beside the sealed part: how far a deed has come, in which order.
const NAME = "fenghuo-tablet", VERSION = 1;
const IDS = { meta: null, outbox: "command_id", files: "attachment_id", incidents: "id", drafts: null, carried: "bundle_id" };
const STORES = Object.keys(IDS);
const PLAIN = {
  outbox: ["seq", "order", "state", "lane", "is_there", "is_again", "is_repair", "answer", "skew_ms", "stored_at"],
  files: ["size"], carried: ["state"],
};

let opening = null, isOver = false, lock = null;

/** From now on this is whose store is meant; null: nobody's. */
export function storeOf(itsLock) { lock = itsLock; }
export const isOpen = () => Boolean(lock?.isOpen);

/** The tablet is to forget everything: whatever still wants the store waits for ever, and makes none anew. */
export function endStore() {
  isOver = true;
  opening?.then((database) => database.close(), () => {});
}

function open() {
  if (isOver) return new Promise(() => {});
  opening ??= new Promise((opened, failed) => {
    const asked = indexedDB.open(NAME, VERSION);
    asked.onupgradeneeded = () => {
      for (const name of STORES) {
        if (!asked.result.objectStoreNames.contains(name)) asked.result.createObjectStore(name, { keyPath: ["person", "id"] });
      }
    };
    asked.onerror = () => { opening = null; failed(asked.error); };
    asked.onblocked = () => {};  // another tab lets go at `versionchange`
    asked.onsuccess = () => {
      const database = asked.result;
      database.onversionchange = () => { database.close(); opening = null; };
      database.onclose = () => { opening = null; };
      opened(database);
    };
  });
  return opening;
}

/** Do `work({name: store, …})` in one transaction; answers what it returned, after it is on the disk. Sealing waits for
    more than the store and so comes before: `pack`. */
export async function change(names, work) {
  const transaction = (await open()).transaction(names, "readwrite", { durability: "strict" });
  const stores = Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)]));
  const finished = new Promise((done, failed) => {
    transaction.oncomplete = () => done();
    transaction.onabort = () => failed(transaction.error ?? new Error("the store did not take it"));
  });
  let answer;
  try {
    answer = await work(stores);
  } catch (wrong) {
    transaction.abort();
    await finished.catch(() => {});
    throw wrong;
  }
  await finished;
  return answer;
}

/** A request of IndexedDB as a promise; only awaited inside `change`, where nothing else is awaited. */
export const asked = (request) => new Promise((done, failed) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});

/** The key of one record of the person whose store is open. */
export const at = (id) => [lock.personId, id];
const mine = () => IDBKeyRange.bound([lock.personId], [lock.personId, []]);

/** A value as it is written: sealed, but for what is plain. Throws "locked". */
export async function pack(name, value, id = value[IDS[name]]) {
  const whose = lock, plain = {}, rest = {};
  for (const [key, one] of Object.entries(value)) if (key !== "blob") (PLAIN[name]?.includes(key) ? plain : rest)[key] = one;
  const record = { ...plain, person: whose.personId, id };
  if (value.blob) {
    rest.blob_type = value.blob.type;
    record.bytes = await whose.sealBytes(await value.blob.arrayBuffer());
  }
  record.sealed = await whose.seal(rest);
  return record;
}

export async function unpack(record) {
  const { sealed, bytes, person: _person, id: _id, ...plain } = record;
  const rest = await lock.open(sealed);
  return bytes ? { ...rest, ...plain, blob: new Blob([await lock.openBytes(bytes)], { type: rest.blob_type }) } : { ...rest, ...plain };
}

/** What is plain is changed where it stands; the sealed part stays as it is, and no key is needed. Inside `change`. */
export async function patch(store, id, over) {
  const record = await asked(store.get(at(id)));
  if (record) store.put({ ...record, ...over });
}

async function read(name, ask) {
  const transaction = (await open()).transaction([name], "readonly");
  return asked(ask(transaction.objectStore(name)));
}

/** One record as it stands: what is plain of it needs no key. */
export const plain = (name, id) => read(name, (store) => store.get(at(id)));
/** Records as they stand, sealed: this person's, or everybody's. */
export const raw = (name) => read(name, (store) => store.getAll(mine()));
export const everybodys = (name) => read(name, (store) => store.getAll());
/** Records that do not open though the lock is open: a byte of the disk is wrong. Said, and all others are read. */
export const unreadable = new Map();
const called = (name, { person, id }) => `${name} ${person} ${id}`;

export async function unsealed(name, record) {
  try {
    const said = await unpack(record);
    unreadable.delete(called(name, record));
    return said;
  } catch (wrong) {
    if (!isOpen()) throw wrong;  // locked in the middle: nothing is known to be wrong with it
    unreadable.set(called(name, record), record);
    return undefined;
  }
}

export async function get(name, id) {
  const record = await read(name, (store) => store.get(at(id)));
  return record && unsealed(name, record);
}
export const all = async (name) => (await Promise.all((await raw(name)).map((record) => unsealed(name, record)))).filter((one) => one !== undefined);
/** Which records there are, and nothing of them. */
export const ids = async (name) => (await read(name, (store) => store.getAllKeys(mine()))).map(([, id]) => id);
export async function put(name, value, id) {
  const record = await pack(name, value, id);
  return change([name], ({ [name]: store }) => { store.put(record); });
}
export const drop = (name, id) => change([name], ({ [name]: store }) => { store.delete(at(id)); });

/** Everything of the person whose store is meant, read or not. */
export const forgetMine = () => change(STORES, (stores) => { for (const store of Object.values(stores)) store.delete(mine()); });

/** The draft that is being saved: it goes in the very transaction in which the deed comes to stand, or it would be
 * there again after a battery that ended in between, and be done a second time. */
export const saving = { draft: null };

/** Room: what is used and what there may be, in bytes; null where the browser does not say. */
export async function room() {
  const told = await navigator.storage?.estimate?.().catch(() => null);
  return told?.quota ? { used: told.usage ?? 0, quota: told.quota, left: told.quota - (told.usage ?? 0) } : null;
}
