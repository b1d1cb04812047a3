// Leaflet, only where a map is looked at: a classic script from this server, once for a page.
const base = new URL("../", import.meta.url);
let coming = null;

export const texts = {};

/** The words of the map in the person's language; without a network those of the last visit. */
async function fetchWords(fetched) {
  Object.assign(texts, await fetched("/map/words"));
}

export function say(slug, values = {}) {
  return (texts[slug] ?? slug).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function loadLeaflet(fetched) {
  coming ??= Promise.all([loaded("script", { src: new URL("vendor/leaflet/leaflet.js", base).href }),
    loaded("link", { rel: "stylesheet", href: new URL("vendor/leaflet/leaflet.css", base).href }),
    loaded("link", { rel: "stylesheet", href: new URL("map/map.css", base).href }), fetchWords(fetched)]).then(() => globalThis.L);
  return coming;
}

function loaded(tag, attributes) {
  return new Promise((done, failed) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.addEventListener("load", done);
    element.addEventListener("error", () => failed(new Error(`${tag} did not load`)));
    document.head.append(element);
  });
}
