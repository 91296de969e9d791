// The page of examples: rows are selected.

// How many rows are selected; "select all" selects those that are shown.
function count() {
  document.querySelector(".several output").value = document.querySelectorAll("[name=row]:checked").length;
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
