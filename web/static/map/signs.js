// Signs on the map: incidents, people, points; each a small picture that is drawn once and then only copied.
// Word, shape and colour: a level is a colour, so many bars and a word in the label; age fades and is written.
const FRESH_S = 300, OLD_S = 3600;
const LEVEL = { especially_major: ["red", 4], major: ["orange", 3], larger: ["yellow", 2], ordinary: ["blue", 1] };
const MOST_PIXELS = 24_000_000;  // of small pictures kept: a wall runs for a month, and every minute has its words

export class Signs {
  /** `put`: from stored degrees to those of the base map; `scale`: how large a sign is drawn. */
  constructor(colours, scale, put, words) {
    Object.assign(this, { colours, scale, put, words });
    this.things = new Map();
    this.sprites = new Map();
    this.chosen = null;
    this.now = () => Date.now();
  }

  /** Everything of a kind at once: `[{id, kind, lon, lat, …}]`. */
  set(kind, things) {
    for (const [id, one] of this.things) if (one.kind === kind) this.things.delete(id);
    for (const one of things) this.things.set(`${kind}:${one.id}`, { ...one, kind, at: this.put(one.lon, one.lat) });
    this.order();
  }

  /** One of them is elsewhere now. */
  move(kind, id, lon, lat, more) {
    const one = this.things.get(`${kind}:${id}`);
    if (!one) return false;
    Object.assign(one, more);
    one.lon = lon;
    one.lat = lat;
    one.at = this.put(lon, lat);
    return true;
  }

  order() {
    const rank = { place: 0, point: 1, person: 2, drawing: 3, incident: 4 };
    this.sorted = [...this.things.values()].sort((a, b) => rank[a.kind] - rank[b.kind] || (a.weight ?? 0) - (b.weight ?? 0));
  }

  /** The colours or the base have changed. */
  renew() {
    this.forget();
    for (const one of this.things.values()) one.at = this.put(one.lon, one.lat);
  }

  forget() {
    this.sprites.clear();
    this.pixels = 0;
  }

  /** `pad`: so far over the window's edges. */
  paint(context, size, map, pad) {
    if (this.pixels > MOST_PIXELS) this.forget();
    const now = this.now(), scale = this.scale(), zoom = map.getZoom();
    const shown = [];
    for (const one of this.sorted ?? []) {
      if (one.from && zoom < one.from) continue;
      const { x, y } = map.latLngToContainerPoint([one.at[1], one.at[0]]);
      one.x = x;
      one.y = y;
      one.seen = x > -40 - pad && y > -40 - pad && x < size.x + 40 + pad && y < size.y + 40 + pad;
      if (!one.seen) continue;
      const age = one.since ? Math.max(0, (now - one.since) / 1000) : 0;
      one.alpha = one.since ? age < FRESH_S ? 1 : age < OLD_S ? 0.65 : 0.4 : 1;
      if (one.kind !== "place") {
        const sprite = this.sprite(`${one.kind}|${one.level}|${one.sign}|${one.drill}|${one.tone}|${age >= OLD_S}|${scale}`, () => this.draw(one, age >= OLD_S, scale));
        context.globalAlpha = one.alpha;
        context.drawImage(sprite.image, x - sprite.width / 2, y - sprite.height / 2, sprite.width, sprite.height);
        one.size = sprite.width / 2;
      } else one.size = 0;
      shown.push([one, age]);
    }
    context.globalAlpha = 1;
    this.label(context, shown.reverse(), scale);
    const chosen = this.things.get(this.chosen);
    if (chosen?.seen) {
      context.strokeStyle = this.colours.focus;
      context.lineWidth = 3 * scale;
      context.strokeRect(chosen.x - 18 * scale, chosen.y - 18 * scale, 36 * scale, 36 * scale);
    }
  }

  /** Labels where there is room, the weightiest first; what has no label keeps its sign. */
  label(context, shown, scale) {
    const taken = new Set(), cell = 12 * scale;
    for (const [one, age] of shown) {
      let text = one.label ?? "";
      if (one.since && age >= FRESH_S) text += ` ${this.words.age(age)}`;
      if (!text) continue;
      const sprite = this.sprite(`t|${text}|${one.kind === "place"}|${one.level}|${scale}`, () => this.write(text, one, scale));
      const left = one.kind === "place" ? one.x - sprite.width / 2 : one.x + one.size + 2 * scale, top = one.y - sprite.height / 2;
      const cells = [];
      for (let x = Math.floor(left / cell); x <= Math.floor((left + sprite.width) / cell); x += 1) {
        for (let y = Math.floor(top / cell); y <= Math.floor((top + sprite.height) / cell); y += 1) cells.push(x * 4096 + y);
      }
      if (one.kind !== "incident" && cells.some((at) => taken.has(at))) continue;
      for (const at of cells) taken.add(at);
      context.globalAlpha = Math.max(0.75, one.alpha ?? 1);
      context.drawImage(sprite.image, left, top, sprite.width, sprite.height);
    }
    context.globalAlpha = 1;
  }

