// One message as a bubble: what it answers, what it carries, its text, its foot, its keys.

import { attachment } from "./attachment.js";
import { setContext } from "./context.js";
import { dots, el, icon } from "./dom.js";
import { marked } from "./entities.js";
import { keyboard } from "./keyboard.js";
import { rich, wordsOf } from "./rich.js";
import { t, timeOf } from "./texts.js";

const PLACEHOLDER = /^(…|\.\.\.)$/;

function words(message, view) {
  if (message.rich_message) return rich(message, view);
  const text = message.text ?? message.caption;
  if (text === undefined) return null;
  if (message.from.is_bot && PLACEHOLDER.test(text)) {
    return el("div", { class: "text" }, dots(t("thinking")));
  }
  return marked(text, message.entities ?? message.caption_entities, view.order);
}

function foot(message) {
  return el("span", { class: "meta" }, timeOf(message.date));
}

function head(message, view) {
  const isOthers = view.isGroup && !view.isMine(message);
  return isOthers ? el("div", { class: "from" }, message.from.first_name) : null;
}

function quoted(message) {
  const replied = message.reply_to_message;
  if (!replied) return null;
  const text = replied.text ?? replied.caption ?? wordsOf(replied.rich_message ?? "…");
  return el("blockquote", { class: "reply" }, text);
}

function replyButton(message) {
  const button = el("button", { class: "btn bare icon to-reply", type: "button", "aria-label": t("reply") });
  button.append(icon("undo"));
  button.addEventListener("click", () => setContext(message));
  return button;
}

// Return the inside of a draft's element: what there is of an answer, and the key that stops it.
export function insideDraft(draft, view, stop) {
  const { text, entities, rich_message: message } = draft.content;
  const thinking = el("div", { class: "text thinking" }, dots(t("thinking")), t("draft"));
  const known = message ? rich(draft.content, view) : marked(text, entities, view.order);
  const bubble = el("div", { class: "bub" }, message || text ? known : thinking);
  if (!draft.can_stop) return [bubble];
  const button = el("button", { class: "btn", type: "button" }, icon("stop"), t("stop"));
  button.addEventListener("click", stop);
  return [bubble, el("div", { class: "keys" }, button)];
}

// Return the inside of a message's element; `view` is the log that shows it.
export function inside(message, view) {
  const carried = attachment(message);
  const text = words(message, view);
  const unknown = carried || text ? null : el("div", { class: "text" }, t("other-message"));
  const parts = [head(message, view), quoted(message), carried, text, unknown, foot(message)];
  const bubble = el("div", { class: "bub" }, ...parts.filter(Boolean));
  const keys = keyboard(view.place, message);
  return [bubble, keys, replyButton(message)].filter(Boolean);
}
