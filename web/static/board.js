// The list of open incidents. Rows keep their place under the hand; what changed is marked; order is restored
// when nobody is at the list, or when asked for.
import { paintClocks } from "./clock.js";
import { elementsOf, fetchHtml, isNewer, mark, morph } from "./swap.js";
import { say } from "./texts.js";

const IDLE_MS = 8_000, NEXT_SHOWN = 6, FAR = "9999";

export class Board {
  constructor(open) {
    this.open = open;
    this.list = document.getElementById("board");
    this.sortButton = document.getElementById("sort");
    this.filterField = document.getElementById("filter");
    this.at = null;  // the id of the row that the keys stand on
    this.chosen = document.getElementById("incident-view")?.dataset.incident ?? null;
    this.touchedAt = 0;
    this.wire();
    this.settle();
    if (this.chosen) this.at = this.chosen;
    this.showPlace();
  }

  wire() {
    const list = this.list;
    list.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (!row || event.ctrlKey || event.metaKey || event.button) return;
      event.preventDefault();
      this.choose(row.dataset.incident);
    });
    for (const touch of ["pointermove", "keydown", "wheel"]) {
      list.addEventListener(touch, () => { this.touchedAt = performance.now(); }, { passive: true });
    }
    this.sortButton.addEventListener("click", () => this.sort());
    this.filterField.addEventListener("input", () => this.filter());
  }

  get rows() {
    return [...this.list.querySelectorAll(".row")];
  }

  get shown() {
    return this.rows.filter((row) => !row.classList.contains("is-filtered"));
  }

  /** A fragment: a row changed, came or went. */
  async take({ target, offset, html }) {
    if (!isNewer(target, offset)) return;
    const row = document.getElementById(target);
    if (html === "") row?.remove();
    else if (row) {
      await morph(row, html);
      mark(document.getElementById(target));
    } else this.insert(html);
    this.settle();
  }

  /** A new row goes where its deadline puts it; those that stand there keep their order. */
  insert(html) {
    const [row] = elementsOf(`<ol>${html}</ol>`)[0].children;
    const after = this.rows.find((one) => orderOf(one) > orderOf(row));
    const top = this.list.scrollTop, isAbove = after && after.offsetTop < top;
    if (after) after.before(row);
    else this.list.append(row);
    if (isAbove) this.list.scrollTop = top + row.offsetHeight;
    mark(row);
    if (row.dataset.incident === this.chosen) row.scrollIntoView({ block: "nearest" });
  }

  /** Everything that follows from the rows: counts, what is next, whether the order still holds. */
  settle() {
    paintClocks(this.list);
    const rows = this.rows;
    document.getElementById("open-count").textContent = rows.length;
    document.getElementById("empty").hidden = rows.length > 0;
    const own = this.list.querySelectorAll(".row:not(.is-drill) .duty.is-own").length;
    document.getElementById("todo").textContent = own;
    const drills = this.list.querySelectorAll(".row.is-drill .duty.is-own").length;
    const shown = document.getElementById("todo-drill");
    shown.hidden = drills === 0;
    shown.querySelector("span").textContent = drills;
    this.isOutOfOrder = rows.some((row, index) => index > 0 && orderOf(rows[index - 1]) > orderOf(row));
    this.sortButton.hidden = !this.isOutOfOrder;
    if (this.filterField.value) this.filter();
    this.showNext();
    this.showPlace();
  }

  /** Once a second: put the rows in order when nobody is at them. */
  look() {
    if (!this.isOutOfOrder || performance.now() - this.touchedAt < IDLE_MS) return;
    if (this.list.matches(":hover") || this.list.contains(document.activeElement)) return;
    this.sort();
  }

  sort() {
    const rows = this.rows.sort((a, b) => orderOf(a) < orderOf(b) ? -1 : orderOf(a) > orderOf(b) ? 1 : 0);
    const top = this.list.scrollTop;
    this.list.append(...rows);
    this.list.scrollTop = top;
    this.settle();
  }

  /** Read the whole list again: too much was missed. */
  async refresh() {
    const html = await fetchHtml("/board");
    if (html === null) return;
    await morph(this.list, html);
    this.settle();
  }

  // --- keys ---

  move(step) {
    const rows = this.shown;
    if (!rows.length) return;
    const index = rows.findIndex((row) => row.dataset.incident === this.at);
    const row = rows[Math.min(rows.length - 1, Math.max(0, index < 0 ? 0 : index + step))];
    this.at = row.dataset.incident;
    this.list.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    this.showPlace();
  }

  choose(incident = this.at) {
    if (!incident) return;
    this.at = this.chosen = incident;
    this.showPlace();
    this.open(incident);
  }

  showPlace() {
    for (const row of this.rows) {
      row.classList.toggle("is-at", row.dataset.incident === this.at);
      row.classList.toggle("is-chosen", row.dataset.incident === this.chosen);
      row.querySelector(".row-link").ariaCurrent = String(row.dataset.incident === this.chosen);
    }
  }

  filter() {
    const wanted = this.filterField.value.trim().toLowerCase();
    for (const row of this.rows) {
      row.classList.toggle("is-filtered", wanted !== "" && !row.textContent.toLowerCase().includes(wanted));
    }
  }

  // --- what is due ---

  get duties() {
    return this.rows.flatMap((row) => [...row.querySelectorAll(".duty")].map((duty) => ({ row, duty })));
  }

  /** For the alarm: everything with a deadline. */
  deadlines() {
    return this.duties.filter(({ duty }) => duty.querySelector("[data-due]")).map(({ row, duty }) => ({
      id: duty.id,
      due: Date.parse(duty.querySelector("[data-due]").dataset.due),
      own: duty.classList.contains("is-own"),
      isShort: duty.dataset.action === "judge",
      urgent: duty.dataset.action === "answer-help",
      since: Date.parse(duty.dataset.since),
      label: duty.querySelector(".duty-label").textContent,
      title: row.querySelector(".row-title").textContent,
      incident: row.dataset.incident,
      drill: row.classList.contains("is-drill"),
      duty,
    }));
  }

  /** The right-hand list: what comes next over all incidents, this desk's own work before what others owe. */
  showNext() {
    const section = document.getElementById("next");
    if (!section) return;
    const soon = this.duties
      .map(({ row, duty }) => ({ row, duty, order: duty.dataset.order, own: duty.classList.contains("is-own"), drill: row.classList.contains("is-drill") }))
      .sort((a, b) => a.drill - b.drill || b.own - a.own || (a.order < b.order ? -1 : 1))
      .slice(0, NEXT_SHOWN);
    section.hidden = false;
    const lines = soon.map(({ row, duty, own }) => {
      const line = document.createElement("li"), link = document.createElement("a");
      line.classList.toggle("is-own", own);
      link.href = row.querySelector(".row-link").href;
      link.dataset.incident = row.dataset.incident;
      const what = Object.assign(document.createElement("span"), { className: "what", textContent: duty.querySelector(".duty-label").textContent });
      const where = Object.assign(document.createElement("span"), { className: "where" });
      where.append(...[...row.querySelectorAll(".row-line > .drill-mark")].map((one) => one.cloneNode(true)), " ", row.querySelector(".row-title").cloneNode(true));
      link.append(what, duty.querySelector(".clock").cloneNode(true), where);
      for (const name of ["action", "stage", "channel", "recipient", "sender", "instruction", "addressee", "request"]) {
        if (duty.dataset[name] !== undefined) link.dataset[name] = duty.dataset[name];
      }
      line.append(link);
      return line;
    });
    if (!lines.length) lines.push(Object.assign(document.createElement("li"), { className: "empty small", textContent: say("js.next_none") }));
    document.getElementById("next-list").replaceChildren(...lines);
    paintClocks(section);
  }
}

function orderOf(row) {
  return `${row.dataset.due || FAR} ${row.dataset.due ? "" : String(9e15 - Date.parse(row.dataset.known || 0))}`;
}
