// The wall's worker; the server writes VERSION and FILES above. A wall that comes up while the server is away shows a page
// of ours that says so and goes on by itself, never the browser's own. Nothing of what a desk knows is kept here.
const CACHE = `fenghuo-wall-${VERSION}`, WAITING = "/wall/waiting", PATIENCE_MS = 8_000;

self.addEventListener("install", (event) => event.waitUntil((async () => {
  const cache = await caches.open(CACHE);
  for (const file of FILES) {
    const answer = await fetch(file, { cache: file === WAITING ? "no-store" : "default", redirect: "error" });
    if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
    await cache.put(file, answer);
  }
  await self.skipWaiting();
})()));

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) {
    if (name.startsWith("fenghuo-wall-") && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
})()));

self.addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/wall") event.respondWith(wall(request));
  else if (FILES.includes(url.pathname)) event.respondWith(kept(url.pathname, request));
});

/** The server's own page; when it does not answer, or not with a page, ours. */
async function wall(request) {
  const patience = new Promise((give) => setTimeout(give, PATIENCE_MS, null));
  const answer = await Promise.race([fetch(request).catch(() => null), patience]);
  const isPage = answer && answer.status < 500 && answer.status !== 429;
  return isPage ? answer : kept(WAITING, WAITING);
}

async function kept(path, request) {
  const cache = await caches.open(CACHE);
  return await cache.match(path) ?? fetch(request);
}
