// Elements made by hand: no markup is ever read from a text.
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name in element && name !== "list" && name !== "form" && name !== "type") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** What somebody said, apart from our words and from the direction of the text around it. */
export const said = (text, props = {}) => h("bdi", { class: "said", ...props }, text ?? "");

export const button = (text, act, props = {}) => h("button", { type: "button", ...props, on: { click: act } }, text);

/** Whether somebody is writing just now: then nothing under the hand is replaced, and no version changes. */
export function isTyping() {
  const active = document.activeElement;
  return Boolean(document.getElementById("sheet").open || active?.matches?.("input, textarea, select"));
}
