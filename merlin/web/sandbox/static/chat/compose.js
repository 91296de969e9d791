// The line to write in: text, a file, the sample voice; a draft for each person.

import { el, icon } from "./dom.js";
import { send, sendFile } from "./server.js";
import { sizeOf, t } from "./texts.js";

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

function showSending(log, what, size) {
  const words = el("span", {}, what, el("br"), el("span", { class: "meta" }, sizeOf(size)));
  const tile = el("span", { class: "tile" }, icon("file"));
  const bubble = el("div", { class: "bub" }, el("div", { class: "att" }, tile, words));
  const word = el("div", { class: "sending-line" }, icon("up"), t("sending"));
  const element = el("div", { class: "msg me" }, bubble, word);
  log.follow(() => log.element.append(element));
  return element;
}

async function attempt(log, what, action) {
  try {
    await action();
  } catch (error) {
    showFailed(log, what, error, () => attempt(log, what, action));
  }
}

async function attemptFile(log, person, file) {
  const waiting = showSending(log, file.name, file.size);
  await attempt(log, file.name, () => sendFile(person, file));
  waiting.remove();
}

// `current()` gives [person, log] of who writes now.
export function compose(current) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    const [person, log] = current();
    log.toEnd();
    sendText(person, log, text);
    field.focus();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  document.getElementById("attach").addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    const [person, log] = current();
    for (const file of picker.files) attemptFile(log, person, file);
    picker.value = "";
  });
  document.getElementById("voice").addEventListener("click", () => {
    const [person, log] = current();
    attempt(log, t("voice"), () => send({ person, voice: true }));
  });
}

export async function sendText(person, log, text) {
  for (let start = 0; start < text.length; start += LONGEST) {
    const part = text.slice(start, start + LONGEST);
    await attempt(log, part, () => send({ person, text: part }));
  }
}

// Put one person's unfinished text away and take the other's out.
export function changeDraft(from, to) {
  drafts.set(from, field.value);
  field.value = drafts.get(to) ?? "";
}
