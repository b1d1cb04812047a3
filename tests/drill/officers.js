// In the page: one deed after another through the tablet's own outbox, as its forms do, without a thumb.
const of = (name) => import(document.querySelector("script[type=module]").src.replace(/start\.js$/, name));

async function doIt({ incident, opens, marks = [], heads = [], photos = [], edge }) {
  const [{ Outbox }, { get }, { newId, knownTime }, { asFile }] = await Promise.all(["outbox.js", "db.js", "tablet.js", "media.js"].map(of));
  const { person } = await get("meta", "state");
  const box = globalThis.drillBox ??= new Outbox();
  await box.open(person);
  const sizes = [];
  if (opens) {
    const { ago_ms: ago = 0, ...body } = opens;
    await box.add("open-incident", { incident_id: incident, ...body, known_at: new Date(Date.parse(knownTime()) - ago).toISOString() });
  }
  for (const text of marks) await box.add("add-entry", { incident_id: incident, entry_id: newId(), kind: "note", text, happened_at: knownTime() });
  for (const people of heads) await box.add("count-heads", { incident_id: incident, count_id: newId(), direction: "in", people, at: knownTime() });
  for (const mark of photos) {
    const blob = await noise(edge), file = await asFile(blob, `${mark}.jpg`, incident, mark);
    sizes.push(blob.size);
    await box.add("add-attachment", { incident_id: incident, attachment_id: file.attachment_id, file_name: `${mark}.jpg`, note: mark }, { beside: file });
  }
  return sizes;
}

/** A picture that nothing makes smaller. */
async function noise(edge) {
  const canvas = new OffscreenCanvas(edge, Math.round(edge * 3 / 4)), brush = canvas.getContext("2d");
  const image = brush.createImageData(canvas.width, canvas.height), dots = new Uint32Array(image.data.buffer);
  for (let at = 0; at < dots.length; at++) dots[at] = 0xff000000 | Math.floor(Math.random() * 0xffffff);
  brush.putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 });
}

/** The outbox as it lies on the disk, in the order of his deeds. */
async function kept() {
  const { all } = await of("db.js");
  return (await all("outbox")).sort((a, b) => a.seq - b.seq).map(({ body, ...one }) => ({
    ...one, text: body.text ?? body.note ?? body.title ?? "", attachment_id: body.attachment_id,
  }));
}

/** Where this tablet stands in the stream. */
const state = async () => (await of("db.js")).get("meta", "state");
