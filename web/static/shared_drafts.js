// What is typed is kept on the server, too: a crashed machine loses nothing, and a second officer of the unit sees
// it and can take it over. A draft is no fact: it is gone as soon as it is filed.
import { newId } from "./commands.js";
import { elementsOf, fetchHtml, soon } from "./swap.js";
import { say } from "./texts.js";

const KEEP_MS = 1_200, LOOK_MS = 20_000, PATIENCE_MS = 8_000;

export class SharedDrafts {
  /** `content()`: what to keep, or null when nothing was typed; `took(body)`: another's draft is ours now. */
  constructor(list, content, took, tell) {
    Object.assign(this, { list, content, took, tell, id: null, kept: "" });
    this.refresh = soon(() => this.look(), 150, 600);
    list.addEventListener("click", (event) => {
      const line = event.target.closest("li");
      if (event.target.closest("button") && line) this.take(line.dataset.draftId);
    });
    setInterval(() => { if (!document.hidden) this.refresh(); }, LOOK_MS);
    this.refresh();
  }

  /** Something was typed: keep it soon. */
  changed() {
    this.waiting ??= setTimeout(() => { this.waiting = null; this.keep(); }, KEEP_MS);
  }

  /** One after the other: a draft that is dropped must not come back by a saving that was under way. */
  inTurn(work) {
    this.turn = (this.turn ?? Promise.resolve()).then(work);
    return this.turn;
  }

  keep() {
    return this.inTurn(() => this.keepNow());
  }

  async keepNow() {
    const content = this.content();
    if (content === null || this.isTaken) return;
    const said = JSON.stringify(content);
    if (said === this.kept) return;
    this.id ??= newId();
    const answer = await ask("PUT", this.id, said);
    if (!answer) return this.changed();  // no answer: again, as long as somebody types here
    if (answer.ok) this.kept = said;
    else if (answer.status === 409) {
      const problem = await answer.json().catch(() => ({}));
      this.isTaken = problem.type === "draft-taken";
      this.tell(say(this.isTaken ? "js.draft_taken" : "js.draft_refused", { detail: problem.detail ?? "" }));
    }
  }

  /** Filed, or given up. */
  drop() {
    clearTimeout(this.waiting);
    this.waiting = null;
    const id = this.id;
    if (id && !this.isTaken) this.inTurn(() => ask("DELETE", id));
    this.use(null);
  }

  /** Go on with this id; none: a new one is made when something is typed. */
  use(id) {
    Object.assign(this, { id, kept: "", isTaken: false });
    this.show();
  }

  async take(id) {
    await this.keep();
    const answer = await ask("POST", `${id}/take`, "{}");
    if (!answer) return;
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) return this.tell(say("js.draft_refused", { detail: said.detail ?? "" }));
    this.use(said.id);
    this.took(said.body);
  }

  async look() {
    const html = await fetchHtml("/intake/drafts");
    if (html === null) return;
    const at = document.activeElement?.closest?.("[data-draft-id]")?.dataset.draftId;
    this.list.replaceChildren(...(elementsOf(html)[0]?.children ?? []));
    if (at) this.list.querySelector(`[data-draft-id="${at}"] button`)?.focus();
    this.show();
  }

  /** The one in the form is not listed above the form. */
  show() {
    for (const line of this.list.children) line.hidden = line.dataset.draftId === this.id && !this.isTaken;
  }

  get offered() {
    return [...this.list.children].filter((line) => !line.hidden);
  }
}

async function ask(method, path, body) {
  try {
    return await fetch(`/intake/drafts/${path}`, {
      method,
      headers: { "Content-Type": "application/json", "HX-Request": "true" },
      body,
      keepalive: (body?.length ?? 0) < 60_000,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    return null;
  }
}
