// A link that opens the bot (t.me/<bot>?start=<payload>): the person who writes presses Start.

import { el } from "./dom.js";
import { act } from "./server.js";
import { t } from "./texts.js";
import { toast } from "/static/toast.js";

const PAYLOAD = /^[A-Za-z0-9_-]{1,64}$/;

// `current()` gives the log of the chat in view: who stands there goes by the link.
export function offerLink(current) {
  const payload = new URLSearchParams(location.search).get("start") ?? "";
  if (!PAYLOAD.test(payload)) return;
  const button = el("button", { class: "btn main", type: "button" }, t("link-start"));
  const words = el("span", {}, el("b", {}, t("link-title")), el("br"), t("link-about"));
  const place = el("div", { class: "over", id: "link" }, el("div", { class: "context" }, words, button));
  document.getElementById("context").before(place);
  button.addEventListener("click", async () => {
    try {
      await act(current().place.split("@")[0], "start", { payload });
    } catch {
      toast(t("failed"));
      return;
    }
    place.remove();
    history.replaceState(null, "", "/");
    document.getElementById("message").focus();
  });
}
