// What the bot wants to be read: a dialog, closed by its button or Escape.

const dialog = document.getElementById("alert");
const words = document.getElementById("alert-text");

export function alertOf(text) {
  words.textContent = text;
  if (!dialog.open) dialog.showModal();
}

document.getElementById("alert-close").addEventListener("click", () => dialog.close());
