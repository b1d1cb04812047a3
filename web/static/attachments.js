// Files onto an incident: dropped, pasted or chosen. Each is sent until answered, under ids made once; what is
// refused says why and stays until it is put away.
import { newId, untilBack } from "./commands.js";
import { say } from "./texts.js";

const MOST_MB = 25;
const SILENT_MS = 60_000;

export class Attachments {
  constructor(view) {
    this.view = view;
    this.queue = [];
    this.list = Object.assign(document.createElement("ol"), { className: "uploads" });
    this.list.setAttribute("aria-label", say("js.attach_uploads"));
    this.list.setAttribute("role", "log");
    document.body.append(this.list);
    document.addEventListener("click", (event) => { if (event.target.closest?.("[data-attach]")) this.choose(); });
    document.addEventListener("keydown", (event) => this.pressed(event));
    document.addEventListener("paste", (event) => this.came(event, event.clipboardData));
    for (const kind of ["dragover", "drop", "dragleave"]) document.addEventListener(kind, (event) => this.dragged(event));
    addEventListener("beforeunload", (event) => { if (this.queue.some((one) => !one.refused)) event.preventDefault(); });
  }

  get panel() {
    return document.querySelector(".attachments[data-takes]");
  }

  pressed(event) {
    if (event.key !== "u" || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches?.("input, textarea, select") || document.querySelector("dialog[open]") || !this.panel) return;
    event.preventDefault();
    this.choose();
  }

  choose() {
    const incident = this.panel?.dataset.takes;
    if (!incident) return;
    const input = Object.assign(document.createElement("input"), {
      type: "file", multiple: true, accept: "image/jpeg,image/png,image/webp,application/pdf,audio/*,.m4a,.ogg",
    });
    input.addEventListener("change", () => this.add(input.files, incident));
    input.click();
  }

  dragged(event) {
    if (![...event.dataTransfer?.types ?? []].includes("Files")) return;
    event.preventDefault();  // a file dropped beside the panel must not replace the page
    this.panel?.classList.toggle("is-over", event.type === "dragover");
    if (event.type === "drop") this.came(event, event.dataTransfer);
  }

  came(event, data) {
    const incident = this.panel?.dataset.takes;
    if (!incident || !data?.files.length) return;
    event.preventDefault();
    this.add(data.files, incident);
  }

  add(files, incident) {
    for (const file of files) {
      const line = document.createElement("li");
      const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
      const words = document.createElement("span");
      line.append(words, bar);
      this.list.append(line);
      const one = { file, incident, line, bar, words, id: newId(), command: newId(), name: file.name || "photo.png" };
      this.queue.push(one);
      if (file.size > MOST_MB * 1024 * 1024) this.refuse(one, say("js.attach_large", { most: MOST_MB }));
    }
    this.run();
  }

  async run() {
    if (this.isRunning) return;
    this.isRunning = true;
    let one;
    for (let wait = 500; (one = this.queue.find((next) => !next.refused));) {
      const answer = await this.send(one);
      if (answer.status === 200) {
        this.tell(one, "js.attach_stored");
        this.queue = this.queue.filter((other) => other !== one);
        one.bar.remove();
        const { line } = one;  // by then `one` is another
        setTimeout(() => line.remove(), 4000);
        this.view.refresh();
        wait = 500;
      } else if (answer.status >= 400 && answer.status < 500 && ![401, 408, 425, 429].includes(answer.status)) {
        this.refuse(one, answer.detail);
      } else {
        this.tell(one, answer.status === 401 ? "js.attach_signed_out" : "js.attach_retry");
        await untilBack(wait * (0.5 + Math.random() / 2));
        wait = Math.min(wait * 2, 15_000);
      }
    }
    this.isRunning = false;
  }

  send(one) {
    const query = new URLSearchParams({ command_id: one.command, file_name: one.name.slice(-200) });
    return new Promise((done) => {
      const call = new XMLHttpRequest();
      let silent;
      const heard = () => {
        clearTimeout(silent);
        silent = setTimeout(() => call.abort(), SILENT_MS);
      };
      call.open("PUT", `/api/v1/incidents/${one.incident}/attachments/${one.id}?${query}`);
      call.upload.addEventListener("progress", (event) => {
        heard();
        one.bar.value = event.total ? event.loaded / event.total : 0;
        this.tell(one, event.loaded < event.total ? "js.attach_sending" : "js.attach_checking", { part: Math.floor(one.bar.value * 100) });
      });
      call.addEventListener("loadend", () => {
        clearTimeout(silent);
        let said = {};
        try { said = JSON.parse(call.responseText); } catch { /* no answer of ours */ }
        done({ status: call.status, detail: said.detail ?? String(call.status) });
      });
      heard();
      call.send(one.file);
    });
  }

  refuse(one, detail) {
    one.refused = true;
    one.bar.remove();
    one.line.classList.add("is-refused");
    this.tell(one, "js.attach_refused", { detail });
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: say("js.attach_drop") });
    button.addEventListener("click", () => {
      this.queue = this.queue.filter((other) => other !== one);
      one.line.remove();
    });
    one.line.append(" ", button);
  }

  tell(one, slug, values = {}) {
    one.words.textContent = say(slug, { name: one.name, ...values });
  }
}
