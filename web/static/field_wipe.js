// A tablet that was revoked forgets everything: what is stored, what is cached, the service worker, the keys.
//
//     if (await isToForget(answer)) …            an answer of fetch with 410 `device-revoked`
//     if (closedToForget(event)) …               the close of the live socket, 4001 with that reason
//     await forgetEverything();                  then the page goes to a plain one: nothing of ours runs any more
//
// Each part is tried whatever became of the others, and none is waited for without an end: another tab that holds a
// database open lets go of it, or it is deleted as soon as that tab is gone.
const REVOKED = "device-revoked";
const PATIENCE_MS = 3000;

/** Whether an answer of the server is the order to forget. Reads a copy: the answer itself is left as it was. */
export async function isToForget(answer) {
  if (answer.status !== 410) return false;
  const problem = await answer.clone().json().catch(() => null);
  return problem?.type === REVOKED;
}

/** Whether a socket was closed with that order. */
export const closedToForget = (event) => event.code === 4001 && event.reason === REVOKED;

/** Answers what could not be forgotten, by name; an empty list when nothing is left. */
export async function forgetEverything() {
  const left = [];
  const part = async (name, work) => {
    try {
      await Promise.race([work(), new Promise((_done, failed) => setTimeout(failed, PATIENCE_MS))]);
    } catch {
      left.push(name);
    }
  };
  await part("databases", async () => {
    const known = (await indexedDB.databases?.()) ?? ["fenghuo-tablet", "fenghuo-lock", "fenghuo-field", "fenghuo-keys"].map((name) => ({ name }));
    await Promise.all(known.map(({ name }) => deleted(name)));
  });
  await part("caches", async () => Promise.all((await caches.keys()).map((name) => caches.delete(name))));
  await part("worker", async () => {
    const workers = (await navigator.serviceWorker?.getRegistrations()) ?? [];
    await Promise.all(workers.map((worker) => worker.unregister()));
  });
  await part("local", async () => {
    localStorage.clear();
    sessionStorage.clear();
  });
  return left;
}

const deleted = (name) => new Promise((done, failed) => {
  const asked = indexedDB.deleteDatabase(name);
  asked.onsuccess = () => done();
  asked.onerror = () => failed(asked.error);
});
