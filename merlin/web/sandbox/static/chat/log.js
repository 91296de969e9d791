// One person's chat: messages by id, edits in place, the end followed while it is in view.

import { inside } from "./bubble.js";
import { dots, el, icon } from "./dom.js";
import { dayOf, t } from "./texts.js";

const CARET_MS = 1200;
const TYPING_MS = 5000;
const NEAR_END_PX = 80;

export class Log {
  constructor(element, press, start) {
    this.element = element;
    this.press = press;
    this.start = start;
    this.shown = new Map();
    this.day = "";
    this.typing = null;
    this.showEmpty();
  }

  showEmpty() {
    const button = el("button", { class: "btn main", type: "button" }, t("start"));
    button.addEventListener("click", this.start);
    const title = el("h2", {}, t("empty-title"));
    this.element.replaceChildren(
      el("div", { class: "state" }, icon("ask"), title, el("p", {}, t("empty-text")), button),
    );
  }

  // Run a change and follow the end when the end was in view.
  follow(change) {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    change();
    if (near) this.toEnd();
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  load(messages) {
    const unsent = this.element.querySelectorAll(".broken");
    this.shown.clear();
    this.day = "";
    this.showEmpty();
    for (const one of messages) {
      if (!one.deleted_at) this.put(one.message, one.reaction);
    }
    this.element.append(...unsent);
    this.toEnd();
  }

  put(message, reaction = "") {
    this.follow(() => {
      const known = this.shown.get(message.message_id);
      if (known) {
        known.message = message;
        this.draw(known);
      } else {
        this.add(message, reaction);
      }
    });
  }

  add(message, reaction) {
    if (!this.shown.size) this.element.replaceChildren();
    if (message.from.is_bot) this.stopTyping();
    const day = dayOf(message.date);
    if (day !== this.day) this.element.append(el("span", { class: "day chip" }, day));
    this.day = day;
    const element = el("div", { class: message.from.is_bot ? "msg" : "msg me" });
    const known = { message, reaction, element, timer: 0 };
    this.shown.set(message.message_id, known);
    this.draw(known);
    this.element.append(element);
    if (this.typing) this.element.append(this.typing.element);
  }

  draw(known) {
    const press = (button, element) => this.press(known.message, button, element);
    known.element.replaceChildren(...inside(known.message, known.reaction, press));
  }

  // Show an edit; while edits of the bot keep coming, the text ends in a caret.
  edit(message) {
    this.put(message);
    const known = this.shown.get(message.message_id);
    if (!message.from.is_bot) return;
    const text = known.element.querySelector(".bub > .text:not(:has(.dots))");
    text?.classList.add("caret");
    known.element.setAttribute("aria-busy", "true");
    clearTimeout(known.timer);
    known.timer = setTimeout(() => {
      known.element.querySelector(".caret")?.classList.remove("caret");
      known.element.removeAttribute("aria-busy");
    }, CARET_MS);
  }

  remove(id) {
    this.shown.get(id)?.element.remove();
    this.shown.delete(id);
    if (!this.shown.size) this.showEmpty();
  }

  react(id, emoji) {
    const known = this.shown.get(id);
    if (!known) return;
    known.reaction = emoji;
    this.follow(() => this.draw(known));
  }

  // Show that the bot thinks, or a draft of what it says; both go by themselves.
  think(text = "") {
    const last = [...this.shown.values()].pop();
    if (!text && last?.element.querySelector(".dots, .caret")) return;
    this.stopTyping();
    const words = el("div", { class: "text caret" }, text);
    const content = text ? words : dots(t("typing"));
    const element = el("div", { class: "msg" }, el("div", { class: "bub" }, content));
    this.typing = { element, timer: setTimeout(() => this.stopTyping(), TYPING_MS) };
    if (this.shown.size) this.follow(() => this.element.append(element));
  }

  stopTyping() {
    if (!this.typing) return;
    clearTimeout(this.typing.timer);
    this.typing.element.remove();
    this.typing = null;
  }
}
