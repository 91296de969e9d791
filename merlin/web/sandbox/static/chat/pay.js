// What somebody is asked before Stars move: for what, how many, how many they have.

import { el } from "./dom.js";
import { act, readInvoice, readWallet } from "./server.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const SLUG = /^\/invoice\/([A-Za-z0-9_-]{1,64})$/;

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

// Ask whether `what` (a message's id or a link's slug) is to be paid.
async function ask(place, invoice, what) {
  const who = personOf(place);
  const { stars } = await readWallet(who);
  const price = `⭐ ${invoice.total_amount}`;
  const every = invoice.period ? el("p", {}, t("pay-every")) : null;
  const name = document.querySelector(`[data-person=${who}] span`)?.textContent ?? who;
  const about = el("p", {}, el("b", {}, invoice.title), el("br"), invoice.description);
  const left = el("p", { class: "meta" }, `${name}. ${t("pay-balance")} ⭐ ${stars}`);
  words.replaceChildren(...[about, every, left].filter(Boolean));
  yes.textContent = `${t("pay-yes")} ${price}`;
  yes.disabled = stars < invoice.total_amount;
  paying = () => act(who, "pay", { what });
  if (!dialog.open) dialog.showModal();
}

export function askForMessage(place, message) {
  ask(place, message.invoice, message.message_id).catch(() => toast(t("failed")));
}

// Return the invoice that an address of this page leads to, undefined for any other address.
export function invoiceAt(address) {
  const { origin, pathname } = new URL(address, location.href);
  return origin === location.origin ? pathname.match(SLUG)?.[1] : undefined;
}

// Ask whether the invoice behind a link is to be paid; return whether it was asked.
export async function askForLink(place, slug) {
  try {
    const invoice = await readInvoice(slug);
    if (!invoice.title) throw new Error(slug);
    await ask(place, invoice, slug);
    return true;
  } catch {
    toast(t("invoice-not-found"));
    return false;
  }
}

// The page was opened by a link to an invoice: ask whoever is in view.
export async function offerInvoice(current) {
  const slug = invoiceAt(location.href);
  if (slug && (await askForLink(current().place, slug))) {
    dialog.addEventListener("close", () => history.replaceState(null, "", "/"), { once: true });
  }
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
