// A layer that is one canvas over the window of the map, painted anew at most once a frame. While a hand drags the
// map it reaches over the window's edges and moves with the rest, and is painted again only when they come near.
const PAD = 256;

export function canvasLayer(L) {
  return L.Layer.extend({
    initialize(paint, options) {
      L.setOptions(this, { pane: "overlayPane", ...options });
      this._paint = paint;
      this._pad = 0;
    },

    onAdd(map) {
      this._map = map;
      this._canvas = L.DomUtil.create("canvas", "map-canvas", this.getPane());
      this._canvas.setAttribute("aria-hidden", "true");
      map.on("zoom viewreset resize moveend", this.redraw, this).on("move", this._moved, this);
      map.on("dragstart", this._grasped, this).on("dragend", this._left, this);
      this.redraw();
      return this;
    },

    onRemove(map) {
      map.off("zoom viewreset resize moveend", this.redraw, this).off("move", this._moved, this);
      map.off("dragstart", this._grasped, this).off("dragend", this._left, this);
      cancelAnimationFrame(this._frame);
      this._frame = null;
      this._canvas.remove();
    },

    redraw() {
      if (!this._map) return;  // a map without room has no view yet: its layers are put on with that
      this._frame ??= requestAnimationFrame(() => this._redraw());
    },

    _grasped() {
      this._pad = PAD;
      this.redraw();
    },

    _left() {
      this._pad = 0;
      this.redraw();
    },

    _moved() {
      const far = this._map.containerPointToLayerPoint([0, 0]).subtract(this._from ?? [0, 0]);
      if (!this._pad || Math.max(Math.abs(far.x), Math.abs(far.y)) > this._pad * 0.6) this.redraw();
    },

    /** Now, on another canvas too: for a picture. */
    paintOn(context, size) {
      this._paint(context, size, this._map, 0);
    },

    _redraw() {
      this._frame = null;
      const map = this._map, size = map.getSize(), ratio = Math.min(2, devicePixelRatio || 1), canvas = this._canvas, pad = this._pad;
      const wide = size.x + 2 * pad, high = size.y + 2 * pad, [width, height] = [Math.round(wide * ratio), Math.round(high * ratio)];
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
        canvas.style.width = `${wide}px`;
        canvas.style.height = `${high}px`;
      }
      this._from = map.containerPointToLayerPoint([0, 0]);
      L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([-pad, -pad]));
      const context = canvas.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, pad * ratio, pad * ratio);
      context.clearRect(-pad, -pad, wide, high);
      this._paint(context, size, map, pad);
      this.painted = (this.painted ?? 0) + 1;
    },
  });
}

/** The page's own colours, read again when day turns into night. */
export function palette(element, changed) {
  const names = ["ground", "panel", "raised", "line", "line-strong", "ink", "dim", "red", "orange", "yellow", "blue", "cell-empty", "focus", "chosen"];
  const colours = {};
  const read = () => {
    const style = getComputedStyle(element);
    for (const name of names) colours[name] = style.getPropertyValue(`--${name}`).trim() || "#888";
    colours.font = style.fontFamily;
  };
  read();
  new MutationObserver(() => {
    read();
    changed();
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return colours;
}

const STEPS = [30, 20, 10, 5, 2, 1, 1 / 2, 1 / 4, 1 / 6, 1 / 12, 1 / 30, 1 / 60, 1 / 120, 1 / 360, 1 / 720, 1 / 3600];

/** Degrees as a chart has them: 39°30′, and seconds where minutes are not enough. */
export function degrees(value, step, signs) {
  const total = Math.round(Math.abs(value) * 3600), d = Math.floor(total / 3600), m = Math.floor(total % 3600 / 60), s = total % 60;
  const two = (one) => String(one).padStart(2, "0");
  return `${d}°${step < 1 ? `${two(m)}′` : ""}${step < 1 / 60 ? `${two(s)}″` : ""}${signs[value < 0 ? 1 : 0]}`;
}

/** Meridians and parallels with their degrees: the one base that is always there, and true. */
export function graticule(colours, take, put, scale) {
  return (context, size, map, pad) => {
    const low = map.containerPointToLatLng([-pad, size.y + pad]), high = map.containerPointToLatLng([size.x + pad, -pad]);
    const [west, south] = take(low.lng, low.lat), [east, north] = take(high.lng, high.lat);
    const step = STEPS.find((one) => (east - west) / one >= (size.x + 2 * pad) / (170 * scale())) ?? STEPS.at(-1);
    context.strokeStyle = colours.line;
    context.fillStyle = colours.dim;
    context.lineWidth = 1;
    context.font = `${Math.round(11 * scale())}px ${colours.font}`;
    context.beginPath();
    const at = (lon, lat) => {
      const [x, y] = put(lon, lat);
      return map.latLngToContainerPoint([y, x]);
    };
    const labels = [];
    for (let lon = Math.ceil(west / step) * step; lon <= east; lon += step) {
      const { x } = at(lon, (south + north) / 2);
      context.moveTo(Math.round(x) + 0.5, -pad);
      context.lineTo(Math.round(x) + 0.5, size.y + pad);
      labels.push([degrees(lon, step, ["E", "W"]), x + 3, size.y - 4]);
    }
    for (let lat = Math.ceil(south / step) * step; lat <= north; lat += step) {
      const { y } = at((west + east) / 2, lat);
      context.moveTo(-pad, Math.round(y) + 0.5);
      context.lineTo(size.x + pad, Math.round(y) + 0.5);
      labels.push([degrees(lat, step, ["N", "S"]), 4, y - 3]);
    }
    context.stroke();
    for (const [text, x, y] of labels) context.fillText(text, x, y);
  };
}
