// The tablet's store. A promise is kept only when the transaction is on the disk ("strict"): what the screen calls
// 待发送 outlives a killed browser and an empty battery.
const NAME = "fenghuo-field", VERSION = 1;
const STORES = { meta: undefined, outbox: "command_id", files: "attachment_id", incidents: "id", drafts: undefined };

let opening = null, isOver = false;

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
      for (const [name, keyPath] of Object.entries(STORES)) {
        if (!asked.result.objectStoreNames.contains(name)) asked.result.createObjectStore(name, { keyPath });
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

/** Do `work({name: store, …})` in one transaction; answers what it returned, after it is on the disk. */
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

async function read(name, ask) {
  const transaction = (await open()).transaction([name], "readonly");
  return asked(ask(transaction.objectStore(name)));
}

export const get = (name, key) => read(name, (store) => store.get(key));
export const all = (name) => read(name, (store) => store.getAll());
export const put = (name, value, key) => change([name], ({ [name]: store }) => { store.put(value, key); });
export const drop = (name, key) => change([name], ({ [name]: store }) => { store.delete(key); });

/** The draft that is being saved: it goes in the very transaction in which the deed comes to stand, or it would be
 * there again after a battery that ended in between, and be done a second time. */
export const saving = { draft: null };

/** Room: what is used and what there may be, in bytes; null where the browser does not say. */
export async function room() {
  const told = await navigator.storage?.estimate?.().catch(() => null);
  return told?.quota ? { used: told.usage ?? 0, quota: told.quota, left: told.quota - (told.usage ?? 0) } : null;
}
