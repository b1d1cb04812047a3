// Before anything else: this tablet's language with its words, and the time as far as it is known here.
(() => {
  const { body, documentElement: root } = document;
  const system = navigator.language.toLowerCase().startsWith("en") ? "en" : "zh";
  const lang = (localStorage.getItem("fenghuo.field.lang") ?? system) === "en" ? "en" : "zh";
  root.lang = lang === "en" ? "en" : "zh-CN";
  body.dataset.texts = body.dataset[lang];
  const skew = Number(localStorage.getItem("fenghuo.field.skew") ?? 0) || 0;
  body.dataset.now = new Date(Date.now() + skew).toISOString();
  addEventListener("beforeinstallprompt", (event) => { event.preventDefault(); window.installPrompt = event; });
})();
