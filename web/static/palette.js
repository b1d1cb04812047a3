// Ctrl-K: everything that can be done here, by name.
export class Palette {
  /** `commands()`: {text, key, run} each, of this very moment. */
  constructor(commands) {
    this.commands = commands;
    this.dialog = document.getElementById("palette");
    this.input = this.dialog.querySelector("input");
    this.list = this.dialog.querySelector("ul");
    this.list.setAttribute("role", "listbox");
    this.input.addEventListener("input", () => this.show());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.run([...this.list.children].indexOf(option));
    });
  }

  open() {
    this.input.value = "";
    this.all = this.commands();
    this.dialog.showModal();
    this.show();
  }

  show() {
    const typed = this.input.value.trim().toLowerCase();
    this.found = this.all.filter((one) => one.text.toLowerCase().includes(typed));
    this.at = 0;
    this.list.replaceChildren(...this.found.map((one) => {
      const item = document.createElement("li"), key = document.createElement("kbd");
      item.setAttribute("role", "option");
      item.append(one.text);
      key.textContent = one.key ?? "";
      if (one.key) item.append(key);
      return item;
    }));
    this.point();
  }

  point() {
    [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.at)));
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.found.length) {
      this.at = (this.at + step + this.found.length) % this.found.length;
      this.point();
      event.preventDefault();
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.run(this.at);
    }
  }

  run(index) {
    const command = this.found[index];
    this.dialog.close();
    command?.run();
  }
}
