// The map as a panel: <section data-panel="map"> is filled here, on the wall, at the desk, on an incident's page.
// data-incident: that one alone; data-controls="none": nobody touches it. It asks this server and no other.
import { canvasLayer, graticule, palette } from "./canvas.js";
import { edge } from "./datum.js";
import { Layers } from "./layers.js";
import { loadLeaflet, say } from "./load.js";
import { Signs } from "./signs.js";

const WAIT_MS = 300, MOST_WAIT_MS = 1500, AGE_EVERY_MS = 10_000;
const STYLE = {
  perimeter: { tone: "red", fill: 0.18, width: 3 }, front: { tone: "red", width: 5 }, cordon: { tone: "orange", fill: 0.12, width: 3, dash: [10, 6] },
  evacuation: { tone: "blue", fill: 0.12, width: 2, dash: [4, 5] }, route: { tone: "blue", width: 4 }, blocked: { tone: "ink", width: 5, dash: [2, 8] },
  note: { tone: "dim", width: 2 }, symbol: { tone: "ink", width: 2 },
};
const WARN_TONE = { engaged: "orange", arrived: "yellow", en_route: "blue" };
// News of an incident that can change nothing on a map.
const STILL = new Set(["report_edited", "report_drafted", "obligation_due_soon", "prompt_due"]);

export class MapPanel extends EventTarget {
  /** `fetched(path)`: where answers come from, when that is not simply this server. */
  static async mount(section, fetched = null) {
    if (section.mapPanel) return section.mapPanel;
    const panel = section.mapPanel = new MapPanel(section);
    if (fetched) panel.fetched = fetched;
    await panel.start();
    return panel;
  }

  constructor(section) {
    super();
    this.section = section;
    this.incident = section.dataset.incident || null;
    this.isTouched = section.dataset.controls !== "none";
    this.state = null;
    this.heard = new Map();  // of people: what came by the stream and no answer has had yet
    this.isLocked = false;
    this.shownSet = "";
    this.scale = () => this.size ?? 1;
  }

  async start() {
    const { section } = this;
    section.classList.add("map-panel");
    this.box = section.appendChild(Object.assign(document.createElement("div"), { className: "map-box" }));
    this.foot = section.appendChild(Object.assign(document.createElement("p"), { className: "map-foot" }));
    this.L = await loadLeaflet((path) => this.fetched(path));
    this.box.setAttribute("role", "application");
    this.box.setAttribute("aria-label", say("map.title"));
    this.colours = palette(section, () => this.recolour());
    this.measure();
    this.edge = edge("cgcs2000");
    this.signs = new Signs(this.colours, this.scale, (x, y) => this.edge.put(x, y), { drill: say("map.drill"), age });
    this.layers = new Layers(this);
    await this.layers.load();
    this.build();
    new ResizeObserver(() => this.resized()).observe(this.box);
    const { signal } = this.ending = new AbortController();
    document.addEventListener("fenghuo:entry", ({ detail }) => this.hear(detail), { signal });
    document.addEventListener("fenghuo:refresh", () => this.soon(), { signal });
    this.ageing = setInterval(() => this.isGone() || this.top?.redraw(), AGE_EVERY_MS);
    await this.refresh();
    this.dispatchEvent(new Event("ready"));
  }

  /** Another incident stands where this one did: nobody hears for a map that is nowhere. */
  isGone() {
    if (this.section.isConnected) return false;
    this.ending.abort();
    clearInterval(this.ageing);
    clearTimeout(this.waiting);
    return true;
  }

  measure() {
    this.size = Math.max(1, parseFloat(getComputedStyle(this.section).fontSize) / 14);
  }

