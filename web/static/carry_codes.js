// QR codes on a canvas, and off a picture. The browser's own reader where it has one; else jsQR, loaded only then.
import qrcode from "./vendor/qrcode-generator/qrcode.mjs";

const SHOWN_MS = 350;
const QUIET = 4;  // squares of white around a code, or no reader finds it

/** Paint a text of the alphanumeric alphabet: black on white by day and by night. */
export function paintCode(canvas, text) {
  const code = qrcode(0, "M");
  code.addData(text, "Alphanumeric");
  code.make();
  const count = code.getModuleCount() + 2 * QUIET;
  const size = Math.max(1, Math.floor(canvas.width / count));
  const edge = Math.floor((canvas.width - size * count) / 2) + QUIET * size;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  for (let row = 0; row < code.getModuleCount(); row++) {
    for (let column = 0; column < code.getModuleCount(); column++) {
      if (code.isDark(row, column)) pen.fillRect(edge + column * size, edge + row * size, size, size);
    }
  }
}

/** A series on a canvas, over and over. `told(which, all)` at each; answers what ends it. */
export function showCodes(canvas, frames, told) {
  let place = 0;
  const next = () => {
    paintCode(canvas, frames[place % frames.length]);
    told((place % frames.length) + 1, frames.length);
    place += 1;
  };
  next();
  const showing = setInterval(next, SHOWN_MS);
  return () => clearInterval(showing);
}

/** A reader: `await read(video or canvas)` is the text of the code that it sees, or null. */
export async function openCodes() {
  const kinds = (await globalThis.BarcodeDetector?.getSupportedFormats().catch(() => [])) ?? [];
  if (kinds.includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (picture) => (await detector.detect(picture))[0]?.rawValue ?? null;
  }
  await import("./vendor/jsqr/jsQR.js");  // puts itself into the page as jsQR
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  return async (picture) => {
    canvas.width = picture.videoWidth ?? picture.width;
    canvas.height = picture.videoHeight ?? picture.height;
    if (!canvas.width || !canvas.height) return null;
    pen.drawImage(picture, 0, 0);
    const seen = pen.getImageData(0, 0, canvas.width, canvas.height);
    return globalThis.jsQR(seen.data, seen.width, seen.height, { inversionAttempts: "dontInvert" })?.data ?? null;
  };
}
