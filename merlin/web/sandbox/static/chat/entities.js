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
const SAFE = /^(https?|tg|mailto):/i;

function wrapper(entity, text) {
  if (entity.type === "pre") {
    return el("pre", { tabindex: "0", "aria-label": entity.language || t("code") });
  }
  if (entity.type === "spoiler") return el("span", { class: "spoiler" });
  if (entity.type === "text_link" || entity.type === "url") {
    const url = entity.url ?? text;
    if (SAFE.test(url)) return el("a", { href: url, target: "_blank", rel: "noreferrer noopener" });
  }
  return el(TAGS[entity.type] ?? "span");
}

// Put what [start, end) says into `parent`; `entities` lie within it, outer ones first.
function fill(parent, text, entities, start, end) {
  let place = start;
  let next = 0;
  while (next < entities.length) {
    const entity = entities[next];
    const from = Math.max(entity.offset, place);
    const to = Math.min(entity.offset + entity.length, end);
    next += 1;
    if (to <= from) continue;
    if (from > place) parent.append(text.slice(place, from));
    const inner = [];
    while (next < entities.length && entities[next].offset < to) inner.push(entities[next++]);
    const made = wrapper(entity, text.slice(from, to));
    fill(made, text, inner, from, to);
    parent.append(made);
    place = to;
  }
  if (place < end) parent.append(text.slice(place, end));
}

export function marked(text, entities = []) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const body = el("div", { class: "text" });
  fill(body, text, sorted, 0, text.length);
  return body;
}
