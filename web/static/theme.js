// Day or night, before anything is painted. Kept in a cookie, so that every page of this browser agrees.
(() => {
  const kept = /(?:^|; )fenghuo_theme=(day|night)/.exec(document.cookie);
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = () => { root.dataset.theme = kept?.[1] ?? (system.matches ? "night" : "day"); };
  show();
  if (!kept) system.addEventListener("change", show);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme-switch")?.addEventListener("click", () => {
      root.dataset.theme = root.dataset.theme === "night" ? "day" : "night";
      document.cookie = `fenghuo_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    });
  });
})();
