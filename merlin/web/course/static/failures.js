// What was asked and did not come is said: once of what the page asks for by itself, until it comes.

import { say, toast } from "./toast.js";
import "./busy.js";

const place = document.getElementById("toast");
let isLost = false;

// What an error page says, and its link to sign in; "" for a page that is not ours.
export function readRefusal(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  return { told: page.querySelector("main h1")?.textContent ?? "", link: page.querySelector("main [target]") };
}

function fail({ detail: { xhr, requestConfig } }) {
  const isAsked = Boolean(requestConfig.triggeringEvent);
  if (isLost && !isAsked && place.firstChild) return;
  isLost ||= !isAsked;
  const { failed, lost } = document.getElementById("keep").dataset;
  const { told, link } = readRefusal(xhr.responseText);
  if (isAsked || link) toast(told || failed, link && (() => open(link.href)), link?.textContent);
  else say(told || lost);
}

for (const kind of ["responseError", "sendError", "timeout"]) document.body.addEventListener(`htmx:${kind}`, fail);
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful || !isLost) return;
  isLost = false;
  place.replaceChildren();
});
