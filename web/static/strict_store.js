// A small store of its own in IndexedDB, for keys: what was put there is on the disk when the promise is kept.
//
//     const inStore = strictStore("fenghuo-keys", "keys");
//     await inStore("readwrite", (keys) => keys.put(value, key));
//
// What the request's own success asks for goes in the same transaction: nobody comes between a look and a change.
export const strictStore = (name, store) => async (mode, ask) => {
  const database = await new Promise((opened, failed) => {
    const asked = indexedDB.open(name, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(store);
    asked.onsuccess = () => opened(asked.result);
    asked.onerror = () => failed(asked.error);
  });
  try {
    const transaction = database.transaction([store], mode, { durability: "strict" });
    const request = ask(transaction.objectStore(store));
    await new Promise((done, failed) => {
      transaction.oncomplete = () => done();
      transaction.onabort = () => failed(transaction.error ?? request.error);
    });
    return request.result;
  } finally {
    database.close();
  }
};
