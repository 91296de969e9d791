// What every page does once it is here. All of it works without, a little slower.

import { load, paint } from "./keep.js";
import { startList } from "./list.js";
import { headers, readRefusal } from "./server.js";
import { endLasting, toast } from "./toast.js";
import "./busy.js";
import "./theme.js";

document.body.addEventListener("htmx:configRequest", (event) => {
  Object.assign(event.detail.headers, headers());
});
// Nobody looks at a page in the background: what asks again by itself waits.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && !event.detail.requestConfig.triggeringEvent) event.preventDefault();
});
document.body.addEventListener("htmx:afterSwap", () => paint());
// What was typed before htmx listened.
document.body.addEventListener("htmx:load", ({ target }) => {
  const field = target.querySelector("[hx-get] [type=search]");
  if (field?.value !== field?.defaultValue) field.form.requestSubmit();
});
// What was asked and did not come is said: once of what the page asks for by itself, until it comes.
let isLost = false;
function fail({ detail: { xhr, target, requestConfig } }) {
  if (xhr.status === 401) sessionStorage.removeItem("merlin.token");
  const isAsked = Boolean(requestConfig.triggeringEvent);
  if (target.id === "list" || (isLost && !isAsked)) return;
  isLost ||= !isAsked;
  const { failed, lost } = document.getElementById("keep").dataset;
  const { told, link } = readRefusal(xhr.responseText);
  toast(told || (isAsked ? failed : lost), link && (() => open(link.href)), link?.textContent, isLost);
}
for (const kind of ["responseError", "sendError", "timeout"]) document.body.addEventListener(`htmx:${kind}`, fail);
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful || !isLost) return;
  isLost = false;
  endLasting();
});
startList();

const isInTelegram = location.hash.includes("tgWebAppData=") || sessionStorage.getItem("merlin.telegram");
if (isInTelegram) {
  document.documentElement.classList.add("tg");
  const { startTelegram } = await import("./telegram.js");
  await startTelegram();
} else {
  load();
}