  sprite(key, make) {
    let found = this.sprites.get(key);
    if (!found) this.sprites.set(key, found = make());
    return found;
  }

  blank(width, height) {
    const ratio = Math.min(2, devicePixelRatio || 1), image = document.createElement("canvas");
    image.width = Math.ceil(width * ratio);
    image.height = Math.ceil(height * ratio);
    this.pixels = (this.pixels ?? 0) + image.width * image.height;
    const context = image.getContext("2d");
    context.scale(ratio, ratio);
    return { image, context, width, height };
  }

  write(text, one, scale) {
    const size = Math.round((one.kind === "incident" ? 13 : one.kind === "place" ? 12 : 11) * scale);
    const font = `${one.kind === "incident" ? "bold " : ""}${size}px ${this.colours.font}`;
    const measure = this.measuring ??= document.createElement("canvas").getContext("2d");
    measure.font = font;
    const cut = text.length > 26 ? `${[...text].slice(0, 25).join("")}…` : text;
    const sprite = this.blank(measure.measureText(cut).width + 8 * scale, size * 1.5);
    const { context } = sprite;
    context.font = font;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 4 * scale;
    context.strokeStyle = this.colours.raised;
    context.fillStyle = one.kind === "place" ? this.colours.dim : this.colours.ink;
    context.strokeText(cut, 4 * scale, size * 0.78);
    context.fillText(cut, 4 * scale, size * 0.78);
    return sprite;
  }

  draw(one, isOld, scale) {
    return one.kind === "incident" ? this.drawIncident(one, scale) : this.drawRound(one, isOld, scale);
  }

  drawIncident(one, scale) {
    const side = 26 * scale, sprite = this.blank(side * 1.5, side * 1.7), { context } = sprite;
    const [name, bars] = LEVEL[one.level] ?? ["cell-empty", 0], x = side * 0.25, y = side * 0.2;
    context.fillStyle = this.colours[name];
    context.fillRect(x, y, side, side);
    context.lineWidth = 2 * scale;
    context.strokeStyle = this.colours.ink;
    if (one.drill) context.setLineDash([4 * scale, 3 * scale]);
    context.strokeRect(x, y, side, side);
    context.setLineDash([]);
    this.character(context, one.drill ? this.words.drill : one.sign, x + side / 2, y + side / 2, 16 * scale, bars ? "#000" : this.colours.ink);
    for (let bar = 0; bar < Math.max(1, bars); bar += 1) {
      context.fillStyle = this.colours[name];
      context.strokeStyle = this.colours.ink;
      context.lineWidth = scale;
      const wide = side / 4.6;
      context.fillRect(x + bar * side / 4, y + side + 3 * scale, wide, 5 * scale);
      context.strokeRect(x + bar * side / 4, y + side + 3 * scale, wide, 5 * scale);
    }
    return sprite;
  }

  /** People are round, points stand on a corner, plotted signs are square. An old position is hollow. */
  drawRound(one, isOld, scale) {
    const side = (one.kind === "person" ? 18 : 22) * scale, sprite = this.blank(side * 1.4, side * 1.4), { context } = sprite;
    const middle = side * 0.7;
    context.beginPath();
    if (one.kind === "person") context.arc(middle, middle, side / 2, 0, 2 * Math.PI);
    else if (one.kind === "drawing") context.rect(middle - side / 2, middle - side / 2, side, side);
    else for (const [dx, dy] of [[0, -1], [1, 0], [0, 1], [-1, 0]]) context.lineTo(middle + dx * side * 0.64, middle + dy * side * 0.64);
    context.closePath();
    context.fillStyle = one.tone ? this.colours[one.tone] : this.colours.raised;
    if (!isOld) context.fill();
    context.lineWidth = 2 * scale;
    context.strokeStyle = this.colours.ink;
    if (isOld || one.drill) context.setLineDash([3 * scale, 3 * scale]);
    context.stroke();
    if (one.sign) this.character(context, one.sign, middle, middle, 12 * scale, isOld ? this.colours.ink : one.tone ? "#000" : this.colours.ink);
    return sprite;
  }

  character(context, text, x, y, size, colour) {
    if (!text) return;
    context.font = `bold ${Math.round(size)}px ${this.colours.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = colour;
    context.fillText(text, x, y + size * 0.06);
  }

  /** What lies under a point of the window, the uppermost first. */
  under(x, y, most = 8) {
    const near = 16 * this.scale();
    return [...(this.sorted ?? [])].reverse().filter((one) => one.seen && one.kind !== "place" && Math.hypot(one.x - x, one.y - y) <= near).slice(0, most);
  }
}
