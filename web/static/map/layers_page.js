// Layers on the page of the map: which are shown, the base, and a file brought in with what is wrong with its rows.
import { newId } from "../commands.js";
import { say } from "./load.js";

const get = (id) => document.getElementById(id);

export function showLayers(panel) {
  const { layers } = panel, base = get("map-base");
  base.replaceChildren(base.options[0], ...layers.about.sources.map((one) => new Option(one.name, one.id)));
  base.value = layers.base?.id ?? "";
  base.onchange = () => layers.chooseBase(base.value);
  get("layer-list").replaceChildren(...layers.list.map((one) => {
    const item = document.createElement("li"), label = document.createElement("label"), box = Object.assign(document.createElement("input"), { type: "checkbox", checked: !layers.hidden.has(one.layer_id) });
    label.className = "check";
    const words = Object.assign(document.createElement("bdi"), { textContent: one.title });
    const small = Object.assign(document.createElement("span"), { className: "where", textContent: [say(`layer_kind.${one.kind}`), one.features, one.unit_name, one.source, one.approval, one.as_of].filter(Boolean).join(" · ") });
    box.addEventListener("change", () => layers.toggle(one.layer_id, box.checked));
    label.append(box, words);
    item.append(label, small);
    for (const form of ["geojson", "kml", "csv"]) item.append(Object.assign(document.createElement("a"), { href: `/api/v1/map/layers/${one.layer_id}?format=${form}`, textContent: form.toUpperCase() }), " ");
    if (one.own && get("import-form")) {
      const remove = Object.assign(document.createElement("button"), { type: "button", textContent: say("map.layer_remove") });
      remove.addEventListener("click", () => removeTwice(remove, one, panel));
      item.append(remove);
    }
    return item;
  }));
}

/** Pressed once it asks, pressed again it does. */
async function removeTwice(button, one, panel) {
  if (!button.dataset.asked) {
    button.dataset.asked = "1";
    button.textContent = say("map.layer_remove_really");
    return;
  }
  await fetch(`/api/v1/map/layers/${one.layer_id}`, { method: "DELETE" }).catch(() => null);
  await again(panel);
}

async function again(panel) {
  await panel.layers.loadList();
  panel.layers.show();
  panel.follow();
  showLayers(panel);
}

export function imports(panel) {
  const form = get("import-form");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = new FormData(form), file = said.get("file"), query = new URLSearchParams();
    for (const [name, value] of said) if (name !== "file" && value) query.set(name, value);
    if (event.submitter?.value) query.set("look", "true");
    get("import-said").textContent = say("map.sending");
    get("import-faults").replaceChildren();
    let answer;
    try {
      answer = await fetch(`/api/v1/map/layers/${newId()}?${query}`, { method: "PUT", body: file, signal: AbortSignal.timeout(120_000) });
    } catch {
      get("import-said").textContent = say("map.not_now");
      return;
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      get("import-said").textContent = told.detail ?? String(answer.status);
      return;
    }
    get("import-said").textContent = say(told.kept ? "map.import_kept" : told.faulty ? "map.import_faulty" : "map.import_fine", told);
    get("import-faults").replaceChildren(...told.faults.map((one) => Object.assign(document.createElement("li"), { textContent: say("map.import_row", { row: one.row, column: one.column ?? "", detail: one.detail }) })));
    if (told.kept) {
      form.reset();
      await again(panel);
    }
  });
}
