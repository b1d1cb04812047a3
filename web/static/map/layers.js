// What lies under what moves: the base map, outlines, the operator's own points. Without any of them the
// graticule is the map; no outline is drawn that has no source and no approval number.
import { say } from "./load.js";

export class Layers {
  constructor(panel) {
    this.panel = panel;
    this.base = null;
    this.about = { home: [118.5, 39.3, 119.95, 40.65], symbols: {}, sources: [] };
  }

  get home() {
    return this.about.home;
  }

  async load() {
    const said = await this.panel.fetched("/map/about");
    if (said) this.about = said;
  }

  sign(symbol) {
    return this.about.symbols[symbol] ?? "";
  }

  addBase() {}

  style() {
    return {};
  }

  show() {}

  said() {
    return say("map.no_outline");
  }
}
