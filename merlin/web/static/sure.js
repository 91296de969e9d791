// A question asked in place is closed with "No" or Escape.

function close(details) {
  details.open = false;
  details.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  const no = event.target.closest("[data-no]");
  if (!no) return;
  event.preventDefault();
  close(no.closest("details"));
});

document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest?.("details.sure[open]");
  if (open) close(open);
});
