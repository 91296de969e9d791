// The chats of whoever writes: with the bot, the group; and what is new where.

import { el } from "./dom.js";
import { readChats } from "./server.js";
import { t } from "./texts.js";

const bar = document.getElementById("chats");
const menu = document.getElementById("places");
const buttons = [...document.querySelectorAll("[data-person]")];
const fresh = new Set();
let everybody = {};
let current = null;
let wanted = "anna"; // who writes first: whoever was chosen before the chats came
let opened = () => {};

function placesOf(who) {
  return (everybody[who] ?? []).map((chat) => {
    const { chat_id: chatId, person_id: userId, person: place, title } = chat;
    return { who, place, chatId, userId, title, isGroup: place.includes("@") };
  });
}

function dot() {
  return el("span", { class: "fresh" }, el("span", { class: "vh" }, t("new")));
}

function tab(one) {
  const attributes = { type: "button", class: "chat-tab", "aria-pressed": String(one.place === current?.place) };
  const made = el("button", attributes, one.title, fresh.has(one.place) ? dot() : null);
  made.addEventListener("click", () => open(one));
  return made;
}

// The same as one menu, for a phone: "Anna, student", "Anna: Study group".
function drawMenu() {
  const options = buttons.flatMap((button) => {
    const name = button.querySelector("span").textContent;
    return placesOf(button.dataset.person).map((one) => {
      const title = one.isGroup ? `${name.split(",")[0]}: ${one.title}` : name;
      const mark = fresh.has(one.place) ? "• " : "";
      return el("option", { value: one.place, selected: one.place === current?.place }, mark + title);
    });
  });
  menu.replaceChildren(...options);
}

function draw() {
  // The pressed tab keeps the focus when the bar is drawn anew.
  const focused = [...bar.children].indexOf(document.activeElement);
  bar.replaceChildren(...placesOf(current.who).map(tab));
  if (focused >= 0) bar.children[focused]?.focus();
  drawMenu();
  for (const button of buttons) {
    const who = button.dataset.person;
    button.setAttribute("aria-pressed", String(who === current.who));
    const news = who !== current.who && placesOf(who).some((one) => fresh.has(one.place));
    button.querySelector(".fresh").hidden = !news;
  }
}

function open(one) {
  current = one;
  fresh.delete(one.place);
  draw();
  opened(one);
}

// Mark every place where a message is new to somebody.
export function markFresh(message) {
  for (const who of Object.keys(everybody)) {
    for (const one of placesOf(who)) {
      const shows = one.chatId === message.chat.id;
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
