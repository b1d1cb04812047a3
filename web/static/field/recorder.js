// Runs beside the sound: passes on what the microphone hears, in 16 bits.
class Recorder extends AudioWorkletProcessor {
  process([[channel]]) {
    if (channel) {
      const samples = Int16Array.from(channel, (one) => Math.max(-1, Math.min(1, one)) * 32767);
      this.port.postMessage(samples, [samples.buffer]);
    }
    return true;
  }
}
registerProcessor("recorder", Recorder);
