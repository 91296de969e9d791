// A form that was sent says so, and is not sent again.

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
