// The engine's key: shown, hidden, copied.

import { toast } from "./chat/toast.js";

const key = document.getElementById("engine-key");
const reveal = document.getElementById("reveal");
const copy = document.getElementById("copy-key");

reveal?.addEventListener("click", () => {
  const words = reveal.textContent;
  reveal.textContent = reveal.dataset.hide;
  reveal.dataset.hide = words;
  const hidden = key.textContent;
  key.textContent = key.dataset.key;
  key.dataset.key = hidden;
});

copy?.addEventListener("click", async () => {
  const isShown = !key.textContent.startsWith("•");
  await navigator.clipboard.writeText(isShown ? key.textContent : key.dataset.key);
  toast(copy.dataset.copied);
});
