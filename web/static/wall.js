// The wall: nobody touches it. It pages by itself when more is open than fits, and stays with what just happened.
import { paintClocks, runClocks } from "./clock.js";
import { Duty } from "./duty.js";
import { Live } from "./live.js";
import { fetchHtml, isNewer, mark, morph, soon } from "./swap.js";
import { say } from "./texts.js";

const TURN_MS = 12_000, STAY_MS = 30_000;
let page = 0, turnAt = performance.now() + TURN_MS;

const live = new Live("wall"), duty = new Duty(live);
const refresh = soon(async () => {
  const html = await fetchHtml(`/wall/news${location.search}`);
  if (html === null) return;
  await morph(document.getElementById("wall"), html);
  paintClocks();
  layOut();
}, 300, 500);

runClocks(() => {
  if (performance.now() < turnAt) return;
  page += 1;
  turnAt = performance.now() + TURN_MS;
  layOut();
});
layOut();
addEventListener("resize", () => layOut());
document.fonts.ready.then(() => layOut());

live.addEventListener("entry", refresh);
live.addEventListener("refresh", refresh);
live.addEventListener("fragment", async ({ detail }) => {
  if (duty.take(detail)) return;
  const row = document.getElementById(detail.target);
  if (!row || !isNewer(detail.target, detail.offset)) return;
  if (detail.html === "") row.remove();
  else {
    await morph(row, detail.html);
    stayAt(document.getElementById(detail.target));
  }
  paintClocks();
  layOut();
});

/** Something happened to this one: turn to its page, and stay for a while. */
function stayAt(row) {
  if (!row) return;
  mark(row);
  const rows = [...row.parentElement.children], size = pageSize(rows);
  page = Math.floor(rows.indexOf(row) / size);
  turnAt = performance.now() + STAY_MS;
}

function pageSize(rows) {
  const list = document.getElementById("board");
  const height = Math.max(...rows.filter((row) => !row.classList.contains("is-off")).map((row) => row.offsetHeight), 1);
  const columns = getComputedStyle(list).display === "grid" ? 2 : 1;
  return Math.max(1, columns * Math.floor(list.clientHeight / height));
}

function layOut() {
  const rows = [...document.querySelectorAll("#board > .wall-row")];
  const shown = document.getElementById("page-of");
  if (!rows.length) return shown.replaceChildren();
  rows[0].classList.remove("is-off");
  const size = pageSize(rows), pages = Math.ceil(rows.length / size);
  page %= pages;
  rows.forEach((row, index) => row.classList.toggle("is-off", Math.floor(index / size) !== page));
  shown.textContent = pages > 1 ? say("js.page", { page: page + 1, pages }) : "";
}
