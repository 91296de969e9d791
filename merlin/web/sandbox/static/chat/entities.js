// Text with Telegram's entities into elements. Offsets are UTF-16 units, as strings here are.

import { el } from "./dom.js";
import { t } from "./texts.js";

const TAGS = {
  bold: "b",
  italic: "i",
  underline: "u",
  strikethrough: "s",
  code: "code",
  blockquote: "blockquote",
  expandable_blockquote: "blockquote",
};
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);
export const SAFE = /^(https?|tg|mailto):/i;
// What Telegram makes a link by itself: addresses, and commands, which are sent when pressed.
const LINKS = /https?:\/\/[^\s<>«»"]+[^\s<>«»".,;:!?)]|(?<!\S)\/[a-z][a-z0-9_]{0,31}(?:@\w+)?(?![\w/])/gi;

export function link(url) {
  return el("a", { href: url, target: "_blank", rel: "noreferrer noopener" });
}

function wrapper(entity, text) {
  if (entity.type === "pre") return el("pre", { tabindex: "0", "aria-label": entity.language || t("code") });
  if (entity.type === "text_link" || entity.type === "url") {
    const url = entity.url ?? text;
    if (SAFE.test(url)) return link(url);
  }
  return el(TAGS[entity.type] ?? "span");
}

// A block stands on lines of its own: the line's end beside it is not shown once more.
function beside(text, afterBlock, beforeBlock) {
  const begun = afterBlock && text.startsWith("\n") ? text.slice(1) : text;
  return beforeBlock && begun.endsWith("\n") ? begun.slice(0, -1) : begun;
}

// Put plain text into `parent`; addresses become links, commands keys that call `order`.
function plain(parent, text, order) {
  let place = 0;
  for (const found of text.matchAll(LINKS)) {
    const words = found[0];
    parent.append(text.slice(place, found.index));
    place = found.index + words.length;
    if (words.startsWith("http")) {
      const made = link(words);
      made.append(words);
      parent.append(made);
    } else {
      const made = el("button", { class: "command", type: "button" }, words);
      made.addEventListener("click", () => order(words));
      parent.append(made);
    }
  }
  parent.append(text.slice(place));
}

// Put what [start, end) says into `parent`; `entities` lie within it, outer ones first.
function fill(parent, text, entities, [start, end], order) {
  let place = start;
  let next = 0;
  let afterBlock = false;
  while (next < entities.length) {
    const entity = entities[next];
    const from = Math.max(entity.offset, place);
    const to = Math.min(entity.offset + entity.length, end);
    next += 1;
    if (to <= from) continue;
    const isBlock = BLOCKS.has(entity.type);
    if (from > place) plain(parent, beside(text.slice(place, from), afterBlock, isBlock), order);
    const inner = [];
    while (next < entities.length && entities[next].offset < to) inner.push(entities[next++]);
    const part = text.slice(from, to);
    const made = wrapper(entity, part);
    if (entity.type === "bot_command") plain(made, part, order);
    else if (["pre", "code", "text_link", "url"].includes(entity.type) && !inner.length) made.append(part);
    else fill(made, text, inner, [from, to], order);
    parent.append(made);
    place = to;
    afterBlock = isBlock;
  }
  if (place < end) plain(parent, beside(text.slice(place, end), afterBlock, false), order);
}

// `order(command)` is called for a pressed command.
export function marked(text, entities = [], order = () => {}) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const body = el("div", { class: "text" });
  fill(body, text, sorted, [0, text.length], order);
  return body;
}
