// One message as a bubble: what it answers, what it carries, its text, its foot, its keys.

import { attachment } from "./attachment.js";
import { dots, el, icon } from "./dom.js";
import { marked } from "./entities.js";
import { t, timeOf } from "./texts.js";

const PLACEHOLDER = /^(…|\.\.\.)$/;

function words(message) {
  const text = message.text ?? message.caption;
  if (text === undefined) return null;
  if (message.from.is_bot && PLACEHOLDER.test(text)) {
    return el("div", { class: "text" }, dots(t("thinking")));
  }
  return marked(text, message.entities ?? message.caption_entities);
}

function foot(message) {
  const time = timeOf(message.date);
  const line = message.edit_date && !message.from.is_bot ? `${t("edited")} · ${time}` : time;
  return el("span", { class: "meta" }, line);
}

function quoted(message) {
  const replied = message.reply_to_message;
  if (!replied) return null;
  return el("blockquote", { class: "reply" }, replied.text ?? replied.caption ?? "…");
}

function key(button, press) {
  if (button.url) {
    const link = { class: "btn", href: button.url, target: "_blank", rel: "noreferrer noopener" };
    return el("a", link, button.text, icon("out"));
  }
  const made = el("button", { class: "btn", type: "button" }, button.text);
  made.addEventListener("click", () => press(button, made));
  return made;
}

function keyboard(message, press) {
  const rows = message.reply_markup?.inline_keyboard ?? [];
  if (!rows.length) return null;
  const lines = rows.map((row) => {
    return el("div", { class: "row-of-keys" }, ...row.map((button) => key(button, press)));
  });
  return el("div", { class: "keys" }, ...lines);
}

// Return the inside of a message's element; `press(button, element)` is called for its keys.
export function inside(message, reaction, press) {
  const carried = attachment(message);
  const text = words(message);
  const unknown = carried || text ? null : el("div", { class: "text" }, t("other-message"));
  const parts = [quoted(message), carried, text, unknown, foot(message)];
  const bubble = el("div", { class: "bub" }, ...parts.filter(Boolean));
  const mark = reaction ? el("span", { class: "chip reaction" }, reaction) : null;
  return [bubble, mark, keyboard(message, press)].filter(Boolean);
}
