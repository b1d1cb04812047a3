// What a hand does on the map: measure, look around, plot. One tool at a time; Escape puts it away.
import { newId, sendUntilAnswered } from "../commands.js";
import { metres } from "./datum.js";
import { say } from "./load.js";

const SHAPE = { symbol: "point", note: "point", perimeter: "area", front: "line", cordon: "area", evacuation: "area", route: "line", blocked: "line" };

export class Tools {
  /** `said(text)`: where a tool speaks. */
  constructor(panel, said) {
    Object.assign(this, { panel, said, tool: null, points: [] });
    panel.addEventListener("point", (event) => {
      if (!this.tool) return;
      event.preventDefault();
      this.add([event.detail.lon, event.detail.lat]);
    });
    panel.addEventListener("built", () => this.draw());
    document.addEventListener("keydown", (event) => {
      if (!this.tool || event.isComposing) return;
      if (event.key === "Escape") this.stop();
      else if (event.key === "Enter" && !event.target.matches?.("input, select, textarea, button")) this.finish();
      else if (event.key === "Backspace" && !event.target.matches?.("input, textarea")) {
        event.preventDefault();
        this.points.pop();
        this.draw();
      }
    });
  }

  start(tool, about = {}) {
    this.stop();
    Object.assign(this, { tool, about, points: [] });
    this.panel.lock();
    this.said(say(`map.tool.${tool === "plot" ? SHAPE[about.kind] : tool}`));
    this.panel.dispatchEvent(new CustomEvent("tool", { detail: tool }));
  }

  stop() {
    this.tool = null;
    this.points = [];
    this.line?.remove();
    this.said("");
    this.panel.dispatchEvent(new CustomEvent("tool", { detail: null }));
  }

  add(point) {
    const last = this.points.at(-1);
    if (last && metres(last, point) < 0.5) return this.finish();  // the same place twice ends it
    if (this.tool === "place") return this.panel.dispatchEvent(new CustomEvent("placed", { detail: { lon: point[0], lat: point[1] } }));
    this.points.push(point);
    this.draw();
    if (this.tool === "around") return this.around(point);
    if (this.tool === "plot" && SHAPE[this.about.kind] === "point") return this.finish();
    if (this.tool === "measure") this.said(say("map.measured", { length: far(length(this.points)) }));
  }

  /** What is being drawn, over everything. */
  draw() {
    const { L, map, edge, colours } = this.panel;
    this.line?.remove();
    if (!this.points.length || !map) return;
    const at = this.points.map(([lon, lat]) => edge.put(lon, lat)).map(([x, y]) => [y, x]);
    const style = { color: colours.focus, weight: 3 * this.panel.scale(), dashArray: "6 4", interactive: false, renderer: this.panel.renderer };
    this.line = L.featureGroup([L.polyline(at, style), ...at.map((one) => L.circleMarker(one, { ...style, dashArray: null, radius: 5 * this.panel.scale() }))]).addTo(map);
  }

  async around([lon, lat]) {
    const within = this.about.metres;
    const said = await this.panel.fetched(`/api/v1/map/around?${new URLSearchParams({ lon: lon.toFixed(6), lat: lat.toFixed(6), m: within })}`);
    if (!said) return this.said(say("map.not_now"));
    const { L, map, edge, colours } = this.panel, [x, y] = edge.put(lon, lat);
    this.circle?.remove();
    this.circle = L.circle([y, x], { radius: within, color: colours.focus, weight: 2, fillOpacity: 0.06, interactive: false, renderer: this.panel.renderer }).addTo(map);
    map.fitBounds(this.circle.getBounds(), { animate: false });
    this.stop();
    this.panel.dispatchEvent(new CustomEvent("around", { detail: said }));
  }

  /** A line or an area has enough corners: it becomes a command, sent until it is answered. */
  async finish() {
    const { tool, about, points } = this;
    if (tool !== "plot") return this.stop();
    const shape = SHAPE[about.kind];
    if (points.length < { point: 1, line: 2, area: 3 }[shape]) return this.said(say("map.more_points"));
    const body = {
      command_id: newId(), incident_id: about.incident, drawing_id: about.drawing ?? newId(), at: new Date().toISOString(), kind: about.kind, shape,
      points: points.map(([lon, lat]) => [Number(lon.toFixed(6)), Number(lat.toFixed(6))]),
    };
    if (about.symbol && about.kind === "symbol") body.symbol = about.symbol;
    if (about.label) body.label = about.label;
    this.tool = null;
    await this.give("draw-on-map", body);
  }

  erase(incident, drawing) {
    return this.give("erase-from-map", { command_id: newId(), incident_id: incident, drawing_id: drawing, at: new Date().toISOString() });
  }

  async give(name, body) {
    this.said(say("map.sending"));
    const answer = await sendUntilAnswered(name, body, () => this.said(say("map.waiting")));
    this.stop();
    this.said(answer.stored ? say("map.stored") : answer.refused?.detail ?? say("map.not_now"));
    this.panel.soon();
  }
}

export const length = (points) => points.slice(1).reduce((sum, point, i) => sum + metres(points[i], point), 0);
export const far = (m) => m < 1000 ? `${Math.round(m)} m` : `${(m / 1000).toFixed(m < 10_000 ? 2 : 1)} km`;
