// First the door alone: it can be used before the rest of the program is there, which comes while the PIN is typed.
import { people } from "../field_lock.js";
import { say } from "../texts.js";
import { Door } from "./door.js";

const PAINTED_MS = 500;
const NEXT = "fenghuo.field.next";
const door = new Door();

/** When the door is on the screen; a page that nobody sees paints nothing and goes on all the same. */
const painted = () => new Promise((done) => {
  requestAnimationFrame(() => setTimeout(done));
  setTimeout(done, PAINTED_MS);
});

async function start() {
  const next = sessionStorage.getItem(NEXT);
  sessionStorage.removeItem(NEXT);
  const kept = globalThis.isSecureContext ? await people() : [], chosen = kept.find((one) => one.person_id === next);
  door.shut(chosen ?? kept[0] ?? null);
  door.isChosen = Boolean(chosen);
  performance.mark("shown");
  document.body.dataset.shown = "yes";
  await painted();
  const { App } = await import("./app.js");
  return new App(door);
}

const app = start();
const notWhole = (wrong) => door.failed(wrong, say("tablet.door.not_whole"));
app.catch(notWhole);
door.addEventListener("opened", ({ detail }) => app.then((it) => it.opened(detail).catch((wrong) => door.failed(wrong)), notWhole));
