// Says beforehand that a browser without cookies cannot stay signed in.
// Waits until the person has said yes in the bot, then goes on to where they came from.

import { ask } from "./server.js";

const place = document.getElementById("login");
const words = document.getElementById("login-words")?.dataset;
const line = document.getElementById("login-state");
const OVER = new Set(["refused", "expired"]);

function say(text) {
  if (line.textContent !== text) line.textContent = text;
}

async function look() {
  try {
    const login = await ask("POST", "/api/auth/wait");
    if (login.signed_in) {
      location.replace(place.dataset.next);
      return;
    }
    say(words[login.state]);
    if (OVER.has(login.state)) return;
  } catch {
    say(words.offline);
  }
  setTimeout(look, 1000 * Number(place.dataset.pollS));
}

if (place) setTimeout(look, 1000 * Number(place.dataset.pollS));

const blocked = document.getElementById("no-cookies");
if (blocked) blocked.hidden = navigator.cookieEnabled;
