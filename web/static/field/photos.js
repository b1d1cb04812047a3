// The sheets for a photo and for a voice note: what is kept is shown before it is kept.
import { say } from "../texts.js";
import { button, h } from "./dom.js";
import { openSheet, wrong } from "./forms.js";
import { asFile, photo, placeText, position, VOICE_S, Voice } from "./media.js";
import { clockText, now } from "./tablet.js";

/** The system's own camera or album; nothing asks for a permission. */
export function choosePhoto(app, incidentId, useCamera = true) {
  const input = h("input", { type: "file", accept: "image/jpeg,image/png,image/webp", capture: useCamera ? "environment" : undefined, multiple: !useCamera });
  input.addEventListener("change", () => { if (input.files.length) photoSheet(app, incidentId, [...input.files]); });
  input.click();
}

export async function photoSheet(app, incidentId, files) {
  const place = position(false, 4000);
  let made = await Promise.all(files.map((file) => photo(file, { isThin: app.state.isThin }).catch(() => null)));
  if (made.some((one) => one === null)) return app.tellWrong(say("tablet.no_photo"));
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
      if (asItIs) made = await Promise.all(files.map((file) => photo(file, { asItIs: true })));
      await app.checkRoom(made.reduce((sum, one) => sum + one.blob.size, 0));
      const at = await place;
      for (const one of made) await keep(app, incidentId, one.blob, one.name, note, at, one.was === one.is ? null : one.was);
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
  let spoken = null;
  const stop = async () => {
    clearInterval(ticking);
    if (spoken === null) spoken = await voice.stop();
    halt.hidden = true;
    return spoken;
  };
  const halt = button(say("tablet.voice_stop"), stop, { class: "primary" });
  const ticking = setInterval(() => {
    seconds.textContent = `${voice.seconds} / ${VOICE_S} s`;
    if (voice.seconds >= VOICE_S) stop();
  }, 250);
  await openSheet({
    title: say("tablet.voice"), head: [h("p", { class: "hint" }, say("tablet.voice_on")), seconds, halt],
    fields: [{ name: "note", type: "text", label: say("tablet.remark"), most: 300 }],
    async save({ note }) {
      const blob = await stop();
      if (!blob) throw wrong(say("tablet.nothing_heard"));
      await app.checkRoom(blob.size);
      await keep(app, incidentId, blob, `${say("tablet.voice_name")}-${clockText(now()).replaceAll(":", "")}.wav`, note, await place, null);
    },
  });
  document.getElementById("sheet").addEventListener("close", stop, { once: true });
}
