// A bundle from screen to camera: packed, cut into pieces that fit a QR code each, shown again and again until all are
// read, in any order. Pure but for the browser's own deflate and digest; no camera and no canvas here.
//
//     FH1/ID/INDEX/TOTAL/CHECK/DATA        all of it in the QR code's alphanumeric alphabet
//
// ID: 8 hexadecimal digits of the packed bytes' SHA-256. INDEX from 1. CHECK: CRC-32 of everything but itself. DATA:
// base45 (RFC 9285). A piece whose check is wrong is not taken; the whole is compared with ID.

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const FORM = "FH1";
/** Bytes of one piece: a code of 81 squares a side, which a tablet's camera reads from another tablet's screen. */
export const PIECE = 300;
export const MOST_PIECES = 2000;
/** What may come out of so many pieces: as much as the server takes. */
export const MOST_BYTES = 1024 * 1024;

/** The pieces of some bytes, as texts. */
export async function framesOf(bytes, size = PIECE) {
  const packed = await through(bytes, new CompressionStream("deflate-raw"));
  const id = await idOf(packed);
  const total = Math.max(1, Math.ceil(packed.length / size));
  if (total > MOST_PIECES) throw new RangeError("too much for a series of codes");
  return Array.from({ length: total }, (_, place) => {
    const head = `${FORM}/${id}/${place + 1}/${total}`;
    const data = base45(packed.subarray(place * size, (place + 1) * size));
    return `${head}/${hex(crc32(`${head}/${data}`))}/${data}`;
  });
}

/** Gathers pieces in any order. `add(text)`: "taken", "again", "other" (of another series) or "wrong". */
export class Gatherer {
  constructor() {
    this.id = null;
    this.total = 0;
    this.pieces = new Map();
  }

  add(text) {
    const piece = readFrame(text);
    if (!piece) return "wrong";
    if (this.id === null) [this.id, this.total] = [piece.id, piece.total];
    if (piece.id !== this.id || piece.total !== this.total) return "other";
    if (this.pieces.has(piece.index)) return "again";
    this.pieces.set(piece.index, piece.data);
    return "taken";
  }

  get isWhole() {
    return this.total > 0 && this.pieces.size === this.total;
  }

  /** Numbers of the pieces that are still to be read. */
  get missing() {
    return Array.from({ length: this.total }, (_, place) => place + 1).filter((index) => !this.pieces.has(index));
  }

  /** The bytes; throws when they are not those that were shown. */
  async bytes() {
    if (!this.isWhole) throw new Error("pieces are missing");
    const packed = joined(Array.from({ length: this.total }, (_, place) => this.pieces.get(place + 1)));
    if (await idOf(packed) !== this.id) throw new Error("the whole is not what was shown");
    return through(packed, new DecompressionStream("deflate-raw"));
  }
}

/** One piece, or null for what is none or has a wrong character. */
export function readFrame(text) {
  const parts = text.split("/");
  const [form, id, index, total, check] = parts;
  const data = parts.slice(5).join("/");  // base45 has a slash of its own
  if (form !== FORM || parts.length < 6 || !/^[0-9A-F]{8}$/.test(id) || !/^[0-9A-F]{8}$/.test(check)) return null;
  if (!/^[1-9][0-9]{0,3}$/.test(index) || !/^[1-9][0-9]{0,3}$/.test(total)) return null;
  if (Number(index) > Number(total) || Number(total) > MOST_PIECES) return null;
  if (hex(crc32(`${form}/${id}/${index}/${total}/${data}`)) !== check) return null;
  const bytes = fromBase45(data);
  return bytes && { id, index: Number(index), total: Number(total), data: bytes };
}

export function base45(bytes) {
  let text = "";
  for (let place = 0; place < bytes.length; place += 2) {
    const two = place + 1 < bytes.length;
    let value = two ? bytes[place] * 256 + bytes[place + 1] : bytes[place];
    for (let digit = two ? 3 : 2; digit > 0; digit--) {
      text += ALPHABET[value % 45];
      value = Math.floor(value / 45);
    }
  }
  return text;
}

/** The bytes, or null where the text stands for none. */
export function fromBase45(text) {
  if (text.length % 3 === 1) return null;
  const bytes = [];
  for (let place = 0; place < text.length; place += 3) {
    const digits = [...text.slice(place, place + 3)].map((one) => ALPHABET.indexOf(one));
    if (digits.includes(-1)) return null;
    const value = digits.reduceRight((sum, digit) => sum * 45 + digit, 0);
    if (value > (digits.length === 3 ? 65535 : 255)) return null;
    if (digits.length === 3) bytes.push(value >> 8);
    bytes.push(value & 255);
  }
  return Uint8Array.from(bytes);
}

const TABLE = Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function crc32(text) {
  let value = 0xffffffff;
  for (let place = 0; place < text.length; place++) value = TABLE[(value ^ text.charCodeAt(place)) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

const hex = (number) => number.toString(16).toUpperCase().padStart(8, "0");

async function idOf(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.subarray(0, 4), (one) => one.toString(16).padStart(2, "0")).join("").toUpperCase();
}

function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of pieces) {
    whole.set(one, at);
    at += one.length;
  }
  return whole;
}

/** Never more than the server would take: a few codes may unpack to a great deal. */
async function through(bytes, transform) {
  const reader = new Blob([bytes]).stream().pipeThrough(transform).getReader();
  const pieces = [];
  let size = 0;
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw new RangeError("too large");
    }
    pieces.push(value);
  }
  return joined(pieces);
}
