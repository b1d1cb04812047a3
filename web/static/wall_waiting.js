// While the server is away: say so, with the time, ask again and again, and go on as soon as it answers.
const ASK_MS = 3_000, ANSWER_MS = 8_000;
const began = Date.now(), word = document.getElementById("waiting-word"), shown = document.getElementById("clock");
const two = (number) => String(number).padStart(2, "0");
const clock = (at) => [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");

setInterval(() => { shown.textContent = clock(new Date()); }, 1000);
shown.textContent = clock(new Date());
word.textContent = word.dataset.says.replace("{clock}", clock(new Date(began)));

async function ask() {
  try {
    const answer = await fetch("/wall/news", { redirect: "manual", signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.ok || answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
  } catch { /* still away */ }
  setTimeout(ask, ASK_MS * (0.5 + Math.random()));
}
setTimeout(ask, ASK_MS * Math.random());
