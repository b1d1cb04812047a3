// What could not be sent: kept over reloads, sent in order until answered.
import { clockText } from "./clock.js";
import { sendUntilAnswered } from "./commands.js";
import { keepDraft, readDraft } from "./drafts.js";
import { say } from "./texts.js";

export class Outbox {
  constructor(list, intake) {
    this.list = list;
    this.intake = intake;
    this.items = readDraft("outbox") ?? [];
    list.addEventListener("click", (event) => this.clicked(event));
    this.show();
    this.run();
  }

  add(body, values, place, into = null) {
    this.items.push({ body, values, place, into });
    this.show();
    this.run();
  }

  async run() {
    if (this.isRunning) return;
    this.isRunning = true;
    let item;
    while ((item = this.items.find((one) => !one.refused))) {
      const answer = await sendUntilAnswered("open-incident", item.body, (none) => {
        item.state = say(none.signedOut ? "js.signed_out" : "js.retry");
        this.show();
        return !none.signedOut;
      });
      if (answer.stored) {
        this.items = this.items.filter((one) => one !== item);
        if (item.into) this.intake.merge(answer.stored.incident_id, item.into);
        const clock = clockText(Date.parse(answer.stored.recorded_at));
        this.intake.say("stored", say("js.stored_number", { clock, number: answer.stored.number ?? "" }));
      } else if (answer.refused) item.refused = answer.refused;
      else break;
      this.show();
    }
    this.isRunning = false;
  }

  clicked(event) {
    const doing = event.target.closest("button")?.dataset.do;
    if (!doing) return;
    const item = this.items[Number(event.target.closest("li").dataset.at)];
    this.items = this.items.filter((one) => one !== item);
    this.show();
    if (doing === "edit") this.intake.edit(item);
  }

  show() {
    keepDraft("outbox", this.items);
    this.list.replaceChildren(...this.items.map((item, at) => {
      const line = document.createElement("li");
      line.dataset.at = at;
      const what = Object.assign(document.createElement("bdi"), { className: "what", textContent: item.body.title });
      const state = Object.assign(document.createElement("span"), {
        className: `state is-${item.refused ? "refused" : "waiting"}`,
        textContent: item.refused ? say("js.refused", { detail: item.refused.detail ?? "" }) : item.state ?? say("js.sending"),
      });
      line.append(what, state);
      for (const doing of item.refused ? ["edit", "drop"] : []) {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: say(`js.${doing}`) });
        button.dataset.do = doing;
        line.append(button);
      }
      return line;
    }));
  }
}