  /** The Leaflet map, anew when the base map has other tiles: what was looked at stays. */
  build() {
    const { L } = this, base = this.layers.base, before = this.map?.getBounds();
    this.map?.remove();
    this.edge = edge(base?.datum);
    const crs = base?.matrix === "c" ? L.CRS.EPSG4326 : L.CRS.EPSG3857;
    this.map = L.map(this.box, {
      crs, attributionControl: false, zoomControl: false, zoomAnimation: false, fadeAnimation: false, inertia: false, zoomSnap: base ? 1 : 0.25,
      preferCanvas: true, minZoom: base?.min_zoom ?? 4, maxZoom: base?.max_zoom ?? 18, dragging: this.isTouched, keyboard: this.isTouched,
      scrollWheelZoom: this.isTouched, doubleClickZoom: this.isTouched, boxZoom: this.isTouched, touchZoom: this.isTouched, maxBoundsViscosity: 0,
    });
    if (before?.isValid() && this.box.clientWidth && this.box.clientHeight) this.map.fitBounds(before);
    else this.fit(this.layers.home);
    const Canvas = canvasLayer(L);
    this.layers.addBase(this.map);
    this.grid = new Canvas(graticule(this.colours, this.edge.take, this.edge.put, this.scale), { pane: "tilePane" }).addTo(this.map);
    this.renderer = L.canvas({ padding: 0.2 });
    this.outlines = L.geoJSON(null, this.drawn((feature) => this.layers.style(feature, this.colours))).addTo(this.map);
    this.drawings = L.geoJSON(null, this.drawn((feature) => this.styleOf(feature.properties))).addTo(this.map);
    this.top = new Canvas((...said) => this.signs.paint(...said), { pane: "markerPane" }).addTo(this.map);
    if (this.isTouched) {
      L.control.zoom({ position: "topleft", zoomInTitle: say("map.zoom_in"), zoomOutTitle: say("map.zoom_out") }).addTo(this.map);
      L.control.scale({ imperial: false, maxWidth: 140 * this.scale() }).addTo(this.map);
      this.map.on("dragstart", () => this.lock());
      this.box.addEventListener("wheel", () => this.lock(), { passive: true });
      this.map.on("click", (event) => this.clicked(event));
    } else L.control.scale({ imperial: false, maxWidth: 140 * this.scale() }).addTo(this.map);
    this.signs.renew();
    this.layers.show();
    this.show();
    this.dispatchEvent(new Event("built"));
  }

  /** Areas and lines by the one canvas, each point turned into the base's datum; points are signs, not these. */
  drawn(style) {
    const { L } = this;
    return {
      renderer: this.renderer, style, interactive: false, filter: (feature) => feature.geometry && feature.geometry.type !== "Point",
      coordsToLatLng: ([lon, lat]) => {
        const [x, y] = this.edge.put(lon, lat);
        return L.latLng(y, x);
      },
    };
  }

  styleOf({ kind, drill }) {
    const style = STYLE[kind] ?? STYLE.note, scale = this.scale(), dash = drill ? [6, 6] : style.dash;
    return {
      color: this.colours[style.tone], weight: style.width * scale, fillColor: this.colours[style.tone], fillOpacity: style.fill ?? 0,
      dashArray: dash?.map((one) => one * scale).join(" "), fill: Boolean(style.fill),
    };
  }

  // ------------------------------------------------------------ what stands on it

  async refresh() {
    const asked = this.incident ? `?incident=${this.incident}` : "";
    const said = await this.fetched(`/api/v1/map${asked}`);
    // An answer that was slow is of before: what was asked later, or came by the stream meanwhile, is newer.
    if (said && !(said.epoch === this.state?.epoch && said.head < this.state.head)) {
      this.state = said;
      this.overtake(said.people.features);
      this.show();
    }
    this.dispatchEvent(new CustomEvent("state", { detail: this.state }));
  }

