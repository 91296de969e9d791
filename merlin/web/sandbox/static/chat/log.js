// One chat as one person sees it: messages by id, edits in place, the end followed while it is in view.

import { inside, insideDraft } from "./bubble.js";
import { dots, el, icon } from "./dom.js";
import { act } from "./server.js";
import { dayOf, t } from "./texts.js";

const CARET_MS = 1200;
const TYPING_MS = 5000;
const DRAFT_MS = 30000;
const NEAR_END_PX = 80;

const logs = document.getElementById("logs");

function nameOf(one) {
  const words = document.querySelector(`[data-person=${one.who}]`).dataset.log;
  return one.place === one.who ? words : `${words} · ${one.title}`;
}

export class Log {
  // `one` is the place that is shown, `order(log, command)` sends a command.
  constructor(one, order) {
    Object.assign(this, one);
    this.order = (command) => order(this, command);
    const attributes = { class: "log", role: "log", "aria-label": nameOf(one), tabindex: "0" };
    this.element = el("div", { ...attributes, "data-place": one.place });
    logs.append(this.element);
    this.shown = new Map();
    this.day = "";
    this.typing = null;
    this.draft = null;
    this.showEmpty();
    this.keepEnd();
  }

  // What opens over the field makes the log lower; the end stays in view if it was.
  keepEnd() {
    let near = true;
    this.element.addEventListener("scroll", () => {
      near = this.isNearEnd();
    });
    new ResizeObserver(() => near && this.toEnd()).observe(this.element);
  }

  isNearEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  // Run a change and follow the end when the end was in view.
  follow(change) {
    const near = this.isNearEnd();
    change();
    if (near) this.toEnd();
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  isMine(message) {
    return message.from.id === this.userId;
  }

  showEmpty() {
    const kind = this.isGroup ? "empty-group" : "empty";
    const parts = [icon("ask"), el("h2", {}, t(`${kind}-title`)), el("p", {}, t(`${kind}-text`))];
    if (!this.isGroup) {
      const button = el("button", { class: "btn main", type: "button" }, t("start"));
      button.addEventListener("click", () => this.order("/start"));
      parts.push(button);
    }
    this.element.replaceChildren(el("div", { class: "state" }, ...parts));
  }

  load(messages) {
    const unsent = this.element.querySelectorAll(".broken");
    this.shown.clear();
    this.day = "";
    this.showEmpty();
    for (const one of messages) {
      this.put(one.message);
    }
    this.element.append(...unsent);
    this.toEnd();
  }

  put(message) {
    this.follow(() => {
      const known = this.shown.get(message.message_id);
      if (known) {
        known.message = message;
        this.draw(known);
      } else {
        this.add(message);
      }
    });
  }

  add(message) {
    if (!this.shown.size) this.element.replaceChildren();
    if (message.from.is_bot) this.stopTyping();
    if ((message.message_thread_id ?? 0) === this.draft?.thread) this.dropDraft();
    const day = dayOf(message.date);
    if (day !== this.day) this.element.append(el("span", { class: "day chip" }, day));
    this.day = day;
    const element = el("div", { class: this.isMine(message) ? "msg me" : "msg" });
    const known = { message, element, timer: 0 };
    this.shown.set(message.message_id, known);
    this.draw(known);
    this.element.append(element);
    const last = this.draft ?? this.typing;
    if (last) this.element.append(last.element);
  }

  // Show what there is of an answer; it goes with the next message, or when it is not refreshed.
  showDraft(draft) {
    this.stopTyping();
    const { thread } = draft;
    if (!this.draft) {
      if (!this.shown.size) this.element.replaceChildren();
      this.draft = { element: el("div", { class: "msg", "aria-busy": "true" }) };
    }
    clearTimeout(this.draft.timer);
    Object.assign(this.draft, { thread, timer: setTimeout(() => this.dropDraft(), DRAFT_MS) });
    const stop = async () => {
      await act(thread ? `${this.place}#${thread}` : this.place, "stop_generation");
      if (!draft.keep_on_stop) this.dropDraft();
    };
    const { element } = this.draft;
    this.follow(() => {
      element.replaceChildren(...insideDraft(draft, this, stop));
      element.querySelector(".bub > .text:not(.thinking, .rich), .rich > p:last-child:not(.thinking)")?.classList.add("caret");
      this.element.append(element);
    });
  }

  dropDraft() {
    if (!this.draft) return;
    clearTimeout(this.draft.timer);
    this.draft.element.remove();
    this.draft = null;
  }

  draw(known) {
    known.element.replaceChildren(...inside(known.message, this));
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

  // Show that the bot thinks; it goes by itself.
  think() {
    if (this.draft) return;
    const last = [...this.shown.values()].pop();
    if (last?.element.querySelector(".dots, .caret")) return;
    this.stopTyping();
    const element = el("div", { class: "msg" }, el("div", { class: "bub" }, dots(t("typing"))));
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
