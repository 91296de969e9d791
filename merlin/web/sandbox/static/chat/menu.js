// The list over the field: commands that begin as the text does.

import { el } from "./dom.js";
import { readMenu } from "./server.js";
import { t } from "./texts.js";

const place = document.getElementById("offers");
const field = document.getElementById("message");
const button = document.getElementById("commands");
const bot = button.dataset.bot;
let commands = [];
let here = "anna";
let order = () => {};

function offer(items) {
  button.setAttribute("aria-expanded", String(items.length > 0));
  if (!items.length) {
    place.replaceChildren();
    return;
  }
  const rows = items.map(([name, about, chosen]) => {
    const row = el("button", { type: "button", class: "offer" }, el("b", {}, name), el("span", {}, about));
    row.addEventListener("click", () => {
      field.value = "";
      closeMenu();
      chosen();
      field.focus();
    });
    return row;
  });
  place.replaceChildren(el("div", { class: "offers", role: "group", "aria-label": t("offers") }, ...rows));
}

export function closeMenu() {
  offer([]);
}

function offerCommands(start) {
  const ending = here.includes("@") ? `@${bot}` : "";
  const fitting = commands.filter((one) => `/${one.command}`.startsWith(start));
  offer(fitting.map((one) => {
    return [`/${one.command}`, one.description, () => order(`/${one.command}${ending}`)];
  }));
}

function typed() {
  const text = field.value;
  if (/^\/\w*$/.test(text)) offerCommands(text);
  else closeMenu();
}

// Read what a client offers in a place; without commands there is no button.
export async function menuAt(next) {
  here = next;
  closeMenu();
  const found = await readMenu(next).catch(() => []);
  if (here !== next) return;
  commands = found;
  button.hidden = !commands.length;
}

export function startMenu(give) {
  order = give;
  field.addEventListener("input", typed);
  button.addEventListener("click", () => {
    if (place.childElementCount) closeMenu();
    else offerCommands("/");
    place.querySelector("button")?.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && place.childElementCount) {
      closeMenu();
      field.focus();
    }
  });
}
