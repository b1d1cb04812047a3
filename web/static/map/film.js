// An incident played again from its log: where things stood at a moment, as the desk knew it then.
export class Film {
  constructor(panel) {
    this.panel = panel;
  }

  async open(incident) {
    const said = await this.panel.fetched(`/api/v1/map/replay/${incident}`);
    if (!said) return false;
    this.said = said;
    this.begin = Date.parse(said.begins_at);
    this.end = Math.max(this.begin + 1000, Date.parse(said.ends_at));
    this.panel.film = this;
    this.panel.section.classList.add("is-film");
    return true;
  }

  close() {
    this.panel.film = null;
    this.panel.section.classList.remove("is-film");
    this.panel.signs.now = () => Date.now();
    this.panel.show();
    this.panel.refresh();
  }

  /** Every step that was written down until then, folded; the last one is told. */
  at(moment) {
    const { incident, steps } = this.said, one = structuredClone(incident), people = new Map(), drawings = new Map();
    one.geometry = null;
    one.properties.level = null;
    let last = null;
    for (const step of steps) {
      if (Date.parse(step.recorded_at) > moment) break;
      if (!step.quiet) last = step;
      take(one, people, drawings, step);
    }
    this.panel.signs.now = () => moment;
    this.panel.place({ incidents: [one], people: [...people.values()].filter((who) => who.geometry && who.properties.status !== "withdrawn"), drawings: [...drawings.values()] });
    return last;
  }
}

function take(one, people, drawings, { at, moves }) {
  if (!moves) return;
  const { what, id } = moves, drill = one.properties.drill;
  if (what === "place") one.geometry = moves.coordinates && { type: "Point", coordinates: moves.coordinates };
  else if (what === "level") one.properties.level = moves.level;
  else if (what === "drawn") drawings.set(id, { type: "Feature", id, geometry: moves.geometry, properties: { ...moves, drill } });
  else if (what === "erased") drawings.delete(id);
  else {
    const who = people.get(id) ?? { id, geometry: null, properties: { person: moves.person, drill } };
    if (what === "person" && !(Date.parse(who.properties.at) > Date.parse(at))) {
      who.geometry = { type: "Point", coordinates: moves.coordinates };
      who.properties.at = at;
    } else if (what === "status") who.properties.status = moves.status;
    people.set(id, who);
  }
}
