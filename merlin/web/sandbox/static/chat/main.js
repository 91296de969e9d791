// The chat page: three people, their chats with the bot, and the commit's way beside them.

import { alertOf } from "./alert.js";
import { markFresh, refreshChats, startChats } from "./chats.js";
import { changeDraft, compose, sendText } from "./compose.js";
import { offerLink } from "./link.js";
import { Log } from "./log.js";
import { menuAt, startMenu } from "./menu.js";
import { listen, readLog } from "./server.js";
import { t } from "./texts.js";
import { toast } from "/static/toast.js";

const offline = document.getElementById("offline");
const logs = new Map();
let current = null;
let waiting = [];

function show(one) {
  const before = current;
  current = logs.get(one.place) ?? new Log(one, (log, text) => sendText(log, text));
  if (before && before !== current) changeDraft(before.place, current.place);
  if (!logs.has(one.place)) {
    logs.set(one.place, current);
    load(current).catch(tellLost);
  }
  for (const log of logs.values()) log.element.hidden = log !== current;
  current.toEnd();
  menuAt(one.place);
}

// Changes that come while a log is read wait, so that the newest state is drawn last; of several
// readings the last one counts. After a failed one they wait until the connection is back.
async function load(log) {
  const mine = Symbol("reading");
  log.reading = mine;
  log.waiting ??= [];
  const messages = await readLog(log.chatId);
  if (log.reading !== mine) return;
  log.load(messages);
  const late = log.waiting;
  log.waiting = null;
  for (const [kind, change] of late) ACTS[kind](log, change);
}

function tellLost() {
  offline.textContent = t("offline");
}

function answer(change) {
  if (change.person_id !== current.userId) return;
  if (change.url) location.assign(change.url);
  if (!change.text) return;
  if (change.alert) alertOf(change.text);
  else toast(change.text);
}

const ACTS = {
  message: (log, change) => log.put(change.message),
  edit: (log, change) => log.edit(change.message),
  action: (log) => log.think(),
  draft: (log, change) => log.showDraft(change),
};

function apply(kind, change) {
  if (kind === "answer") answer(change);
  else if (kind === "setting") settingCame(change);
  else {
    const chatId = change.chat_id ?? change.message.chat.id;
    for (const log of logs.values()) {
      if (log.chatId !== chatId) continue;
      if (log.waiting) log.waiting.push([kind, change]);
      else ACTS[kind](log, change);
    }
    if (kind === "message") markFresh(change.message);
  }
}

function settingCame(change) {
  if (change.name.startsWith("commands:")) menuAt(current.place);
}

// Changes wait until it is known who has which chats.
function hear(kind, change) {
  if (waiting) waiting.push([kind, change]);
  else apply(kind, change);
}

async function opened() {
  waiting = [];
  const known = [...logs.values()];
  try {
    await refreshChats();
    await Promise.all(known.map(load));
    offline.textContent = "";
  } catch {
    tellLost();
  } finally {
    const late = waiting;
    waiting = null;
    for (const [kind, change] of late) apply(kind, change);
  }
}

document.getElementById("no-script").remove();
startChats(show);
compose(() => current);
offerLink(() => current);
startMenu((command) => sendText(current, command));
listen(hear, opened, tellLost);
