// The line to write in: texts, files, the sample voice; a draft for each place.

import { dropContext, takeContext } from "./context.js";
import { el, icon } from "./dom.js";
import { closeMenu } from "./menu.js";
import { act, send, sendFiles } from "./server.js";
import { t } from "./texts.js";

const form = document.getElementById("say");
const field = document.getElementById("message");
const picker = document.getElementById("chosen-file");
const drafts = new Map();
// Telegram's clients cut a longer text into messages of this length.
const LONGEST = 4096;

// Show what could not be sent, with the reason and a key to try again.
function showFailed(log, what, error, again) {
  const lost = error instanceof TypeError;
  const reason = lost ? t("failed") : `${t("refused")} ${error.message}`;
  const retry = el("button", { class: "btn small", type: "button" }, t("retry"));
  const line = el("div", { class: "broken-line", role: "alert" }, icon("error"), reason, retry);
  const bubble = el("div", { class: "bub" }, el("div", { class: "text" }, what));
  const element = el("div", { class: "msg me broken" }, bubble, line);
  retry.addEventListener("click", () => {
    element.remove();
    again();
  });
  log.follow(() => log.element.append(element));
}

async function attempt(log, what, action) {
  try {
    await action();
  } catch (error) {
    showFailed(log, what, error, () => attempt(log, what, action));
  }
}

// Several files go as one album; what stands in the field is their caption.
async function attemptFiles(log, files, caption) {
  const what = files.map((file) => file.name).join(", ");
  await attempt(log, what, () => sendFiles(log.place, files, caption));
}

export async function sendText(log, text) {
  const one = text.length <= LONGEST;
  await attempt(log, text, () => (one ? send({ person: log.place, text }) : act(log.place, "paste", { text })));
}

async function submit(log) {
  const text = field.value.trim();
  field.value = "";
  closeMenu();
  const replied = takeContext();
  log.toEnd();
  if (!text) return;
  if (!replied) return sendText(log, text);
  await attempt(log, text, () => send({ person: log.place, text, reply_to: replied.message_id }));
}

// `current()` gives the log of the chat in view.
export function compose(current) {
  // A link can bring a draft, as Telegram's do: t.me/<bot>?text=…
  field.value = new URLSearchParams(location.search).get("text") ?? "";
  if (field.value) {
    history.replaceState(null, "", "/");
    field.focus();
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(current());
    field.focus();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") dropContext();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  document.getElementById("attach").addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    const files = [...picker.files];
    const caption = field.value.trim();
    field.value = "";
    picker.value = "";
    if (files.length) attemptFiles(current(), files, caption);
  });
  document.getElementById("voice").addEventListener("click", () => {
    const log = current();
    attempt(log, t("voice"), () => send({ person: log.place, voice: true }));
  });
}

// Put the unfinished text of one place away and take the other's out.
export function changeDraft(from, to) {
  dropContext();
  drafts.set(from, field.value);
  field.value = drafts.get(to) ?? "";
}
