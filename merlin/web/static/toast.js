// One message at a time; it stays while it is read.

const SHOWN_MS = 6000;
const place = document.getElementById("toast");
let timer = 0;

function rest() {
  clearTimeout(timer);
  timer = setTimeout(() => place.replaceChildren(), SHOWN_MS);
}

export function say(words) {
  clearTimeout(timer);
  const said = document.createElement("span");
  said.textContent = words;
  place.replaceChildren(said);
}

// Say it for a while; `act` may follow, under a button of the word `label`, else "Undo".
export function toast(words, act, label) {
  say(words);
  if (act) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label ?? document.getElementById("keep").dataset.undo;
    button.addEventListener("click", () => {
      place.replaceChildren();
      act();
    });
    place.append(button);
  }
  rest();
}

for (const kind of ["pointerenter", "focusin"]) place.addEventListener(kind, () => clearTimeout(timer));
for (const kind of ["pointerleave", "focusout"]) place.addEventListener(kind, rest);
