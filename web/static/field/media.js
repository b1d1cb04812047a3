// Photos, voice and position: with time and place, made small enough for a thin line, and said so.
import { say } from "../texts.js";
import { clockText, deviceTime, newId, now } from "./tablet.js";

const EDGE = 1600, THIN_EDGE = 1024, QUALITY = 0.8;
const VOICE_RATE = 8000, HEAD = 44;
export const VOICE_S = 60;
const POSITION_MS = 15_000;

export const sizeText = (bytes) => bytes >= 1_000_000_000 ? `${(bytes / 1_000_000_000).toFixed(1)} GB` : bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;

async function sha256(blob) {
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A file as the store keeps it. The bytes are in it, not a reference that may go. */
export async function asFile(blob, name, incidentId, note) {
  return { attachment_id: newId(), incident_id: incidentId, blob, size: blob.size, name, note, sha256: await sha256(blob), made_at: deviceTime() };
}

/** `{blob, name, was, is}`; `asItIs`: the original, whatever it weighs. */
export async function photo(file, { isThin, asItIs }) {
  const name = `${say("tablet.photo_name")}-${clockText(now()).replaceAll(":", "")}.jpg`;
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const was = `${bitmap.width}×${bitmap.height} ${sizeText(file.size)}`;
  const shrink = Math.min(1, (isThin ? THIN_EDGE : EDGE) / Math.max(bitmap.width, bitmap.height));
  if (asItIs) {
    bitmap.close();
    return { blob: file.slice(0, file.size, file.type), name: file.name || name, was, is: was };
  }
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * shrink));
  canvas.height = Math.max(1, Math.round(bitmap.height * shrink));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  if (!blob) throw new Error("the picture cannot be made smaller");
  return { blob, name, was, is: `${canvas.width}×${canvas.height} ${sizeText(blob.size)}` };
}

/** Where this tablet is; null when nobody says within a few seconds. `mayAsk`: whether the person is asked first. */
export async function position(mayAsk = true, within = POSITION_MS) {
  if (!navigator.geolocation) return null;
  if (!mayAsk) {
    const asked = await navigator.permissions?.query({ name: "geolocation" }).catch(() => null);
    if (asked?.state !== "granted") return null;
  }
  return new Promise((done) => {
    const late = setTimeout(() => done(null), within + 500);
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      clearTimeout(late);
      done({ lon: round(coords.longitude), lat: round(coords.latitude), accuracy_m: Math.max(1, Math.round(coords.accuracy)) });
    }, () => { clearTimeout(late); done(null); }, { enableHighAccuracy: true, timeout: within, maximumAge: 60_000 });
  });
}

const round = (degrees) => Math.round(degrees * 1e6) / 1e6;

export const placeText = (place) => place ? `${place.lon}, ${place.lat} (±${place.accuracy_m ?? "?"} m)` : say("tablet.no_position");

/** A voice note while it is spoken; `stop()` gives a WAV file that every desk can play. */
export class Voice {
  async start() {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true } });
    this.context = new AudioContext({ sampleRate: VOICE_RATE });
    await this.context.audioWorklet.addModule(new URL("./recorder.js", import.meta.url));
    this.pieces = [];
    const recorder = new AudioWorkletNode(this.context, "recorder");
    recorder.port.onmessage = ({ data }) => this.pieces.push(data);
    this.context.createMediaStreamSource(this.stream).connect(recorder).connect(this.context.destination);
    this.startedAt = performance.now();
  }

  get seconds() { return Math.floor((performance.now() - this.startedAt) / 1000); }

  async stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    await this.context?.close().catch(() => {});
    const length = (this.pieces ?? []).reduce((sum, one) => sum + one.length, 0);
    return length ? new Blob([header(length), ...this.pieces], { type: "audio/wav" }) : null;
  }
}

/** How long such a file is, in whole seconds, at least one. */
export const voiceSeconds = (wav) => Math.max(1, Math.round((wav.size - HEAD) / 2 / VOICE_RATE));

/** The head of a WAV file of so many samples, 16 bits, one channel. */
function header(samples) {
  const view = new DataView(new ArrayBuffer(HEAD));
  const write = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  write(0, "RIFF"); view.setUint32(4, 36 + samples * 2, true); write(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, VOICE_RATE, true); view.setUint32(28, VOICE_RATE * 2, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  write(36, "data"); view.setUint32(40, samples * 2, true);
  return view;
}
