// What a person can do with a message: answer, correct, forward, react. Closed until asked for.

import { setContext } from "./context.js";
import { el, icon } from "./dom.js";
import { act } from "./server.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const EMOJI = ["👍", "👎"];

function key(label, pressed, name) {
  const made = el("button", { class: "btn small", type: "button" }, name ? icon(name) : null, label);
  made.addEventListener("click", pressed);
  return made;
}

function react(message, view, emoji) {
  const given = { message_id: message.message_id, emoji };
  const made = key(emoji, () => act(view.place, "react", given).catch(() => toast(t("failed"))));
  made.setAttribute("aria-label", `${t("react")} ${emoji}`);
  return made;
}

function keys(message, view, close) {
  const choose = (kind) => () => {
    close();
    setContext(kind, message, view);
  };
  const own = view.isMine(message) && (message.text ?? message.caption) !== undefined;
  return [
    key(t("reply"), choose("reply"), "undo"),
    own ? key(t("correct"), choose("edit"), "pencil") : null,
    key(t("forward"), choose("forward"), "right"),
    ...EMOJI.map((emoji) => react(message, view, emoji)),
  ];
}

// Return the button beside a message, and the row that it opens.
export function actsOf(message, view) {
  const row = el("div", { class: "acts", hidden: true });
  const button = el("button", {
    class: "btn bare icon open-acts",
    type: "button",
    "aria-label": t("actions"),
    "aria-expanded": "false",
  });
  button.append(icon("down"));
  const show = (open) => {
    row.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  const close = () => show(false);
  button.addEventListener("click", () => {
    if (!row.childElementCount) row.append(...keys(message, view, close).filter(Boolean));
    view.follow(() => show(row.hidden));
  });
  row.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close();
    button.focus();
  });
  return [row, button];
}
