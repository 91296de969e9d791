// The line over the field: which message the next one answers.

import { el, icon } from "./dom.js";
import { wordsOf } from "./rich.js";
import { t } from "./texts.js";

const place = document.getElementById("context");
const field = document.getElementById("message");
let replied = null;

// Begin to answer a message.
export function setContext(message) {
  replied = message;
  const words = el("span", { class: "words" }, message.text ?? message.caption ?? wordsOf(message.rich_message ?? "…"));
  const button = el("button", { class: "btn bare icon", type: "button", "aria-label": t("cancel") });
  button.append(icon("close"));
  button.addEventListener("click", () => {
    dropContext();
    field.focus();
  });
  const line = el("span", {}, el("b", {}, t("replying")), el("br"), words);
  place.replaceChildren(el("div", { class: "context" }, line, button));
  field.focus();
}

export function dropContext() {
  replied = null;
  place.replaceChildren();
}

// Return the message that is answered, or null, and take it away.
export function takeContext() {
  const taken = replied;
  dropContext();
  return taken;
}
