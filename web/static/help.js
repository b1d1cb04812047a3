// Help beside a rule: a small button, or `?` while nobody types, opens what the rule says and the law behind it.
import { elementsOf, fetchHtml } from "./swap.js";

const dialog = document.getElementById("help");
const body = () => document.getElementById("help-body");

export async function openHelp(button) {
  const { help, helpOf } = button.dataset;
  const html = await fetchHtml(`/help/${help}${helpOf ? `?category=${encodeURIComponent(helpOf)}` : ""}`);
  if (html === null) body().textContent = dialog.dataset.failed;
  else body().replaceWith(...elementsOf(html));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

/** The help that stands nearest to where one is: in the same part of the page, or the first of the page. */
export function nearestHelp() {
  const all = [...document.querySelectorAll("[data-help]")].filter((one) => one.checkVisibility());
  for (let part = document.activeElement; part && part !== document.body; part = part.parentElement) {
    const near = all.find((one) => part.contains(one));
    if (near) return near;
  }
  return all[0] ?? null;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-help]");
  if (button) openHelp(button);
  else if (event.target.closest?.("[data-help-close]")) dialog.close();
});
