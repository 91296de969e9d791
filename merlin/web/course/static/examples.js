// The page of examples. By the keyboard: Ctrl+Enter is "Done", Ctrl+S saves all edits and the open one.

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey)) return;
  const isDone = event.key === "Enter" && event.target.closest?.("#edit");
  const keys = isDone ? "Control+Enter" : event.code === "KeyS" && "Control+S";
  const button = document.querySelector(`[aria-keyshortcuts="${keys}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});

// The list refreshes itself after a commit: with as many rows as were opened by "Show more".
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "found") return;
  detail.parameters.rows = Math.min(document.querySelectorAll(".exs > .ex").length, 1000);
});
