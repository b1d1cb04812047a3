// Where something is, by a click or by its degrees: of an incident that is open, or of one that is to be opened.
import { now } from "../clock.js";
import { newId, sendUntilAnswered } from "../commands.js";
import { wireTime } from "../times.js";
import { metres } from "./datum.js";
import { say } from "./load.js";
import { far } from "./tools.js";

const LOOK_M = 1000, NEW = "new";
const LETTER = "[EWNS东西北南]?[经纬]?度?", SIZE = "(-?\\d+(?:\\.\\d+)?)\\s*(?:[°度]\\s*(?:(\\d+(?:\\.\\d+)?)\\s*[′'分]\\s*)?(?:(\\d+(?:\\.\\d+)?)\\s*(?:″|\"|秒|′′|'')\\s*)?)?";
const BEFORE = new RegExp(`(${LETTER})\\s*${SIZE}`, "giu"), AFTER = new RegExp(`${SIZE}\\s*(${LETTER})`, "giu");

/** `119.6, 39.93`, `N39°56′ E119°36′`, in whatever order their letters or sizes say: [lon, lat], or null. */
export function degreesIn(text) {
  const plain = text.normalize("NFKC").trim(), isBefore = /^[EWNS东西北南经纬]/iu.test(plain);
  const parts = [...plain.matchAll(isBefore ? BEFORE : AFTER)].map(([, ...said]) => {
    const [letter, whole, minutes, seconds] = isBefore ? said : [said[3], ...said];
    const size = Math.abs(Number(whole)) + Number(minutes ?? 0) / 60 + Number(seconds ?? 0) / 3600;
    const isBack = whole.startsWith("-") || /[WS西南]/iu.test(letter);
    return { value: isBack ? -size : size, isLat: /[NS北南纬]/iu.test(letter), isLon: /[EW东西经]/iu.test(letter) };
  });
  if (parts.length !== 2) return null;
  const [a, b] = parts, isTurned = a.isLat || b.isLon || (!a.isLon && !b.isLat && Math.abs(a.value) <= 90 && Math.abs(b.value) > 90);
  const [lon, lat] = isTurned ? [b, a] : [a, b];
  if (lon.isLat || lat.isLon || Math.abs(lon.value) > 180 || Math.abs(lat.value) > 90) return null;
  return [lon.value, lat.value].map((one) => Number(one.toFixed(6)));
}

export class Placing {
  /** `tools`: one tool at a time has the map; `said(text)`: where it speaks. */
  constructor(form, panel, tools, said) {
    Object.assign(this, { form, panel, tools, said, at: null });
    this.degrees = form.elements.degrees;
    this.which = form.elements.incident;
    form.querySelector("[data-pick]").addEventListener("click", () => this.start());
    panel.addEventListener("placed", ({ detail }) => this.take([Number(detail.lon.toFixed(6)), Number(detail.lat.toFixed(6))]));
    panel.addEventListener("built", () => this.mark());
    this.degrees.addEventListener("change", () => this.read());
    this.which.addEventListener("change", () => this.tell());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.give();
    });
  }

  start() {
    this.tools.start("place");
  }

  /** The incidents that are open, and one that is not there yet. */
  list(features) {
    const before = this.which.value, isFree = document.activeElement !== this.which;
    this.features = new Map(features.map((one) => [one.id, one]));
    if (!isFree) return;
    const fresh = this.which.dataset.new ? [new Option(this.which.dataset.new, NEW)] : [];
    this.which.replaceChildren(...fresh, ...features.map(({ id, properties: p }) => new Option(`${p.drill ? say("map.drill_word") : ""}${p.number} ${p.title}`, id)));
    if ([...this.which.options].some((one) => one.value === before)) this.which.value = before;
  }

  choose(incident) {
    this.form.closest("details").open = true;
    this.which.value = incident ?? NEW;
    this.tell();
    this.degrees.focus();
  }

  read() {
    const at = degreesIn(this.degrees.value);
    if (at) return this.take(at, true);
    this.at = null;
    this.mark();
    this.told(this.degrees.value.trim() ? say("map.place_no_degrees") : "");
  }

  async take(at, isTyped = false) {
    this.at = at;
    this.degrees.value = at.join(", ");
    this.tools.stop();
    this.mark();
    const [x, y] = this.panel.edge.put(...at);
    if (isTyped && !this.panel.map.getBounds().contains([y, x])) {
      this.panel.lock();
      this.panel.map.setView([y, x], Math.max(12, this.panel.map.getZoom()), { animate: false });
    }
    this.around = null;
    this.tell();
    const around = await this.panel.fetched(`/api/v1/map/around?${new URLSearchParams({ lon: at[0], lat: at[1], m: LOOK_M })}`);
    if (this.at !== at) return;
    this.around = around;
    this.tell();
  }

  mark() {
    this.cross?.remove();
    const { L, map, edge, colours } = this.panel;
    if (!this.at || !map) return;
    const [x, y] = edge.put(...this.at);
    this.cross = L.circleMarker([y, x], { radius: 9 * this.panel.scale(), color: colours.focus, weight: 3, fill: false, interactive: false, renderer: this.panel.renderer }).addTo(map);
  }

  /** What lies there, and how far that is from where the incident was. */
  tell() {
    if (!this.at) return this.told("");
    const { around } = this, before = this.features?.get(this.which.value)?.geometry?.coordinates, parts = [];
    if (before) parts.push(say("map.place_moved", { length: far(metres(before, this.at)) }));
    if (around?.desks.length) parts.push(say("map.place_of", { names: around.desks.map((one) => one.name).join(", ") }));
    if (around) {
      const near = around.things.filter((one) => one.incident !== this.which.value || one.kind !== "incident");
      parts.push(near.length ? say("map.place_near", { things: near.slice(0, 4).map((one) => `${one.drill ? say("map.drill_word") : ""}${one.name} ${far(one.distance_m)}`).join(", ") }) : say("map.place_nothing"));
    }
    this.told(parts.join(" "));
  }

  told(text) {
    this.form.querySelector("output").textContent = text;
  }

  async give() {
    const typed = degreesIn(this.degrees.value);
    if (!typed) return this.told(say("map.place_no_degrees"));
    if (this.which.value === NEW) return location.assign(`/#at=${typed.join(",")}`);
    const { id, properties: p } = this.features.get(this.which.value) ?? {};
    if (!id) return this.told(say("map.place_none"));
    const place = { lon: typed[0], lat: typed[1], ...(p.division ? { division: p.division } : {}), ...(p.place ? { text: p.place } : {}) };
    const body = { command_id: newId(), incident_id: id, known_at: wireTime(now()), known_by: document.body.dataset.unit, facts: {}, place };
    this.said(say("map.sending"));
    const answer = await sendUntilAnswered("establish-facts", body, () => this.said(say("map.waiting")));
    this.said(answer.stored ? say("map.stored") : answer.refused?.detail ?? say("map.not_now"));
    if (!answer.stored) return;
    this.at = null;
    this.degrees.value = "";
    this.mark();
    this.told("");
    this.panel.soon();
  }
}
