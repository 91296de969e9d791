// The page of examples. By the keyboard: Ctrl+Enter is "Done", Ctrl+S saves all edits.

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey)) return;
  const done = event.key === "Enter" && event.target.closest?.("#edit");
  const save = event.code === "KeyS" && document.querySelector(".savebar > form:last-child");
  const form = done || save;
  if (!form) return;
  event.preventDefault();
  form.requestSubmit(document.querySelector(`[form="${form.id}"]`) ?? form.querySelector("button"));
});

// The list refreshes itself after a commit: with as many rows as were opened by "Show more".
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "found") return;
  detail.parameters.rows = Math.min(document.querySelectorAll(".exs > .ex").length, 1000);
});
