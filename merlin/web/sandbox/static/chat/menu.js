// The list over the field: commands that begin as the text does, or results of inline mode.

import { el } from "./dom.js";
import { act, readMenu, readResults } from "./server.js";
import { t } from "./texts.js";

const TYPED_MS = 300;
const place = document.getElementById("offers");
const field = document.getElementById("message");
const button = document.getElementById("commands");
const bot = button.dataset.bot;
let commands = [];
let here = "anna";
let order = () => {};
let timer = 0;

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

async function offerResults(query) {
  const said = await readResults(here, query).catch(() => null);
  if (said === null || field.value !== `@${bot} ${query}`) return;
  offer(said.results.map((one) => {
    const given = { query, result_id: one.id };
    return [one.title, one.description ?? "", () => act(here, "choose", given)];
  }));
}

function askInline(query) {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    await act(here, "ask_inline", { query }).catch(() => null);
    offerResults(query);
  }, TYPED_MS);
}

function typed() {
  const text = field.value;
  if (/^\/\w*$/.test(text)) offerCommands(text);
  else if (text.startsWith(`@${bot} `)) askInline(text.slice(bot.length + 2));
  else closeMenu();
}

// The results of inline mode came.
export function resultsCame() {
  if (field.value.startsWith(`@${bot} `)) offerResults(field.value.slice(bot.length + 2));
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
    const rows = [...place.querySelectorAll("button")];
    const at = rows.indexOf(document.activeElement);
    if (at < 0 || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    rows[(at + (event.key === "ArrowDown" ? 1 : rows.length - 1)) % rows.length].focus();
  });
}
