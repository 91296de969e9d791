// The engine's pages: parts are asked for by htmx; when the engine falls silent, the page says so.

import "./busy.js";
import "./sure.js";
import "./theme.js";

const lost = document.getElementById("lost");

function say(words) {
  if (!words) {
    lost.replaceChildren();
  } else if (!lost.firstChild) {
    const said = document.createElement("span");
    said.textContent = words;
    lost.append(said);
  }
}

for (const kind of ["htmx:sendError", "htmx:timeout"]) {
  document.body.addEventListener(kind, () => say(lost.dataset.words));
}
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.xhr?.status) say("");
});
document.getElementById("wrong")?.scrollIntoView({ block: "nearest" });
