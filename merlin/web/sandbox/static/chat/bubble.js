// One message as a bubble: what it answers, what it carries, its text, its foot, its keys.

import { actsOf } from "./acts.js";
import { attachment } from "./attachment.js";
import { dots, el } from "./dom.js";
import { marked } from "./entities.js";
import { keyboard } from "./keyboard.js";
import { serviceWords } from "./service.js";
import { t, timeOf } from "./texts.js";

const PLACEHOLDER = /^(…|\.\.\.)$/;

function words(message, order) {
  const text = message.text ?? message.caption;
  if (text === undefined) return null;
  if (message.from.is_bot && PLACEHOLDER.test(text)) {
    return el("div", { class: "text" }, dots(t("thinking")));
  }
  return marked(text, message.entities ?? message.caption_entities, order);
}

function foot(message) {
  const time = timeOf(message.date);
  const line = message.edit_date && !message.from.is_bot ? `${t("edited")} · ${time}` : time;
  return el("span", { class: "meta" }, line);
}

function head(message, view) {
  const lines = [];
  if (view.isGroup && !view.isMine(message)) lines.push(message.from.first_name);
  const origin = message.forward_origin;
  if (origin) {
    const name = origin.sender_user?.first_name ?? origin.sender_user_name ?? "…";
    lines.push(`${t("forwarded")} ${name}`);
  }
  return lines.map((line) => el("div", { class: "from" }, line));
}

function quoted(message) {
  const replied = message.reply_to_message;
  if (!replied || replied.forum_topic_created) return null;
  const text = message.quote?.text ?? replied.text ?? replied.caption ?? "…";
  return el("blockquote", { class: "reply" }, text);
}

function reactions(known) {
  const given = Object.values(known.reactions).filter(Boolean);
  return given.map((emoji) => el("span", { class: "chip reaction" }, emoji));
}

// Return the inside of a message's element; `view` is the log that shows it.
export function inside(known, view) {
  const { message } = known;
  const service = serviceWords(message);
  if (service) return [el("span", { class: "chip" }, service)];
  const carried = attachment(message);
  const text = words(message, view.order);
  const unknown = carried || text ? null : el("div", { class: "text" }, t("other-message"));
  const parts = [...head(message, view), quoted(message), carried, text, unknown, foot(message)];
  const bubble = el("div", { class: "bub" }, ...parts.filter(Boolean));
  const keys = keyboard(view.place, message);
  return [bubble, ...reactions(known), keys, ...actsOf(message, view)].filter(Boolean);
}

export function isService(message) {
  return Boolean(serviceWords(message));
}
