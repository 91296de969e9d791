// «ВСЕ КУРСЫ» and the list below it: asked of the server when it is first opened or something is
// looked for, and opened once it is here; its mini-descriptions close with Escape.

import { paint } from "./keep.js";

// Longer than that, the place of the list is shown before it comes.
const PATIENCE_MS = 300;
const all = document.getElementById("all");
const list = document.getElementById("list");
let isLoaded = all?.open ?? false;
let waiting;

function unfold() {
  waiting = setTimeout(() => { all.open = true; }, PATIENCE_MS);
  window.htmx.trigger(all, "unfold");
}

function came() {
  clearTimeout(waiting); // who closes the list at once must not see it open again
  isLoaded = true;
  all.open = true;
  paint(list);
}

function failed(event) {
  const shown = document.getElementById("list-failed").content.cloneNode(true);
  const number = event.detail.xhr?.getResponseHeader("X-Request-Id");
  const line = shown.querySelector(".case");
  line.hidden = !number;
  line.textContent = line.textContent.replace("{}", () => number);
  const { path } = event.detail.pathInfo?.finalRequestPath
    ? { path: event.detail.pathInfo.finalRequestPath } : { path: "/courses" };
  shown.querySelector("[data-again]").addEventListener("click", () => {
    window.htmx.ajax("GET", path, { target: "#list", source: "#seek" });
  });
  list.replaceChildren(shown);
  all.open = true;
}

function showAll(event) {
  const link = event.target.closest("[data-all]");
  if (!link) return;
  event.preventDefault();
  const field = document.getElementById("q");
  field.value = "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

export function startList() {
  if (!all) return;
  all.querySelector("summary").addEventListener("click", (event) => {
    if (isLoaded || all.open) return;
    event.preventDefault();
    unfold();
  });
  all.addEventListener("toggle", () => {
    if (all.open && !isLoaded) window.htmx.trigger(all, "unfold");
    if (!document.getElementById("q").value) history.replaceState(history.state, "", all.open ? "/?all=1" : "/");
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === list) came();
  });
  for (const kind of ["responseError", "sendError", "timeout"]) {
    document.body.addEventListener(`htmx:${kind}`, failed);
  }
  document.addEventListener("click", showAll);
}

// The description that lies over the list goes with Escape, and may come again afterwards.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const card of document.querySelectorAll(".card:is(:hover, :focus-within)")) card.classList.add("shut");
});
for (const kind of ["pointerleave", "focusout"]) {
  document.addEventListener(kind, (event) => event.target.closest?.(".card")?.classList.remove("shut"), true);
}
