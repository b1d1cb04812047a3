// What does not fit on the wall: the list of incidents is turned page by page, every other list is cut at a whole row
// and says how much more there is.
const TURN_MS = 12_000, STAY_MS = 30_000;
const LISTS = ".wall-news, .wall-command, .wall-forces, .wall-warnings, .wall-joint, .hero-log";
let page = 0, turnAt = performance.now() + TURN_MS;

const board = () => document.getElementById("board");
const rowsOf = () => [...document.querySelectorAll("#board > .wall-row")];

/** True when it is time for the next page. */
export function turnPage(moment) {
  if (moment < turnAt) return false;
  page += 1;
  turnAt = moment + TURN_MS;
  return true;
}

/** Turn to the page of this row, and stay there for a while. */
export function pageOf(row) {
  if (!row?.parentElement) return;
  const rows = rowsOf();
  page = Math.floor(rows.indexOf(row) / sizeOf(rows));
  turnAt = performance.now() + STAY_MS;
}

function sizeOf(rows) {
  const height = Math.max(...rows.filter((row) => !row.classList.contains("is-off")).map((row) => row.offsetHeight), 1);
  const columns = getComputedStyle(board()).display === "grid" ? 2 : 1;
  return Math.max(1, columns * Math.floor(board().clientHeight / height));
}

export function layOut(said) {
  const rows = rowsOf(), shown = document.getElementById("page-of");
  if (!shown || !board()?.clientHeight) return;
  if (!rows.length) return shown.replaceChildren();
  rows[0].classList.remove("is-off");
  const size = sizeOf(rows), pages = Math.ceil(rows.length / size);
  page %= pages;
  rows.forEach((row, index) => row.classList.toggle("is-off", Math.floor(index / size) !== page));
  shown.textContent = pages > 1 ? said(page + 1, pages) : "";
}

/** What says how much more there is stands over the last line: nothing else may stand there. */
const noteHeight = () => 1.6 * parseFloat(getComputedStyle(document.documentElement).fontSize);

export function fit(said) {
  for (const list of document.querySelectorAll(LISTS)) {
    const bottom = list.clientHeight;
    if (!bottom) continue;
    const rows = [...list.children];
    for (const row of rows) row.classList.remove("is-cut");
    const unnamed = Number(list.dataset.more ?? 0), below = (row) => row.offsetTop - list.offsetTop + row.offsetHeight;
    const isAll = !unnamed && rows.every((row) => below(row) <= bottom + 1);
    const room = isAll || list.closest('[data-place^="foot"]') ? 0 : noteHeight();  // at the foot it stands in the head
    const cut = rows.filter((row) => below(row) > bottom - room + 1);
    for (const row of cut) row.classList.add("is-cut");
    const more = cut.length + unnamed;
    const note = list.dataset.cut = more ? said(more) : "";
    list.classList.toggle("has-cut", note !== "");
  }
}
