// The keys under a message: call the bot, open an address, pay.

import { el, icon } from "./dom.js";
import { askForMessage } from "./pay.js";
import { send } from "./server.js";
import { t } from "./texts.js";
import { toast } from "/static/toast.js";

const PRESSED_MS = 3000;

async function press(place, message, button, element) {
  const label = button.text;
  element.disabled = true;
  element.replaceChildren(icon("check"), label);
  const again = () => {
    element.disabled = false;
    element.replaceChildren(label);
  };
  setTimeout(again, PRESSED_MS);
  try {
    const wanted = button.callback_data ?? label;
    await send({ person: place, press: wanted, message_id: message.message_id });
  } catch {
    again();
    toast(t("failed"));
  }
}

// Return one key of a message.
export function key(place, message, button) {
  const kind = `btn ${button.style ?? ""}`.trim();
  const url = button.url ?? button.web_app?.url;
  // The link of an invoice is paid here.
  if (url && !url.startsWith("https://t.me/$")) {
    const link = { class: kind, href: url, target: "_blank", rel: "noreferrer noopener" };
    return el("a", link, button.text, icon("out"));
  }
  const made = el("button", { class: kind, type: "button" }, button.text);
  made.addEventListener("click", () => {
    if (button.pay) askForMessage(place, message);
    else press(place, message, button, made);
  });
  return made;
}

// Return the keys under a message, or null.
export function keyboard(place, message) {
  const rows = message.reply_markup?.inline_keyboard ?? [];
  if (!rows.length) return null;
  const lines = rows.map((row) => {
    return el("div", { class: "row-of-keys" }, ...row.map((button) => key(place, message, button)));
  });
  return el("div", { class: "keys" }, ...lines);
}
