// Pages of teachers and admins: questions are asked in place.

import "./sure.js";

// Within its row alone: a row further down would move the page from its beginning.
const before = scrollY;
for (const one of document.querySelectorAll("nav [aria-current]")) one.scrollIntoView({ block: "nearest", inline: "nearest" });
scrollTo({ top: before, behavior: "instant" });
document.getElementById("proof")?.focus({ preventScroll: false });

document.addEventListener("keydown", ({ key, target }) => {
  if (key === "Escape" && !target.closest?.("details, form")) document.querySelector("[data-escape]")?.click();
});

// Ctrl+Enter saves the form that is written in, else the first.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const saves = [...document.querySelectorAll('[aria-keyshortcuts="Control+Enter"]')];
  const save = saves.find(({ form }) => form === (event.target.form ?? form));
  if (!save) return;
  event.preventDefault();
  save.click();
});

// A box that checks all of its name.
document.addEventListener("change", ({ target }) => {
  if (!target.dataset.all) return;
  for (const box of document.getElementsByName(target.dataset.all)) if (box.checked !== target.checked) box.click();
});

// A file is shown as soon as it is chosen.
document.addEventListener("change", ({ target }) => {
  if ("send" in target.dataset && target.value) target.form.requestSubmit();
});

// What was typed is not lost without the browser's question; what is sent asks nothing.
let sent;
function isWritten(field) {
  if (field.closest(".pick, .pick-all")) return false;
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.selectedOptions) return !field.selectedOptions[0]?.defaultSelected;
  return field.value !== (field.defaultValue ?? field.value);
}
const isChanged = (form) => form !== sent && ("changed" in form.dataset || [...form.elements].some(isWritten));
const isUnsaved = () => [...document.querySelectorAll("form:is(.form, .texts)[method=post]")].some(isChanged);
document.addEventListener("submit", ({ target }) => { sent = target; });
addEventListener("pageshow", () => { sent = null; });
addEventListener("beforeunload", (event) => {
  if (isUnsaved()) event.preventDefault();
});
// A search would replace it: it waits for Enter, and leaves the page.
document.addEventListener("htmx:configRequest", (event) => {
  const { elt, triggeringEvent } = event.detail;
  if (!elt.matches("[role=search]") || !isUnsaved()) return;
  event.preventDefault();
  if (triggeringEvent?.type === "submit") elt.submit();
});
