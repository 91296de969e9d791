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
document.addEventListener("change", ({ target }) => {
  if (target.name === "row") count();
});
document.addEventListener("reset", () => setTimeout(count));

if (document.querySelector("[name=row]:checked")) count();

// The list refreshes itself after a commit: with as many rows as were opened by "Show more"; never what was selected.
document.addEventListener("htmx:configRequest", (event) => {
  const { elt, parameters } = event.detail;
  if (elt.id !== "found") return;
  if (document.querySelector("[name=row]:checked")) event.preventDefault();
  parameters.rows = Math.min(document.querySelectorAll(".exs > .ex").length, 1000);
});
