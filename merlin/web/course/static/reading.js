// A lecture: code can be copied.

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
