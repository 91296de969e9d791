// What stands in a chat in which nothing was said yet.

import { el, icon } from "./dom.js";
import { t } from "./texts.js";

export function emptyState(isGroup, start) {
  const title = el("h2", {}, isGroup ? t("empty-group-title") : t("empty-title"));
  const text = el("p", {}, isGroup ? t("empty-group-text") : t("empty-text"));
  const parts = [icon("ask"), title, text];
  if (!isGroup) {
    const button = el("button", { class: "btn main", type: "button" }, t("start"));
    button.addEventListener("click", start);
    parts.push(button);
  }
  return el("div", { class: "state" }, ...parts);
}
