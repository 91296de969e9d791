// The list of courses: the server searches; Escape hides a description until its card is left.

const all = document.getElementById("all");
const list = document.getElementById("list");

function failed(event) {
  const shown = document.getElementById("list-failed").content.cloneNode(true);
  const number = event.detail.xhr?.getResponseHeader("X-Request-Id");
  const line = shown.querySelector(".case");
  line.hidden = !number;
  line.textContent = line.textContent.replace("{}", number);
  shown.querySelector("[data-again]").addEventListener("click", () => document.getElementById("seek").requestSubmit());
  list.replaceChildren(shown);
  all.open = true;
}

// It may be old when it is opened again.
function reopen() {
  if (!all.open && window.htmx) document.getElementById("seek").requestSubmit();
}

export function startList() {
  if (!all) return;
  all.firstElementChild.addEventListener("click", reopen);
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    // Who already stands on a card keeps it.
    if (event.detail.target === list && list.querySelector(".card:focus-within")) event.detail.shouldSwap = false;
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === list) all.open = true;
  });
  for (const kind of ["responseError", "sendError", "timeout"]) {
    document.body.addEventListener(`htmx:${kind}`, failed);
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const card of document.querySelectorAll(".card:is(:hover,:focus-within)")) card.classList.add("shut");
});
for (const kind of ["pointerleave", "focusout"]) {
  document.addEventListener(kind, (event) => {
    const card = event.target.closest?.(".card");
    if (!card?.contains(event.relatedTarget)) card?.classList.remove("shut");
  }, true);
}
