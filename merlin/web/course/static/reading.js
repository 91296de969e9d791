// A lecture: code can be copied, and the contents show where one is.

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
