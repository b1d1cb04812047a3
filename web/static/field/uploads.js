// Photos and voice notes on their way: after the text, in pieces, each from where the server says it stands.
import { say } from "../texts.js";
import { change, get, isOpen, pack, patch } from "./db.js";
import { isRevoked } from "./device.js";

const PIECE = 64 * 1024, SMALL_PIECE = 16 * 1024, ANSWER_MS = 60_000;

export class Uploads {
  constructor(outbox, isThin) {
    this.outbox = outbox;
    this.isThin = isThin;
    this.progress = new Map();  // attachment_id: bytes that the server has
    this.sent = 0;  // bytes that were sent, cuts and all
    outbox.addEventListener("drained", () => this.run());
  }

  /** Text goes first: a file begins when no command can go, and stops between two pieces when one can. */
  async run() {
    if (this.isRunning || this.outbox.state !== "idle" || !isOpen()) return;
    this.isRunning = true;
    try {
      for (const item of this.outbox.waiting.filter((one) => one.lane === "file" && !one.is_there && !this.outbox.blockedBy(one))) {
        if (!isOpen()) break;
        const file = await get("files", item.body.attachment_id);
        if (!file?.blob) {
          await this.gone(item);
          continue;
        }
        const outcome = await this.bring(item, file);
        if (outcome === "wait") break;
      }
    } finally {
      this.isRunning = false;
    }
    if (this.outbox.sendable().length) this.outbox.flush(true);
  }

  async bring(item, file) {
    const about = { incident_id: item.incident_id, attachment_id: file.attachment_id, size: file.size, sha256: file.sha256 };
    let stands = await this.ask(item, "POST", "/api/v1/uploads", JSON.stringify(about), { "Content-Type": "application/json" });
    let cuts = 0;
    while (stands.said && !stands.said.complete) {
      if (!isOpen()) return "wait";  // locked: a photo waits for the PIN
      const { offset } = stands.said;
      this.progress.set(file.attachment_id, offset);
      this.outbox.tell();
      if (this.outbox.sendable().length) return "wait";
      if (!file.blob) return this.gone(item);
      const piece = file.blob.slice(offset, offset + (this.isThin() ? SMALL_PIECE : PIECE));
      const next = await this.ask(item, "PATCH", `/api/v1/uploads/${file.attachment_id}`, piece, { "Upload-Offset": String(offset) });
      this.sent += piece.size;
      if (next.said || next.refused) stands = next;
      else if (next.moved !== undefined) stands = { said: { offset: next.moved, complete: false } };
      else if (next.unknown && cuts++ < 2) stands = await this.ask(item, "POST", "/api/v1/uploads", JSON.stringify(about), { "Content-Type": "application/json" });
      else return "wait";
    }
    if (stands.said) {
      this.progress.set(file.attachment_id, file.size);
      await this.mark(item, { is_there: true });
      return "there";
    }
    if (stands.refused) {
      await this.mark(item, { state: "refused", reason: stands.refused });
      return "refused";
    }
    return "wait";
  }

  /** Room was made of it when the server had it; the server has lost it since. */
  async gone(item) {
    await this.mark(item, { state: "refused", reason: { type: "file-gone", detail: say("tablet.file_gone"), status: 410 }, refused_at: Date.now() });
    return "refused";
  }

  async mark(item, over) {
    const record = over.state === "refused" && isOpen() ? await pack("outbox", { ...item, ...over }) : null;
    await change(["outbox"], async ({ outbox }) => {
      if (record) outbox.put(record);
      else if (over.is_there) await patch(outbox, item.command_id, over);
    });
    await this.outbox.load();
    this.outbox.tell(true);
  }

  async ask(item, method, url, body, headers) {
    try {
      const answer = await fetch(url, { method, body, signal: AbortSignal.timeout(ANSWER_MS), headers: { ...headers, "Fenghuo-Person": this.outbox.person.person_id } });
      if (await isRevoked(answer)) return {};
      const told = await answer.json().catch(() => null);
      if (answer.ok && told) return { said: told };
      if (answer.status === 409 && told?.type === "upload-offset") return { moved: Number(answer.headers.get("Upload-Offset")) };
      if (answer.status === 404 && method === "PATCH" && told?.type === "not-found") return { unknown: true };
      if (answer.status === 422 && told?.type === "upload-garbled") return { unknown: true };
      if (answer.status === 401 || told?.type === "other-person" || answer.status >= 500 || [408, 425, 429].includes(answer.status)) return {};
      return { refused: { type: told?.type, detail: told?.detail ?? String(answer.status), status: answer.status } };
    } catch {
      return { unknown: true };
    }
  }
}

/** Files whose command is stored are not needed for the screen; they go first when room is short. */
export async function makeRoom(outbox) {
  const stored = outbox.items.filter((one) => one.state === "stored" && one.body.attachment_id);
  for (const { body } of stored) await change(["files"], ({ files }) => patch(files, body.attachment_id, { bytes: null }));  // one in memory at a time
}
