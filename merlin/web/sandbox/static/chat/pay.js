// What somebody is asked before Stars move: for what, how many, how many they have.

import { el } from "./dom.js";
import { act, readWallet } from "./server.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const dialog = document.getElementById("pay");
const words = document.getElementById("pay-words");
const yes = document.getElementById("pay-yes");
const chip = document.getElementById("stars");
let paying = () => {};

function personOf(place) {
  return place.split(/[@#]/)[0];
}

// Show how many Stars the person in view has.
export async function showStars(place) {
  const { stars } = await readWallet(personOf(place));
  chip.textContent = `⭐ ${stars}`;
  chip.hidden = false;
}

async function ask(place, { invoice, message_id: what }) {
  const who = personOf(place);
  const { stars } = await readWallet(who);
  const price = `⭐ ${invoice.total_amount}`;
  const name = document.querySelector(`[data-person=${who}] span`)?.textContent ?? who;
  const about = el("p", {}, el("b", {}, invoice.title), el("br"), invoice.description);
  const left = el("p", { class: "meta" }, `${name}. ${t("pay-balance")} ⭐ ${stars}`);
  words.replaceChildren(about, left);
  yes.textContent = `${t("pay-yes")} ${price}`;
  yes.disabled = stars < invoice.total_amount;
  paying = () => act(who, "pay", { what });
  if (!dialog.open) dialog.showModal();
}

// Ask whether the invoice in a message is to be paid.
export function askForMessage(place, message) {
  ask(place, message).catch(() => toast(t("failed")));
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
