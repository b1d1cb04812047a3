// A bundle off another screen: the camera looks again and again until every piece of the series was seen.
import { openCodes } from "./carry_codes.js";
import { Gatherer } from "./carry_frames.js";

const LOOK_MS = 120;

export class Scan {
  /** `told(what, gatherer)`: "taken", "again", "other" or "wrong", after each code that was seen. */
  constructor(video, told) {
    Object.assign(this, { video, told, isOn: false });
  }

  /** The text, once it is whole; null when it was stopped before. Throws "no camera", or what is wrong with the whole. */
  async read() {
    const { video } = this, gathered = new Gatherer();
    this.isOn = true;
    const stream = await navigator.mediaDevices?.getUserMedia({ video: { facingMode: "environment" } }).catch(() => null);
    if (!stream) throw new Error("no camera");
    video.srcObject = stream;
    try {
      await video.play();
      const look = await openCodes();
      while (this.isOn && !gathered.isWhole) {
        const text = await look(video).catch(() => null);
        if (text && this.isOn) this.told(gathered.add(text), gathered);
        await new Promise((done) => { setTimeout(done, LOOK_MS); });
      }
      return gathered.isWhole ? new TextDecoder().decode(await gathered.bytes()) : null;
    } finally {
      this.stop();
      for (const track of stream.getTracks()) track.stop();
      video.srcObject = null;
    }
  }

  stop() { this.isOn = false; }
}
