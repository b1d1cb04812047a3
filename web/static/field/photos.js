// The sheets for a photo and for a voice note: what is kept is shown before it is kept.
import { say } from "../texts.js";
import { get } from "./db.js";
import { button, h, said } from "./dom.js";
import { openSheet, wrong } from "./forms.js";
import { asFile, photo, placeText, position, VOICE_S, Voice, voiceSeconds } from "./media.js";
import { clockText, now } from "./tablet.js";

/** The system's own camera or album; nothing asks for a permission. */
export function choosePhoto(app, incidentId, useCamera = true) {
  const input = h("input", { type: "file", accept: "image/jpeg,image/png,image/webp", capture: useCamera ? "environment" : undefined, multiple: !useCamera });
  input.addEventListener("change", () => { if (input.files.length) photoSheet(app, incidentId, [...input.files]); });
  input.click();
}

export async function photoSheet(app, incidentId, files) {
  const place = position(false, 4000);
  const made = await Promise.all(files.map((file) => photo(file, { isThin: app.state.isThin }).catch(() => null)));
  if (made.some((one) => one === null)) return app.tellWrong(say("tablet.no_photo"));
  const kept = new Set();  // of several some may be on the disk when the next finds no room: not a second time
  const addresses = made.map((one) => URL.createObjectURL(one.blob));
  const pictures = addresses.map((src) => h("img", { src, alt: "", class: "field-photo" }));
  const what = h("p", { class: "hint" }, ...made.map((one) => h("span", {}, say("tablet.photo_made", { was: one.was, is: one.is }))));
  await openSheet({
    title: say("tablet.did.add-attachment"), head: [...pictures, what],
    fields: [
      { name: "note", type: "text", label: say("tablet.remark"), most: 300 },
      { name: "asItIs", type: "check", label: say("tablet.photo_as_it_is") },
    ],
    async save({ note, asItIs }) {
      const left = files.map((file, which) => [which, file]).filter(([which]) => !kept.has(which));
      const pictures = await Promise.all(left.map(async ([which, file]) => [which, asItIs ? await photo(file, { asItIs }) : made[which]]));
      await app.checkRoom(pictures.reduce((sum, [, one]) => sum + one.blob.size, 0));
      const at = await place;
      for (const [which, one] of pictures) {
        await keep(app, incidentId, one.blob, one.name, note, at, one.was === one.is ? null : one.was);
        kept.add(which);
      }
    },
  });
  document.getElementById("sheet").addEventListener("close", () => addresses.forEach((one) => URL.revokeObjectURL(one)), { once: true });
}

/** The file and its command in one transaction: neither is ever there without the other. */
async function keep(app, incidentId, blob, name, note, at, original) {
  const file = await asFile(blob, name, incidentId, note);
  const told = [
    say("tablet.taken_at", { clock: clockText(now()) }), at ? placeText(at) : null, original ? say("tablet.original", { was: original }) : null, note || null,
  ].filter(Boolean).join(" · ");
  await app.did("add-attachment", { incident_id: incidentId, attachment_id: file.attachment_id, file_name: name, note: told.slice(0, 480) }, { beside: file });
}

export async function voiceSheet(app, incidentId) {
  const voice = new Voice();
  try {
    await voice.start();
  } catch {
    return app.tellWrong(say("tablet.no_microphone"));
  }
  const place = position(false, 4000);
  const seconds = h("output", { class: "field-seconds" }, "0 / 60 s");
  const heard = h("audio", { class: "field-heard", controls: true, hidden: true, "aria-label": say("tablet.voice_again") });
  let spoken = null;
  const stop = async () => {
    clearInterval(ticking);
    if (spoken !== null) return spoken;
    spoken = await voice.stop();
    halt.hidden = true;
    if (spoken) {
      seconds.textContent = say("tablet.voice_length", { seconds: voiceSeconds(spoken) });
      Object.assign(heard, { src: URL.createObjectURL(spoken), hidden: false });
    }
    return spoken;
  };
  const halt = button(say("tablet.voice_stop"), stop, { class: "primary" });
  const ticking = setInterval(() => {
    seconds.textContent = `${voice.seconds} / ${VOICE_S} s`;
    if (voice.seconds >= VOICE_S) stop();
  }, 250);
  await openSheet({
    title: say("tablet.voice"), head: [h("p", { class: "hint" }, say("tablet.voice_on")), seconds, halt, heard],
    fields: [{ name: "note", type: "text", label: say("tablet.remark"), most: 300 }],
    async save({ note }) {
      const blob = await stop();
      if (!blob) throw wrong(say("tablet.nothing_heard"));
      await app.checkRoom(blob.size);
      const length = say("tablet.voice_length", { seconds: voiceSeconds(blob) });
      await keep(app, incidentId, blob, `${say("tablet.voice_name")}-${clockText(now()).replaceAll(":", "")}.wav`, [length, note].filter(Boolean).join(" · "), await place, null);
    },
  });
  document.getElementById("sheet").addEventListener("close", async () => {
    await stop();
    URL.revokeObjectURL(heard.src);
  }, { once: true });
}

/** What he took himself, as long as it lies here: to be looked at or heard once more. */
export async function openFile(app, item) {
  const file = await get("files", item.body.attachment_id);
  if (!file?.blob) return app.tellWrong(say("tablet.file_not_here"));
  const src = URL.createObjectURL(file.blob), sheet = document.getElementById("sheet");
  const shown = file.blob.type.startsWith("audio/") ? h("audio", { class: "field-heard", controls: true, src }) : h("img", { class: "field-photo", src, alt: file.name });
  if (sheet.open) sheet.close();
  sheet.replaceChildren(h("div", { class: "field-form" }, h("h2", {}, said(file.name)), shown, h("p", { class: "hint" }, said(item.body.note)),
    h("div", { class: "field-form-acts" }, button(say("tablet.close"), () => sheet.close(), { class: "quiet" }))));
  sheet.showModal();
  sheet.addEventListener("close", () => URL.revokeObjectURL(src), { once: true });
}
