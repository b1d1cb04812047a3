// Commands: the only way to change anything. Sent by POST, and again with the same command_id until answered.

/** A UUID, version 7. `crypto.randomUUID` does not exist on plain http, `getRandomValues` does. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let time = Date.now();
  for (let i = 5; i >= 0; i -= 1) {
    bytes[i] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = bytes[6] & 0x0f | 0x70;
  bytes[8] = bytes[8] & 0x3f | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const ANSWER_MS = 10_000;
const ASK_AGAIN = new Set([408, 425, 429, 502, 503, 504]);

/** `{stored: answer}`, `{refused: problem}`, `{signedOut: true}`, or `{unknown: true}`: no answer is no failure. */
export async function send(name, body) {
  try {
    const answer = await fetch(`/api/v1/commands/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (answer.status === 401) return { signedOut: true };
    const said = await answer.json().catch(() => null);
    if (answer.ok && said) return { stored: said };
    if (answer.status < 500 && !ASK_AGAIN.has(answer.status)) return { refused: said ?? { detail: String(answer.status) } };
    return { unknown: true, after: Number(answer.headers.get("Retry-After")) * 1000 };
  } catch {
    return { unknown: true };
  }
}

/** So long, or until the stream is heard again: whoever waits for the server need not wait longer than it does. */
export function untilBack(most) {
  return new Promise((again) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("fenghuo:back", done);
      again();
    };
    const timer = setTimeout(done, most);
    addEventListener("fenghuo:back", done);
  });
}

/** Send until there is an answer. `waits` is called each time there was none; returning false gives up. */
export async function sendUntilAnswered(name, body, waits) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 15_000)) {
    const answer = await send(name, body);
    if (!answer.unknown && !answer.signedOut) return answer;
    if (waits(answer) === false) return answer;
    await (answer.after ? new Promise((again) => setTimeout(again, answer.after)) : untilBack(wait * (0.5 + Math.random() / 2)));
  }
}
