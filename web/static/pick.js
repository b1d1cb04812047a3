// Choosing from a list by typing. It looks on while an input method composes (the letters are pinyin already),
// but Enter belongs to the input method until it has finished.

/** `find(text)`: options {value, text} as they come; `chosen(option)`: one was taken. */
export class Picker {
  constructor(input, list, find, chosen) {
    Object.assign(this, { input, list, find, chosen, options: [], at: -1, asked: 0 });
    input.addEventListener("input", () => this.look());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => setTimeout(() => this.close(), 120));
    list.addEventListener("pointerdown", (event) => {
      const option = event.target.closest("[role=option]");
      if (!option) return;
      event.preventDefault();
      this.take([...list.children].indexOf(option));
    });
  }

  get isOpen() {
    return !this.list.hidden;
  }

  async look() {
    const asked = ++this.asked;
    const options = await this.find(this.input.value);
    if (asked !== this.asked) return;
    this.options = options;
    this.at = options.length ? 0 : -1;
    this.list.replaceChildren(...options.map((option, index) => {
      const item = document.createElement("li");
      item.setAttribute("role", "option");
      item.id = `${this.list.id}-${index}`;
      item.textContent = option.text;
      return item;
    }));
    this.list.hidden = options.length === 0;
    this.point();
  }

  point() {
    [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.at)));
    this.input.setAttribute("aria-expanded", String(this.isOpen));
    if (this.at >= 0) {
      this.input.setAttribute("aria-activedescendant", `${this.list.id}-${this.at}`);
      this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
    } else this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.isComposing || event.keyCode === 229 || !this.isOpen) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.at = (this.at + step + this.options.length) % this.options.length;
      this.point();
    } else if ((event.key === "Enter" && !event.ctrlKey) || (event.key === "Tab" && !event.shiftKey)) {
      this.take(this.at);
      if (event.key === "Tab") return;
    } else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  take(index) {
    const option = this.options[index];
    this.close();
    if (option) this.chosen(option);
  }

  close() {
    this.asked += 1;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }
}
