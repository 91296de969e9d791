// A form that was sent says so, and is not sent again.

const sent = [];

// What was wrong with it is where reading and Tab go on.
document.getElementById("wrong")?.focus();

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || event.target.method !== "post") return;
  const busy = button.dataset.busy ?? event.target.dataset.busy;
  // After the browser has read the form: a disabled button would not be sent. A script may send it otherwise.
  setTimeout(() => {
    if (event.defaultPrevented) return;
    sent.push([button, [...button.childNodes]]);
    button.disabled = true;
    if (busy) button.textContent = busy;
  });
});

// Back by the browser: what was typed stays and can be sent; any other page is asked for anew.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  const fields = [...document.querySelectorAll("textarea, input:not([type=hidden])")];
  if (!fields.some((field) => field.value !== field.defaultValue)) location.reload();
  for (const [button, words] of sent.splice(0)) {
    button.disabled = false;
    button.replaceChildren(...words);
  }
});
