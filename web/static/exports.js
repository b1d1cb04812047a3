// A file that takes its time says so: seconds and bytes beside its button. Without this a link is a link.
import { say } from "./texts.js";

const PATIENCE_MS = 1000;

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-file]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  bring(link.href, link.parentElement);
});
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.getAttribute("formaction")?.startsWith("/export/")) return;
  event.preventDefault();
  const asked = new URLSearchParams(new FormData(event.target));
  asked.set(button.name, button.value);
  bring(`${button.getAttribute("formaction")}?${asked}`, button.parentElement);
});

async function bring(address, place) {
  if (place.querySelector("output.is-busy")) return;
  place.querySelector("output")?.remove();
  const said = document.createElement("output"), began = performance.now();
  said.className = "state is-busy";
  place.append(said);
  let bytes = 0;
  const tell = setInterval(() => {
    said.textContent = say("js.exporting", { seconds: Math.round((performance.now() - began) / 1000), size: Math.ceil(bytes / 1024) });
  }, PATIENCE_MS);
  try {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(sentence(await answer.text()) || String(answer.status));
    const pieces = [], reader = answer.body.getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      pieces.push(piece.value);
      bytes += piece.value.length;
    }
    const name = answer.headers.get("Content-Disposition").match(/filename\*=UTF-8''([^;]+)/)[1];
    keep(new Blob(pieces, { type: answer.headers.get("Content-Type") }), decodeURIComponent(name));
    said.textContent = say("js.exported", { size: Math.ceil(bytes / 1024) });
  } catch (problem) {
    said.textContent = say("js.export_failed", { why: problem.message });
  }
  clearInterval(tell);
  said.classList.remove("is-busy");
}

function sentence(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector("main p")?.textContent.trim();
}

function keep(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
