// What is being typed may be known already (可能已知): open incidents of the same place and kind, shown while typing.
// Alt and its number, then Enter: the call goes into that incident's log. With Shift, at once: filed, and merged into it.
import { clockText, now } from "./clock.js";
import { newId, sendUntilAnswered } from "./commands.js";
import { elementsOf } from "./swap.js";
import { say } from "./texts.js";
import { wireTime } from "./times.js";

const WAIT_MS = 350, LEAST = 3, PATIENCE_MS = 5_000;

export class KnownAlready {
  /** `chosen({id, number, how} or null)`: how is "add" or "merge". */
  constructor(form, about, chosen) {
    Object.assign(this, { form, about, chosen, list: form.querySelector("#alike"), asked: 0 });
    form.addEventListener("click", (event) => {
      const button = event.target.closest("#alike button");
      if (button) this.choose(button.closest("li"), button.dataset.do);
    });
  }

  look() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.ask(), WAIT_MS);
  }

  async ask() {
    const asked = ++this.asked;
    const about = this.about();
    const html = about.title.trim().length + about.text.trim().length < LEAST ? "<ul></ul>" : await fetchAlike(about);
    if (asked !== this.asked || html === null) return;
    this.list.replaceChildren(...(elementsOf(html)[0]?.children ?? []));
  }

  clear() {
    clearTimeout(this.waiting);
    this.asked += 1;
    this.list.replaceChildren();
  }

  /** Alt 1: the first of the list. True when it was such a key. */
  key(event) {
    const digit = /^Digit([1-9])$/.exec(event.code);
    if (!event.altKey || event.ctrlKey || event.metaKey || !digit) return false;
    const line = this.list.children[Number(digit[1]) - 1];
    if (!line) return false;
    event.preventDefault();
    event.stopPropagation();
    this.choose(line, event.shiftKey ? "merge" : "add");
    return true;
  }

  choose(line, how) {
    for (const other of this.list.children) other.classList.toggle("is-chosen", other === line);
    this.chosen({ id: line.dataset.incident, number: line.dataset.number, how });
  }
}

async function fetchAlike(about) {
  try {
    const answer = await fetch("/intake/alike", {
      method: "POST",
      headers: { "Content-Type": "application/json", "HX-Request": "true" },
      body: JSON.stringify(about),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}

/** The commands that put a call into a known incident's log: a line, and what was said of people, when any was. */
export function commandsFor(into, body, figures) {
  const at = body.known_at ?? wireTime(now());
  const text = [body.title, body.place?.text, figures].filter(Boolean).join("; ") || body.words || say("js.untitled");
  const behalf = body.on_behalf_of ? { on_behalf_of: body.on_behalf_of } : {};
  const words = body.words ? { words: body.words } : {};
  const entry = { command_id: newId(), incident_id: into.id, entry_id: newId(), kind: "call_in", text, happened_at: at, ...behalf, ...words };
  const commands = [["add-entry", entry]];
  if (body.facts || body.source) {
    commands.push(["establish-facts", {
      command_id: newId(), incident_id: into.id, known_at: at, known_by: body.known_by, facts: body.facts ?? {}, ...(body.source ? { source: body.source } : {}),
    }]);
  }
  return commands;
}

/** Send them in order. The first refusal ends it; what was stored before stays, as in a log. */
export async function sendInto(commands, into, waits, tell) {
  for (const [name, body] of commands) {
    const answer = await sendUntilAnswered(name, body, waits);
    if (!answer.stored) return answer;
    tell(say("js.added", { clock: clockText(Date.parse(answer.stored.recorded_at)), number: into.number }));
  }
  return { stored: { incident_id: into.id } };
}
