// Text with Telegram's entities into elements. Offsets are UTF-16 units, as strings here are.

import { el } from "./dom.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

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
const SAFE = /^(https?|tg|mailto):/i;
// What Telegram makes a link by itself: addresses, and commands, which are sent when pressed.
const LINKS = /https?:\/\/[^\s<>«»"]+[^\s<>«»".,;:!?)]|(?<!\S)\/[a-z][a-z0-9_]{0,31}(?:@\w+)?(?![\w/])/gi;

function link(url) {
  return el("a", { href: url, target: "_blank", rel: "noreferrer noopener" });
}

function spoiler() {
  const made = el("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": t("spoiler") });
  const show = () => {
    made.classList.add("shown");
    for (const name of ["role", "tabindex", "aria-label"]) made.removeAttribute(name);
  };
  made.addEventListener("click", show);
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    show();
  });
  return made;
}

export async function copy(text) {
  await navigator.clipboard.writeText(text);
  toast(t("copied"));
}

// A block of code with its language and a key that copies it.
function block(entity, inner, text) {
  const label = entity.language || t("code");
  const button = el("button", { class: "btn bare small", type: "button" }, t("copy"));
  button.addEventListener("click", () => copy(text));
  const head = el("div", { class: "code-head" }, el("span", {}, label), button);
  inner.setAttribute("tabindex", "0");
  inner.setAttribute("aria-label", label);
  return el("div", { class: "code" }, head, inner);
}

function wrapper(entity, text) {
  if (entity.type === "pre") return el("pre");
  if (entity.type === "spoiler") return spoiler();
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
    if (entity.type === "spoiler") made.append(el("span", {}, ...made.childNodes));
    parent.append(entity.type === "pre" ? block(entity, made, part) : made);
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
