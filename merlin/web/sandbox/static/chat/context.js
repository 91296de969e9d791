// The line over the field: what the next message answers, corrects or forwards.

import { el, icon } from "./dom.js";
import { t } from "./texts.js";

const place = document.getElementById("context");
const field = document.getElementById("message");
let context = null;

const WORDS = { reply: () => t("replying"), edit: () => t("correcting"), forward: () => t("forwarding") };

function draw() {
  if (!context) {
    place.replaceChildren();
    return;
  }
  const [first] = context.messages;
  const many = context.messages.length > 1 ? ` ${context.messages.length}` : "";
  const words = el("span", { class: "words" }, first.text ?? first.caption ?? "…");
  const label = el("b", {}, `${WORDS[context.kind]()}${many}`);
  const button = el("button", { class: "btn bare icon", type: "button", "aria-label": t("cancel") });
  button.append(icon("close"));
  button.addEventListener("click", () => {
    dropContext();
    field.focus();
  });
  place.replaceChildren(el("div", { class: "context" }, el("span", {}, label, el("br"), words), button));
}

// Begin to answer, correct or forward a message; more forwards are added to the first.
export function setContext(kind, message, view) {
  const goesOn = kind === "forward" && context?.kind === "forward" && context.chatId === view.chatId;
  const messages = goesOn ? [...context.messages, message] : [message];
  context = { kind, messages, place: view.place, chatId: view.chatId };
  if (kind === "edit") field.value = message.text ?? message.caption ?? "";
  draw();
  field.focus();
}

export function dropContext() {
  if (context?.kind === "edit") field.value = "";
  context = null;
  draw();
}

// Return what stands over the field and take it away.
export function takeContext() {
  const taken = context;
  context = null;
  draw();
  return taken;
}

// A reply or correction belongs to its place; a forward is taken along.
export function leavePlace() {
  if (context && context.kind !== "forward") dropContext();
}
