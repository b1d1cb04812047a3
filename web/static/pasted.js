// Whether what was pasted is to be read (reading.js, which is larger and comes later).
const LONG = 40;

/** A paste that is a message and not a word or two. */
export const isMessage = (text) => text.trim().length > LONG || /\n./.test(text.trim());
