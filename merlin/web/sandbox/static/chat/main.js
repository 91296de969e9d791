// The chat page: two people, their chats with the bot, and the commit's way beside them.

import { changeDraft, compose, sendText } from "./compose.js";
import { icon } from "./dom.js";
import { Log } from "./log.js";
import { watchPipeline } from "./pipeline.js";
import { listen, readLog, send } from "./server.js";
import { t } from "./texts.js";
import { startTheme } from "./theme.js";
import { toast } from "./toast.js";

const PEOPLE = { 1001: "anna", 1003: "vera" };
const PRESSED_MS = 3000;
const offline = document.getElementById("offline");
const buttons = [...document.querySelectorAll("[data-person]")];
const logs = new Map();
let person = "anna";
let waiting = [];

async function press(who, message, button, element) {
  if (button.copy_text) {
    await navigator.clipboard.writeText(button.copy_text.text);
    toast(t("copied"));
    return;
  }
  const label = button.text;
  element.disabled = true;
  element.replaceChildren(icon("check"), label);
  const again = () => {
    element.disabled = false;
    element.replaceChildren(label);
  };
  setTimeout(again, PRESSED_MS);
  try {
    const wanted = button.callback_data ?? label;
    await send({ person: who, press: wanted, message_id: message.message_id });
  } catch {
    again();
    toast(t("failed"));
  }
}

function choose(next) {
  changeDraft(person, next);
  person = next;
  for (const button of buttons) {
    const mine = button.dataset.person === person;
    button.setAttribute("aria-pressed", String(mine));
    if (mine) button.querySelector(".fresh").hidden = true;
  }
  for (const [who, log] of logs) log.element.hidden = who !== person;
  logs.get(person).toEnd();
}

function markFresh(who) {
  if (who === person) return;
  const button = buttons.find((one) => one.dataset.person === who);
  button.querySelector(".fresh").hidden = false;
}

function apply(kind, change) {
  const who = PEOPLE[change.chat_id ?? change.message?.chat.id];
  const log = logs.get(who);
  if (!log) return;
  const acts = {
    message: () => log.put(change.message),
    edit: () => log.edit(change.message),
    delete: () => log.remove(change.message_id),
    reaction: () => log.react(change.message_id, change.emoji),
    action: () => log.think(),
    draft: () => log.think(change.text),
    answer: () => change.text && who === person && toast(change.text),
  };
  acts[kind]();
  if (kind === "message" && change.message.from.is_bot) markFresh(who);
}

// Changes that come while the logs are read wait, so that the newest state is drawn last.
function hear(kind, change) {
  if (waiting) waiting.push([kind, change]);
  else apply(kind, change);
}

async function opened() {
  waiting = [];
  try {
    for (const [who, log] of logs) log.load(await readLog(who));
    offline.textContent = "";
  } catch {
    offline.textContent = t("offline");
  } finally {
    const late = waiting;
    waiting = null;
    for (const [kind, change] of late) apply(kind, change);
  }
}

for (const button of buttons) {
  const who = button.dataset.person;
  const element = document.getElementById(`log-${who}`);
  const start = () => sendText(who, logs.get(who), "/start");
  logs.set(who, new Log(element, (...pressed) => press(who, ...pressed), start));
  button.addEventListener("click", () => choose(who));
}
document.getElementById("no-script").remove();
compose(() => [person, logs.get(person)]);
listen(hear, opened, () => {
  offline.textContent = t("offline");
});
watchPipeline();
startTheme();
