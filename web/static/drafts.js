// What is typed survives a reload, a crash and a refusal: kept in this browser, for this person alone.
const prefix = `fenghuo.draft.${document.body.dataset.person}.`;

export function readDraft(name) {
  try {
    return JSON.parse(localStorage.getItem(prefix + name)) ?? null;
  } catch {
    return null;
  }
}

export function keepDraft(name, draft) {
  try {
    localStorage.setItem(prefix + name, JSON.stringify(draft));
  } catch { /* no room: the page still has it */ }
}

export function dropDraft(name) {
  localStorage.removeItem(prefix + name);
}
