// The words that the browser says by itself, in the language of the page.
const texts = JSON.parse(document.body.dataset.texts ?? "{}");

export const isEnglish = document.documentElement.lang === "en";

export function say(slug, values = {}) {
  return (texts[slug] ?? slug).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
