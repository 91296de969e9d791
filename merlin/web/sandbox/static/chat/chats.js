// The chats of whoever writes: with the bot, groups, topics in them; and what is new where.

import { el, icon } from "./dom.js";
import { act, readChats } from "./server.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const bar = document.getElementById("chats");
const menu = document.getElementById("places");
const buttons = [...document.querySelectorAll("[data-person]")];
const fresh = new Set();
let everybody = {};
let current = null;
let wanted = "anna"; // who writes first: whoever was chosen before the chats came
let opened = () => {};

// Every place of a chat: the chat itself and its topics.
function places(who, chat) {
  const base = { who, chatId: chat.chat_id, userId: chat.person_id, isGroup: chat.person.includes("@") };
  const whole = { ...base, place: chat.person, thread: 0, title: chat.title };
  const topics = chat.topics.map((topic) => ({
    ...base,
    place: `${chat.person}#${topic.message_thread_id}`,
    thread: topic.message_thread_id,
    title: topic.name,
  }));
  return [whole, ...topics];
}

export function placesOf(who) {
  return (everybody[who] ?? []).flatMap((chat) => places(who, chat));
}

function dot() {
  return el("span", { class: "fresh" }, el("span", { class: "vh" }, t("new")));
}

function tab(one) {
  const attributes = { type: "button", class: "chat-tab", "aria-pressed": String(one.place === current?.place) };
  const name = one.thread ? `# ${one.title}` : one.title;
  const made = el("button", attributes, name, fresh.has(one.place) ? dot() : null);
  made.addEventListener("click", () => open(one));
  return made;
}

async function makeTopic(chat) {
  const name = `${t("topic")} ${chat.topics.length + 1}`;
  try {
    const made = await act(chat.person, "make_topic", { name });
    await refreshChats();
    const place = `${chat.person}#${made.update_id}`;
    const found = placesOf(current.who).find((one) => one.place === place);
    if (found) open(found);
  } catch {
    toast(t("failed"));
  }
}

function tabs(chat) {
  const made = places(current.who, chat).map(tab);
  if (!chat.has_topics) return made;
  const more = el("button", { type: "button", class: "chat-tab", "aria-label": `${t("topic-new")}: ${chat.title}` });
  more.append(icon("plus"));
  more.addEventListener("click", () => makeTopic(chat));
  return [...made, more];
}

// The same as one menu, for a phone: "Anna, student", "Anna: Study group".
function drawMenu() {
  const options = buttons.flatMap((button) => {
    const name = button.querySelector("span").textContent;
    return placesOf(button.dataset.person).map((one) => {
      const isPrivate = !one.isGroup && !one.thread;
      const title = isPrivate ? name : `${name.split(",")[0]}: ${one.title}`;
      const mark = fresh.has(one.place) ? "• " : "";
      return el("option", { value: one.place, selected: one.place === current?.place }, mark + title);
    });
  });
  menu.replaceChildren(...options);
}

function draw() {
  // The pressed tab keeps the focus when the bar is drawn anew.
  const focused = [...bar.children].indexOf(document.activeElement);
  bar.replaceChildren(...(everybody[current.who] ?? []).flatMap(tabs));
  if (focused >= 0) bar.children[focused]?.focus();
  drawMenu();
  for (const button of buttons) {
    const who = button.dataset.person;
    button.setAttribute("aria-pressed", String(who === current.who));
    const news = who !== current.who && placesOf(who).some((one) => fresh.has(one.place));
    button.querySelector(".fresh").hidden = !news;
  }
}

export function open(one) {
  current = one;
  fresh.delete(one.place);
  draw();
  opened(one);
}

// Mark every place where a message is new to somebody.
export function markFresh(message, thread) {
  for (const who of Object.keys(everybody)) {
    for (const one of placesOf(who)) {
      const shows = one.chatId === message.chat.id && one.thread === thread;
      if (shows && one.place !== current.place && one.userId !== message.from.id) fresh.add(one.place);
    }
  }
  draw();
}

export async function refreshChats() {
  everybody = await readChats();
  const stands = placesOf(current?.who ?? wanted);
  const here = stands.find((one) => one.place === current?.place);
  if (here) draw();
  else open(stands[0]);
}

// `open(place)` is called whenever another chat is chosen.
export function startChats(give) {
  opened = give;
  menu.addEventListener("change", () => {
    open(Object.keys(everybody).flatMap(placesOf).find((one) => one.place === menu.value));
  });
  const last = new Map();
  for (const button of buttons) {
    const who = button.dataset.person;
    button.addEventListener("click", () => {
      if (!current) wanted = who;
      if (!current || who === current.who) return;
      last.set(current.who, current.place);
      const stands = placesOf(who);
      open(stands.find((one) => one.place === last.get(who)) ?? stands[0]);
    });
  }
}
