// The blocks and texts of a rich message into elements: text is always text.

import { attachment } from "./attachment.js";
import { dots, el, icon } from "./dom.js";
import { SAFE, link } from "./entities.js";
import { key } from "./keyboard.js";
import { readFormula } from "./server.js";
import { t } from "./texts.js";

const STYLES = {
  bold: "b",
  italic: "i",
  underline: "u",
  strikethrough: "s",
  spoiler: "span",
  subscript: "sub",
  superscript: "sup",
  marked: "mark",
  code: "code",
};
const PARTS = [
  "summary", "text", "expression", "alternative_text", "button", "buttons", "blocks", "items", "cells", "caption", "credit",
];
const formulas = new Map();

// Return the words of a message, for where it is answered.
export function wordsOf(value) {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    const isText = value.some((part) => typeof part === "string");
    return value.map(wordsOf).join(isText ? "" : "\n");
  }
  return PARTS.filter((name) => name in value).map((name) => wordsOf(value[name])).join("\n");
}

// The source stands until the stand-in has written it in Unicode, as the bot writes a plain answer.
function formula(source, name = "span") {
  const element = el(name, { class: "formula", role: "math", title: source }, source);
  if (!formulas.has(source)) formulas.set(source, readFormula(source).catch(() => source));
  formulas.get(source).then((written) => {
    element.textContent = written;
  });
  return element;
}

function button(pressed, at) {
  const made = key(at.place, at.message, { ...pressed, text: wordsOf(pressed.text) });
  if (pressed.disabled) made.disabled = true;
  return made;
}

// Return the nodes of a rich text: a string, an array or an object.
function texts(value, at) {
  if (value === undefined || typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap((part) => texts(part, at));
  const inner = () => texts(value.text, at);
  if (value.type in STYLES) return [el(STYLES[value.type], {}, ...inner())];
  if (value.type === "mathematical_expression") return [formula(value.expression)];
  if (value.type === "custom_emoji") return [value.alternative_text];
  if (value.type === "button") return [button(value.button, at)];
  if (value.type === "url" && SAFE.test(value.url)) {
    const made = link(value.url);
    made.append(...inner());
    return [made];
  }
  if (value.type === "bot_command") {
    const made = el("button", { class: "command", type: "button" }, ...inner());
    made.addEventListener("click", () => at.order(value.bot_command));
    return [made];
  }
  return inner();
}

function caption(given, at) {
  if (!given) return null;
  return el("p", { class: "caption" }, ...texts(given.text, at), ...credit(given, at));
}

function credit(block, at) {
  return block.credit ? [el("cite", {}, "— ", ...texts(block.credit, at))] : [];
}

// What is wider than the bubble is scrolled, by the keyboard too.
function table(block, at) {
  const rows = block.cells.map((row) => el("tr", {}, ...row.map((cell) => {
    const { colspan, rowspan, align, valign } = cell;
    const name = cell.is_header ? "th" : "td";
    return el(name, { colspan, rowspan, class: `${align} ${valign}` }, ...texts(cell.text, at));
  })));
  const named = block.caption ? el("caption", {}, ...texts(block.caption, at)) : null;
  const marks = ["bordered", "striped", "compact"].filter((mark) => block[`is_${mark}`]);
  const body = el("table", { class: marks.join(" ") }, named, el("tbody", {}, ...rows));
  return el("div", { class: "scroll", role: "group", tabindex: "0", "aria-label": t("table") }, body);
}

function list(block, at) {
  return el("ul", { role: "list" }, ...block.items.map((item) => {
    const state = { type: "checkbox", disabled: true, checked: item.is_checked, "aria-label": t("task") };
    const mark = item.has_checkbox ? el("input", state) : el("span", {}, item.label);
    return el("li", {}, mark, el("div", {}, ...blocksOf(item.blocks, at)));
  }));
}

function media(block, at) {
  const { type, voice_note: voice, photo, document: file } = block;
  const carried = attachment({ photo, document: file, voice }) ?? el("p", {}, `[${type}]`);
  return el("div", {}, carried, caption(block.caption, at));
}

function paragraph(block, at) {
  return el("p", {}, ...texts(block.text, at));
}

function quote(block, at) {
  const inner = block.blocks ? blocksOf(block.blocks, at) : texts(block.text, at);
  return el("blockquote", {}, ...inner, ...credit(block, at));
}

function gallery(block, at) {
  return el("div", { class: "gallery" }, ...blocksOf(block.blocks, at), caption(block.caption, at));
}

const BLOCKS = {
  paragraph,
  // No heading of the page, whose outline it would break.
  heading: (block, at) => el("p", { class: `heading size${block.size}` }, ...texts(block.text, at)),
  pre: (block, at) => {
    return el("pre", { tabindex: "0", "aria-label": block.language || t("code") }, ...texts(block.text, at));
  },
  footer: (block, at) => el("p", { class: "caption" }, ...texts(block.text, at)),
  divider: () => el("hr"),
  mathematical_expression: (block) => formula(block.expression, "div"),
  anchor: () => null,
  list,
  blockquote: quote,
  expandable_blockquote: quote,
  pullquote: quote,
  collage: gallery,
  slideshow: gallery,
  table,
  details: (block, at) => {
    const sign = icon("down");
    sign.classList.add("chev");
    const summary = el("summary", {}, el("span", {}, ...texts(block.summary, at)), sign);
    return el("details", { open: block.is_open }, summary, ...blocksOf(block.blocks, at));
  },
  map: (block, at) => {
    const { latitude, longitude } = block.location;
    return el("p", {}, `📍 ${latitude}, ${longitude}`, caption(block.caption, at));
  },
  animation: media,
  audio: media,
  document: media,
  photo: media,
  video: media,
  voice_note: media,
  buttons: (block, at) => {
    const keys = block.buttons.map((one) => button(one, at));
    return el("div", { class: `row-of-keys ${block.align ?? ""}` }, ...keys);
  },
  thinking: (block, at) => el("p", { class: "thinking" }, dots(t("thinking")), ...texts(block.text, at)),
};

function blocksOf(blocks, at) {
  return blocks.map((block) => BLOCKS[block.type](block, at)).filter(Boolean);
}

// `at` has the place and the message of its keys; `at.order(command)` is called for a pressed command.
export function rich(message, at) {
  return el("div", { class: "text rich" }, ...blocksOf(message.rich_message.blocks, { ...at, message }));
}
