// Pages of teachers and admins: a question asked in place is closed with "No" or Escape, and a form
// that was sent says so.

import "./busy.js";

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

document.querySelector(".rooms [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
document.getElementById("wrong")?.scrollIntoView({ block: "nearest" });
document.getElementById("proof")?.focus({ preventScroll: false });