  async fetched(path) {
    try {
      const answer = await fetch(path, { signal: AbortSignal.timeout(10_000) });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  soon() {
    clearTimeout(this.waiting);
    this.first ??= performance.now();
    const wait = Math.max(0, Math.min(WAIT_MS, this.first + MOST_WAIT_MS - performance.now()));
    this.waiting = setTimeout(() => {
      this.first = null;
      this.refresh();
    }, wait);
  }

  /** One entry of the stream: a position moves its sign at once, anything else is asked for again. */
  hear(entry) {
    if (this.isGone() || this.film || !entry.incident_id || (this.incident && entry.incident_id !== this.incident)) return;
    const said = entry.event;
    if (STILL.has(said.type)) return;
    if (said.type === "position_reported") {
      const id = `${entry.incident_id}:${said.unit ?? ""}:${said.person}`;
      const known = this.signs.things.get(`person:${id}`);
      if (known && known.since >= Date.parse(said.at)) return;
      if (this.move(id, said.lon, said.lat, said.at)) return;
    }
    this.soon();
  }

  move(id, lon, lat, at) {
    this.heard.set(id, { lon, lat, at });
    if (!this.signs.move("person", id, lon, lat, { since: Date.parse(at) })) return false;
    this.signs.things.get(`person:${id}`).properties.at = at;  // which the lists and the state have, too
    this.top.redraw();
    return true;
  }

  /** People as the stream had them last, where that is later than what was answered. */
  overtake(people) {
    const there = new Map(people.map((one) => [one.id, one]));
    for (const [id, { lon, lat, at }] of this.heard) {
      const one = there.get(id);
      if (!one || Date.parse(one.properties.at) > Date.parse(at)) this.heard.delete(id);
      else {
        one.geometry.coordinates = [lon, lat];
        one.properties.at = at;
      }
    }
  }

  show() {
    if (!this.state || !this.map || this.film) return;
    const { incidents, people, drawings } = this.state;
    this.overtake(people.features);
    this.place({ incidents: incidents.features, people: people.features, drawings: drawings.features });
    this.keepInView(incidents.features, people.features, drawings.features);
    this.tell();
  }

  /** Put these on the map, of now or of a moment of the film. */
  place({ incidents, people, drawings }) {
    const located = incidents.filter((one) => one.geometry);
    this.signs.set("incident", located.map(({ id, geometry, properties: p }) => ({
      id, lon: geometry.coordinates[0], lat: geometry.coordinates[1], level: p.level, drill: p.drill,
      sign: this.layers.sign(p.symbol), label: p.title, weight: rank(p.level), properties: p,
    })));
    this.signs.set("person", people.map(({ id, geometry, properties: p }) => ({
      id, lon: geometry.coordinates[0], lat: geometry.coordinates[1], since: Date.parse(p.at), label: p.person, drill: p.drill,
      sign: [...p.person][0], tone: WARN_TONE[p.status], properties: p,
    })));
    this.signs.set("drawing", drawings.filter((one) => one.geometry.type === "Point").map(({ id, geometry, properties: p }) => ({
      id, lon: geometry.coordinates[0], lat: geometry.coordinates[1], sign: this.layers.sign(p.symbol), label: p.label ?? p.name, drill: p.drill, properties: p,
    })));
    this.drawings.clearLayers().addData({ type: "FeatureCollection", features: drawings });
    this.top.redraw();
  }

  /** The view follows the set of incidents, and nothing else; a hand on the map and it stays (G21). */
  keepInView(incidents, people, drawings) {
    const set = incidents.map((one) => `${one.id}${one.geometry?.coordinates ?? ""}`).sort().join(" ");
    if (set === this.shownSet || this.isLocked) return;
    this.shownSet = set;
    const points = [...incidents, ...(this.incident ? [...people, ...drawings] : [])].flatMap((one) => one.geometry ? corners(one.geometry.coordinates) : []);
    if (!points.length) return this.fit(this.layers.home);
    const lons = points.map(([lon]) => lon), lats = points.map(([, lat]) => lat);
    this.fit([Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)], this.incident ? 15 : 12);
  }

  /** What has no room yet, on a scene that is not shown, is fitted when it gets some: Leaflet would find no zoom. */
  fit(area, most = 13) {
    const { clientWidth: wide, clientHeight: high } = this.box;
    this.unfitted = wide && high ? null : [area, most];
    if (this.unfitted) return;
    const [west, south, east, north] = area, margin = Math.min(40 * this.scale(), wide / 4, high / 4);
    const [[x1, y1], [x2, y2]] = [this.edge.put(west, south), this.edge.put(east, north)];
    this.map.fitBounds([[y1, x1], [y2, x2]], { maxZoom: most - (this.layers.base?.matrix === "c" ? 1 : 0), padding: [margin, margin], animate: false });
  }

  lock() {
    if (this.isLocked) return;
    this.isLocked = true;
    this.dispatchEvent(new Event("locked"));
  }

  follow() {
    this.isLocked = false;
    this.shownSet = "";
    this.show();
    this.dispatchEvent(new Event("locked"));
  }

  goTo(kind, id) {
    const one = this.signs.things.get(`${kind}:${id}`);
    if (!one) return false;
    this.lock();
    this.signs.chosen = `${kind}:${id}`;
    this.map.setView([one.at[1], one.at[0]], Math.max(this.map.getZoom(), 12), { animate: false });
    this.top.redraw();
    return true;
  }

  clicked({ latlng, containerPoint }) {
    const [lon, lat] = this.edge.take(latlng.lng, latlng.lat);
    const things = this.signs.under(containerPoint.x, containerPoint.y);
    if (this.dispatchEvent(new CustomEvent("point", { detail: { lon, lat }, cancelable: true }))) {
      this.signs.chosen = things.length ? `${things[0].kind}:${things[0].id}` : null;
      this.top.redraw();
      this.dispatchEvent(new CustomEvent("chosen", { detail: { things, lon, lat } }));
    }
  }

  /** In words below: how much is here and of when, what is nowhere on it, and whose the outlines are. */
  tell() {
    const { incidents, people, as_of } = this.state, nowhere = incidents.features.filter((one) => !one.geometry).length;
    const parts = [say("map.counts", { incidents: incidents.features.length, people: people.features.length })];
    if (nowhere) parts.push(say("map.nowhere", { count: nowhere }));
    parts.push(this.layers.said(), say("map.as_of", { clock: clock(as_of) }));
    this.foot.textContent = parts.filter(Boolean).join(" · ");
  }

  recolour() {
    if (!this.map) return;
    this.signs.renew();
    this.layers.show();
    this.show();
    this.grid.redraw();
    this.top.redraw();
  }

  resized() {
    this.measure();
    this.map?.invalidateSize({ animate: false, pan: false });
    if (this.unfitted) this.fit(...this.unfitted);
    if (!this.isLocked) this.follow();
  }
}

const rank = (level) => ["ordinary", "larger", "major", "especially_major"].indexOf(level) + 1;
const corners = (part) => typeof part[0] === "number" ? [part] : part.flatMap(corners);
/** 14:03:21; of another day with its date. */
function clock(text) {
  const said = new Date(Date.parse(text) + 8 * 3600_000).toISOString();
  return (Date.now() - Date.parse(text) > 10 * 3600_000 ? `${said.slice(5, 10)} ` : "") + said.slice(11, 19);
}

export function age(seconds) {
  if (seconds < 3600) return say("map.age_min", { count: Math.floor(seconds / 60) });
  return seconds < 172_800 ? say("map.age_hours", { count: Math.floor(seconds / 3600) }) : say("map.age_days", { count: Math.floor(seconds / 86_400) });
}

/** Every panel of the page that is to be seen; one in a closed <details> is filled when it opens. */
export function mountAll() {
  for (const section of document.querySelectorAll('section[data-panel="map"]')) {
    if (section.checkVisibility()) MapPanel.mount(section);
  }
}
