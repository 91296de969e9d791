// The page within Telegram: signed in by what Telegram says, light or dark as it is, with its buttons.

import { load } from "./keep.js";
import { ask, isSignedIn, session } from "./server.js";
import { bridge } from "./telegram_bridge.js";
import { setCookie } from "./cookies.js";

const STORE = "merlin.telegram";
const root = document.documentElement;

function launched() {
  const said = new URLSearchParams(location.hash.slice(1));
  if (said.get("tgWebAppData")) session[STORE] = said.toString();
  return new URLSearchParams(session[STORE] ?? "");
}

function dress(app) {
  const theme = app.themeParams ?? {};
  root.classList.add("tg");
  const parts = theme.bg_color?.match(/[0-9a-f]{2}/gi);
  if (parts) root.dataset.theme = Math.max(...parts.map((part) => parseInt(part, 16))) < 128 ? "dark" : "light";
  const ground = getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3);
  const color = `#${ground.map((one) => Number(one).toString(16).padStart(2, "0")).join("")}`;
  app.setHeaderColor(color);
  app.setBackgroundColor(color);
}

async function signIn(said) {
  if (isSignedIn()) return;
  const entered = await ask("POST", "/api/auth/telegram", { init_data: said.get("tgWebAppData") });
  session["merlin.token"] = entered.token;
  document.dispatchEvent(new Event("merlin:signed-in"));
}

function goBack() {
  const link = document.querySelector("[data-back]");
  if (link) link.click();
  else history.back();
}

export async function startTelegram() {
  const said = launched();
  const entering = signIn(said).then(load, () => { root.dataset.stranger = ""; });
  // The next page comes without its header from the first moment on.
  setCookie("merlin_within", "telegram", "");
  const app = bridge(said);
  app.ready();
  app.expand();
  dress(app);
  app.onThemeChanged((data) => {
    if (data.theme_params) app.themeParams = data.theme_params;
    dress(app);
  });
  if (location.pathname !== "/") {
    app.BackButton.show();
    app.BackButton.onClick(goBack);
  }
  await entering;
}
