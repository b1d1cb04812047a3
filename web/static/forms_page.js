// Which form is printed: progress is shown while it is made, and what went wrong in its own words.
import { runClocks } from "./clock.js";
import { Duty } from "./duty.js";
import { Live } from "./live.js";

const form = document.getElementById("form-of"), state = document.getElementById("state");
const { working, done, failed } = state.dataset;
new Duty(new Live(null));
runClocks();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const asked = new FormData(form), code = asked.get("code"), button = form.querySelector("button");
  asked.delete("code");
  const query = new URLSearchParams([...asked].filter(([, value]) => value));
  button.disabled = true;
  state.textContent = working;
  try {
    const answer = await fetch(`${form.dataset.base}${code}.pdf?${query}`, { signal: AbortSignal.timeout(60_000) });
    if (!answer.ok) throw new Error(said(await answer.text()) || failed);
    const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))?.[1] ?? `${code}.pdf`;
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    state.textContent = `${done} ${name}`;
  } catch (wrong) {
    state.textContent = wrong instanceof TypeError || wrong.name === "TimeoutError" ? failed : wrong.message;
  } finally {
    button.disabled = false;
  }
});

/** The sentence of a page that says why there is none. */
const said = (html) => new DOMParser().parseFromString(html, "text/html").querySelector("main p")?.textContent.trim() ?? "";
