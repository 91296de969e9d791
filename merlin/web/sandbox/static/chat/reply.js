// The button beside a message that answers it.

import { setContext } from "./context.js";
import { el, icon } from "./dom.js";
import { t } from "./texts.js";

export function replyButton(message) {
  const button = el("button", { class: "btn bare icon to-reply", type: "button", "aria-label": t("reply") });
  button.append(icon("undo"));
  button.addEventListener("click", () => setContext(message));
  return button;
}
