// The field app's worker; the server writes VERSION, FILES and LATER above. It keeps the shell and the program's files, each
// version in a cache of its own, and nothing else: what is a person's comes from the page's own store, and no
// answer of the API is ever kept here.
const CACHE = `fenghuo-field-${VERSION}`;
const SHELL = "/field", MAP_MARK = "/field/map-is-kept", PATIENCE_MS = 3_000;

self.addEventListener("install", (event) => event.waitUntil((async () => {
  const hadMap = await caches.match(MAP_MARK, { ignoreSearch: true }) !== undefined;
  const isFirst = !(await caches.keys()).some((name) => name.startsWith("fenghuo-field-") && name !== CACHE);
  await fill(FILES);
  if (!isFirst) await fill(LATER).catch(() => {});  // the rest and the map of a new version, for whoever has the old ones
  if (hadMap) await fill(MAP).catch(() => {});
})()));

async function fill(files) {
  const cache = await caches.open(CACHE);
  await Promise.all(files.map(async (file) => {
    if (await cache.match(file)) return;  // the rest of an installation that was cut
    const answer = await fetch(file, { cache: file === SHELL ? "no-cache" : "default", redirect: "error" });
    if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
    await cache.put(file, answer);
  }));
  if (files === MAP) await cache.put(MAP_MARK, new Response("kept"));
}

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) {
    if (name.startsWith("fenghuo-field-") && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
})()));

self.addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" ? url.pathname === SHELL : url.pathname.startsWith("/static/")) {
    event.respondWith(kept(request.mode === "navigate" ? SHELL : url.pathname, request));
  }
});

async function kept(path, request) {
  const cache = await caches.open(CACHE);
  return await cache.match(path) ?? fetch(request);
}

self.addEventListener("message", (event) => {
  if (event.data === "take-over") self.skipWaiting();
  if (event.data === "keep-map") event.waitUntil(fill(MAP).catch(() => {}));
  if (event.data === "bring-the-rest") event.waitUntil(fill(LATER).catch(() => {}));  // the next time, then
  if (event.data === "what-is-kept") event.waitUntil(tell(event.ports[0]));
});

/** Looked at file by file, for the readiness sheet: a list of what should be there proves nothing. */
async function tell(port) {
  await Promise.race([fill(LATER).catch(() => {}), new Promise((done) => { setTimeout(done, PATIENCE_MS); })]);
  const cache = await caches.open(CACHE);
  const missing = [];
  let bytes = 0;
  const all = [...FILES, ...LATER];
  for (const file of all) {
    const answer = await cache.match(file);
    const size = answer?.ok ? (await answer.blob()).size : 0;
    if (size) bytes += size;
    else missing.push(file);
  }
  port.postMessage({ version: VERSION, files: all.length, bytes, missing });
}
