// Pages of teachers and admins: questions are asked in place, and a form that was sent says so.

import "./busy.js";
import "./sure.js";

// Within its row alone: a row further down would move the page from its beginning.
const before = scrollY;
for (const one of document.querySelectorAll("nav [aria-current]")) one.scrollIntoView({ block: "nearest", inline: "nearest" });
scrollTo({ top: before, behavior: "instant" });
document.getElementById("wrong")?.scrollIntoView({ block: "nearest" });
document.getElementById("proof")?.focus({ preventScroll: false });

// What follows something says so where it cannot be read any more, and goes on when it can.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const live = document.querySelector(".live[data-lost]");
  if (!live || Boolean(detail.successful) === !("said" in live.dataset)) return;
  if (detail.successful) {
    live.textContent = live.dataset.said;
    delete live.dataset.said;
  } else {
    live.dataset.said = live.textContent;
    live.textContent = live.dataset.lost;
  }
});

document.addEventListener("keydown", ({ key, target }) => {
  if (key === "Escape" && !target.closest?.("details, form")) document.querySelector("[data-escape]")?.click();
});
