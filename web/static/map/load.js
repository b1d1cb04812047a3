// Leaflet, only where a map is looked at: a classic script from this server, once for a page.
const base = new URL("../", import.meta.url);
let coming = null;

export const texts = {};

/** The words of the map in the person's language; without a network those of the last visit. */
async function fetchWords() {
  try {
    const answer = await fetch("/map/words", { signal: AbortSignal.timeout(8000) });
    if (answer.ok) return Object.assign(texts, await answer.json());
  } catch { /* the names of things are missing, their signs are not */ }
}

export function say(slug, values = {}) {
  return (texts[slug] ?? slug).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function loadLeaflet() {
  coming ??= Promise.all([loaded("script", { src: new URL("vendor/leaflet/leaflet.js", base).href }),
    loaded("link", { rel: "stylesheet", href: new URL("vendor/leaflet/leaflet.css", base).href }),
    loaded("link", { rel: "stylesheet", href: new URL("map/map.css", base).href }), fetchWords()]).then(() => globalThis.L);
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
