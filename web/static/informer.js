// Whoever gives a tip is named in the restricted stream only: not in the words, the title, or the log's line.
const CHANNELS = new Set(["tip", "public_tip", "informer", "whistleblower", "internal_tip", "12350"]);
const PHONE = /(?<!\d)(?:1[3-9]\d{9}|0\d{2,3}-?\d{7,8})(?!\d)/g;
const MASK = "×××";

/** The body of a command with the informer's name and number left in `source` alone. */
export function withoutInformer(body) {
  if (!withoutInformer.applies(body.source?.channel)) return body;
  const said = [body.source.name, body.source.phone].filter(Boolean);
  const masked = (text) => said.reduce((rest, part) => rest.replaceAll(part, MASK), text).replace(PHONE, MASK);
  const kept = { ...body };
  for (const name of ["title", "words"]) if (kept[name]) kept[name] = masked(kept[name]);
  if (kept.place?.text) kept.place = { ...kept.place, text: masked(kept.place.text) };
  return kept;
}

withoutInformer.applies = (channel) => CHANNELS.has((channel ?? "").trim().toLowerCase());
