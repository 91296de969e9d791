// The page of examples. By the keyboard: Ctrl+Enter saves.

document.addEventListener("keydown", (event) => {
  const button = document.querySelector('[aria-keyshortcuts="Control+Enter"]');
  if (!button || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  button.click();
});

// The list refreshes itself after a commit: with as many rows as were opened by "Show more".
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "found") return;
  detail.parameters.rows = Math.min(document.querySelectorAll(".exs > .ex").length, 1000);
});
