// What lies under what moves: the base map, outlines, the operator's own points. Without any of them the
// graticule is the map; no outline is drawn that has no source and no approval number (审图号).
import { say } from "./load.js";

const SIGN = { hazard: "B10100", shelter: "D60100", hospital: "D50100", depot: "D30100", team: "D20400" };
const TONE = { hazard: "orange", earthquake: "red", typhoon: "blue" };
const HIDDEN = "fenghuo-map-hidden", BASE = "fenghuo-map-base";

export class Layers {
  constructor(panel) {
    this.panel = panel;
    this.about = { home: [118.5, 39.3, 119.95, 40.65], symbols: {}, symbol_names: {}, sources: [] };
    this.list = [];
    this.read = new Map();  // by id and version: a layer is read once
    this.hidden = new Set(kept(HIDDEN, []));
  }

  get home() {
    const outlines = this.shown().filter((one) => one.kind === "outline");
    return boxOf(outlines.flatMap((one) => one.content.features)) ?? this.about.home;
  }

  /** The base map that was chosen here, or the first; "" is none. */
  get base() {
    const { sources } = this.about, chosen = this.panel.isTouched ? kept(BASE, null) : null;
    return chosen === "" ? null : sources.find((one) => one.id === chosen) ?? sources[0] ?? null;
  }

  chooseBase(id) {
    this.hasFailed = false;
    keep(BASE, id);
    this.panel.build();
  }

  async load() {
    const [about] = await Promise.all([this.panel.fetched("/map/about"), this.loadList()]);
    if (about) this.about = about;
  }

  async loadList() {
    const said = await this.panel.fetched("/api/v1/map/layers");
    if (!said) return;
    this.list = said.layers;
    await Promise.all(this.list.filter((one) => !this.hidden.has(one.layer_id)).map((one) => this.content(one)));
  }

  async content(one) {
    const key = `${one.layer_id}:${one.version}`;
    if (!this.read.has(key)) {
      const said = await this.panel.fetched(`/api/v1/map/layers/${one.layer_id}`);
      if (said) this.read.set(key, said);
    }
    return this.read.get(key);
  }

  /** Those that are switched on and here. */
  shown() {
    return this.list.filter((one) => !this.hidden.has(one.layer_id))
      .map((one) => ({ ...one, content: this.read.get(`${one.layer_id}:${one.version}`) })).filter((one) => one.content);
  }

  async toggle(id, isOn) {
    if (isOn) this.hidden.delete(id);
    else this.hidden.add(id);
    keep(HIDDEN, [...this.hidden]);
    const one = this.list.find((layer) => layer.layer_id === id);
    if (one && isOn) await this.content(one);
    this.show();
  }

  sign(symbol) {
    return this.about.symbols[symbol] ?? "";
  }

  addBase(map) {
    const { base, panel: { L } } = this;
    if (!base) return;
    for (const id of [base.id, ...base.over ?? []]) {
      L.tileLayer(`/map/tiles/${id}/{z}/{x}/{y}`, {
        minZoom: base.min_zoom, maxZoom: base.max_zoom, zoomOffset: base.matrix === "c" ? 1 : 0, detectRetina: false,
      }).on("tileerror", () => this.failed(true)).on("tileload", () => this.failed(false)).addTo(map);
    }
  }

  /** A base that does not come is said in words: an empty ground must not pass for an empty map. */
  failed(isSo) {
    if (this.hasFailed === isSo) return;
    this.hasFailed = isSo;
    if (this.panel.state) this.panel.tell();
  }

  style({ properties: { layer } }) {
    const { colours } = this.panel, scale = this.panel.scale(), tone = colours[TONE[layer]] ?? colours["line-strong"];
    if (layer === "outline") return { color: colours["line-strong"], weight: 1.4 * scale, fill: true, fillColor: colours.raised, fillOpacity: this.base ? 0 : 0.55 };
    return { color: tone, weight: 2.5 * scale, fill: layer === "area", fillColor: tone, fillOpacity: 0.1 };
  }

