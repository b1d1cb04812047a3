// What calls for somebody stands in the title of the tab, every other second, so that it is seen among others.
const own = document.title;
const calls = new Map();
let isLit = true;

/** `word` calls until it is taken back by null. */
export function callInTitle(who, word) {
  if ((calls.get(who) ?? null) === word) return;
  if (word === null) calls.delete(who);
  else calls.set(who, word);
  isLit = true;
  paint();
}

function paint() {
  const words = [...calls.values()].join(" ");
  const title = words && isLit ? `【${words}】${own}` : own;
  if (document.title !== title) document.title = title;
}

setInterval(() => {
  isLit = !isLit || calls.size === 0;
  paint();
}, 1000);
