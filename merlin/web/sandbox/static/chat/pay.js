// What somebody is asked before Stars move: for what, and how many.

import { el } from "./dom.js";
import { act } from "./server.js";
import { t } from "./texts.js";
import { toast } from "/static/toast.js";

const dialog = document.getElementById("pay");
const words = document.getElementById("pay-words");
const yes = document.getElementById("pay-yes");
let paying = () => {};

// Ask whether the invoice in a message is to be paid.
export function askForMessage(place, { invoice, message_id: what }) {
  const [who] = place.split("@");
  words.replaceChildren(el("p", {}, el("b", {}, invoice.title), el("br"), invoice.description));
  yes.textContent = `${t("pay-yes")} ⭐ ${invoice.total_amount}`;
  yes.disabled = false;
  paying = () => act(who, "pay", { what });
  if (!dialog.open) dialog.showModal();
}

yes.addEventListener("click", async () => {
  yes.disabled = true;
  try {
    await paying();
  } catch (error) {
    toast(error.message);
  }
  dialog.close();
});
document.getElementById("pay-no").addEventListener("click", () => dialog.close());