  /** Put areas and lines under, points and names on top. */
  show() {
    const { panel } = this, points = [], places = [], flat = [];
    for (const { kind, title, content, layer_id } of this.shown()) {
      if (kind === "typhoon") flat.push(...tracks(content.features));
      for (const { id, geometry, properties: p } of content.features) {
        if (geometry.type !== "Point") flat.push({ type: "Feature", geometry, properties: { layer: kind } });
        if (geometry.type === "Point") points.push(point(kind, title, `${layer_id}:${id}`, geometry.coordinates, p, this));
        else if (kind === "outline") {
          const [lon, lat] = middle(geometry);
          places.push({ id: `${layer_id}:${id}`, lon, lat, label: p.name, from: String(p.division ?? "").length > 6 ? 11 : 0 });
        }
      }
    }
    panel.outlines.clearLayers().addData({ type: "FeatureCollection", features: flat });
    panel.signs.set("point", points);
    panel.signs.set("place", places);
    panel.top.redraw();
  }

  /** Whose outlines and whose base these are. */
  said() {
    const outlines = this.shown().filter((one) => one.kind === "outline").map((one) => `${one.source} ${one.approval}`);
    const base = this.base, parts = [...new Set(outlines)];
    if (base) parts.push(`${base.name} ${base.approval ?? ""} ${base.attribution ?? ""}`.trim());
    if (base && this.hasFailed) parts.push(say("map.base_failed"));
    if (!parts.length) return say("map.no_outline");
    return say("map.sources", { sources: parts.join("; ") });
  }
}

function point(kind, title, id, [lon, lat], p, layers) {
  const made = { id, lon, lat, label: p.name || title, sign: layers.sign(SIGN[kind]), tone: TONE[kind], properties: { ...p, name: p.name || title, layer_name: title }, from: 9 };
  if (kind === "earthquake") Object.assign(made, { label: p.magnitude ? `M${p.magnitude}` : p.name, sign: "震", weight: Number(p.magnitude) || 0, from: 0, since: moment(p.at) });
  if (kind === "typhoon") Object.assign(made, { label: [p.name, p.at].filter(Boolean).join(" "), sign: "台", from: 0 });
  return made;
}

/** The way of each typhoon, where it came as points in their order. */
function tracks(features) {
  const ways = new Map();
  for (const { geometry, properties: p } of features) {
    if (geometry.type !== "Point") continue;
    const name = p.track ?? p.name;
    if (ways.has(name)) ways.get(name).push(geometry.coordinates);
    else ways.set(name, [geometry.coordinates]);
  }
  return [...ways.values()].filter((way) => way.length > 1).map((coordinates) => ({ type: "Feature", geometry: { type: "LineString", coordinates }, properties: { layer: "typhoon" } }));
}

/** Milliseconds since 1970, or an instant as people write it. */
function moment(at) {
  const made = typeof at === "number" ? at : Date.parse(at);
  return Number.isFinite(made) ? made : undefined;
}

/** Where a name stands: the middle of the largest ring, by its area. */
function middle({ type, coordinates }) {
  const rings = type === "Polygon" ? [coordinates[0]] : type === "MultiPolygon" ? coordinates.map(([ring]) => ring) : [type === "MultiLineString" ? coordinates[0] : coordinates];
  let best = [0, ...rings[0][0]];
  for (const ring of rings) {
    let [sum, x, y] = [0, 0, 0];
    for (let i = 0; i + 1 < ring.length; i += 1) {
      const cross = ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
      sum += cross;
      x += (ring[i][0] + ring[i + 1][0]) * cross;
      y += (ring[i][1] + ring[i + 1][1]) * cross;
    }
    if (Math.abs(sum) > best[0]) best = [Math.abs(sum), x / (3 * sum), y / (3 * sum)];
  }
  return best.slice(1);
}

function boxOf(features) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const take = (part) => {
    if (typeof part[0] !== "number") return part.forEach(take);
    box[0] = Math.min(box[0], part[0]);
    box[1] = Math.min(box[1], part[1]);
    box[2] = Math.max(box[2], part[0]);
    box[3] = Math.max(box[3], part[1]);
  };
  for (const { geometry } of features) take(geometry.coordinates);
  return box[0] <= box[2] ? box : null;
}

function kept(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch { /* it is chosen again next time */ }
}
