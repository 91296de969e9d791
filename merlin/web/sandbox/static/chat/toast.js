// One line over the page: what the bot answered to a pressed key.

const SHOWN_MS = 6000;
const place = document.getElementById("toast");
let timer = 0;

export function toast(text) {
  clearTimeout(timer);
  const words = document.createElement("span");
  words.textContent = text;
  place.replaceChildren(words);
  timer = setTimeout(() => place.replaceChildren(), SHOWN_MS);
}
