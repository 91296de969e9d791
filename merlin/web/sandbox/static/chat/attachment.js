// Files, photos, voices and invoices in a bubble.

import { el, icon } from "./dom.js";
import { fileUrl } from "./server.js";
import { lengthOf, sizeOf, t } from "./texts.js";

// A small picture that opens the whole one.
function photo(sizes) {
  const { file_id: id, width, height } = sizes[sizes.length - 1];
  const image = el("img", { src: fileUrl(id), alt: t("photo"), width, height, loading: "lazy" });
  return el("a", { class: "photo", href: fileUrl(id), target: "_blank" }, image);
}

function file(sent) {
  const name = sent.file_name ?? t("file");
  const kind = name.includes(".") ? name.split(".").pop().toUpperCase() : t("file");
  const about = el("span", { class: "meta" }, `${kind} · ${sizeOf(sent.file_size)}`);
  const link = el("a", { href: fileUrl(sent.file_id), download: name }, name);
  const words = el("span", {}, link, el("br"), about);
  return el("div", { class: "att" }, el("span", { class: "tile" }, icon("file")), words);
}

function voice(sent) {
  const length = lengthOf(sent.duration);
  const sound = new Audio();
  sound.preload = "none";
  sound.src = fileUrl(sent.file_id);
  const button = el("button", { class: "btn main icon", type: "button" });
  const show = () => {
    const word = sound.paused ? t("play") : t("pause");
    button.replaceChildren(icon(sound.paused ? "play" : "stop"));
    button.setAttribute("aria-label", `${word}: ${t("voice-message")}, ${length}`);
  };
  for (const event of ["play", "pause", "ended"]) sound.addEventListener(event, show);
  button.addEventListener("click", () => {
    if (sound.paused) sound.play().catch(show);
    else sound.pause();
  });
  show();
  const about = el("span", { class: "meta" }, length);
  return el("div", { class: "att" }, button, about);
}

function invoice(sent, isPaid) {
  const price = el("b", { class: "price" }, `⭐ ${sent.total_amount}`);
  const text = el("div", { class: "text" }, el("b", {}, sent.title), `\n${sent.description}`);
  const paid = isPaid ? el("span", { class: "chip ok" }, icon("check"), t("paid")) : null;
  return el("div", { class: "invoice" }, text, ...[price, paid].filter(Boolean));
}

// Return what a message carries besides text, or null.
export function attachment(message) {
  if (message.photo) return photo(message.photo);
  if (message.document) return file(message.document);
  if (message.voice) return voice(message.voice);
  if (message.invoice) return invoice(message.invoice, message.receipt);
  if (message.successful_payment) {
    const stars = `${t("paid")}: ⭐ ${message.successful_payment.total_amount}`;
    return el("div", { class: "text" }, stars);
  }
  if (message.refunded_payment) {
    const stars = `${t("refunded")}: ⭐ ${message.refunded_payment.total_amount}`;
    return el("div", { class: "text" }, stars);
  }
  return null;
}
