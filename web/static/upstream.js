// The line over every screen of an outpost: is the desk above reached, and how much waits for it. What a page
// cannot ask for it does not guess: the line keeps its last words until it can.
const EVERY_MS = 10_000;
const PATIENCE_MS = 8_000;

async function look() {
  const answer = await fetch("/upstream/line", { signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("upstream-bar");
  if (fresh) document.getElementById("upstream-bar")?.replaceWith(document.adoptNode(fresh));
}

if (document.getElementById("upstream-bar")) setInterval(() => look().catch(() => {}), EVERY_MS);
