import { session } from "./server.js";

// The page of examples by the keyboard: j and k go through the rows, x selects one, e opens it.

const rows = () => [...document.querySelectorAll(".ex > a")];
const move = (row, by) => rows()[rows().indexOf(row) + by]?.focus();
const keys = {
  KeyJ: (row) => move(row, 1),
  KeyK: (row) => row && move(row, -1),
  KeyX: (row) => row?.parentElement.querySelector("[name=row]").click(),
  KeyE: (row) => row?.click(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("textarea, select, input:not([type=checkbox])")) return;
  // By the place of the key: a Russian keyboard has other letters there.
  keys[event.code]?.(event.target.closest(".ex")?.querySelector(":scope > a"));
});

// How many rows are selected; "select all" selects those that are shown.
function count() {
  const { length } = document.querySelectorAll("[name=row]:checked");
  for (const place of document.querySelectorAll(".several output")) place.value = length;
}

// What is selected stays while one opens an example, closes it, searches or shows more; until it is sent or unselected.
const place = `merlin.rows:${location.pathname.replace(/\/(one|new|several)$/, "")}`;
const chosen = new Set(JSON.parse(session[place] ?? "[]"));
const boxes = () => document.querySelectorAll("[name=row]");
const idOf = (box) => box.value.slice(box.value.indexOf(" ") + 1);

function keep() {
  for (const box of boxes()) {
    if (box.checked) chosen.add(idOf(box));
    else chosen.delete(idOf(box));
  }
  session[place] = JSON.stringify([...chosen]);
  count();
}

function choose() {
  for (const box of boxes()) box.checked ||= chosen.has(idOf(box));
  keep();
}

document.addEventListener("change", ({ target }) => {
  if (target.name === "row") keep();
});
document.addEventListener("reset", () => {
  chosen.clear();
  setTimeout(keep);
});
document.addEventListener("submit", ({ target }) => {
  if (target.id === "several") session[place] = "[]";
});
document.addEventListener("htmx:afterSettle", choose);
choose();

// The list refreshes itself after a commit: with as many rows as were opened by "Show more"; never what was selected.
document.addEventListener("htmx:configRequest", (event) => {
  const { elt, parameters } = event.detail;
  if (elt.id !== "found") return;
  if (document.querySelector("[name=row]:checked")) event.preventDefault();
  parameters.rows = Math.min(document.querySelectorAll(".exs > .ex").length, 1000);
});
