// A lecture: code can be copied, the contents show where one is, and the front page knows it next time.

import { setCookie } from "./theme.js";

for (const button of document.querySelectorAll("[data-copy]")) {
  const words = button.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.textContent = button.dataset.copy;
    button.classList.add("done");
    setTimeout(() => {
      button.textContent = words;
      button.classList.remove("done");
    }, 2000);
  });
}

const links = new Map([...document.querySelectorAll(".toc a")].map((a) => [a.hash.slice(1), a]));

function mark(id) {
  for (const [name, link] of links) {
    if (name === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

if (links.size) {
  const seen = new IntersectionObserver(
    (entries) => { for (const entry of entries) if (entry.isIntersecting) mark(entry.target.id); },
    { rootMargin: "-80px 0px -65% 0px" },
  );
  for (const id of links.keys()) seen.observe(document.getElementById(id));
}

// How far somebody came, in percent, for the link of the front page; read to its end it is forgotten.
const text = document.querySelector(".read[data-place]");
const begun = () => document.cookie.match(/merlin_read=([\d.]+)/)?.[1] ?? "";
const MOST = 95;
let pause = 0;

function note() {
  const { top, height } = text.getBoundingClientRect();
  const percent = Math.max(0, Math.round((100 * (innerHeight - top)) / height));
  if (percent < MOST) setCookie("merlin_read", `${text.dataset.place}.${percent}`);
  else if (begun().startsWith(`${text.dataset.place}.`)) setCookie("merlin_read", "");
}

if (text) {
  if (location.hash === "#go-on" && begun().startsWith(`${text.dataset.place}.`)) {
    const { top, height } = text.getBoundingClientRect();
    const percent = Number(begun().split(".").pop());
    scrollTo({ top: scrollY + top + (height * percent) / 100 - innerHeight, behavior: "instant" });
  }
  // Not when the page is left: the next one is asked for before that.
  addEventListener("scroll", () => {
    clearTimeout(pause);
    pause = setTimeout(note, 200);
  }, { passive: true });
}
