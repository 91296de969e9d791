// Pages of teachers and admins: a question asked in place is closed with "No" or Escape, and a form
// that was sent says so.

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

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || event.target.method !== "post" || event.defaultPrevented) return;
  const busy = event.target.dataset.busy;
  // After the browser has read the form: a disabled button would not be sent.
  setTimeout(() => {
    button.disabled = true;
    if (busy) button.textContent = busy;
  });
});

// Back by the browser: the page is asked for anew, so that its forms are new ones.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

document.querySelector(".rooms [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
document.getElementById("wrong")?.scrollIntoView({ block: "nearest" });
document.getElementById("proof")?.focus({ preventScroll: false });
