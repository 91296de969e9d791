// What every page does; all of it works without scripts.

import { load, paint } from "./keep.js";
import { startList } from "./list.js";
import { headers, session } from "./server.js";
import "./cookies.js";

// It comes after all that the page is painted with.
const htmx = document.querySelector("[name=htmx-config]");
if (htmx) addEventListener("load", () => document.head.append(Object.assign(document.createElement("script"), { src: htmx.dataset.src })));
document.body.addEventListener("htmx:configRequest", (event) => {
  Object.assign(event.detail.headers, headers());
});
// Nobody looks at a page in the background: what asks again by itself waits.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && !event.detail.requestConfig.triggeringEvent) event.preventDefault();
});
document.body.addEventListener("htmx:afterSwap", paint);
// What was typed before htmx listened.
document.body.addEventListener("htmx:load", ({ target }) => {
  const field = target.querySelector("[hx-get] [type=search]");
  if (field?.value !== field?.defaultValue) field.form.requestSubmit();
});
document.body.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status === 401) delete session["merlin.token"];
});
startList();

const isInTelegram = location.hash.includes("tgWebAppData=") || session["merlin.telegram"];
if (isInTelegram) {
  document.documentElement.classList.add("tg");
  const { startTelegram } = await import("./telegram.js");
  await startTelegram();
} else {
  load();
}
