// A talk as the browser keeps it: its person's, so that whoever signs in after them in the same tab
// does not find it. `whose` is "" where Telegram's word comes after the page.

import { token } from "./server.js";

const NAME = "merlin.talk";
const place = (whose) => `${NAME}.${whose}${location.pathname}`;

// Return the talk of a person here; those of others are forgotten.
export function keptTalk(whose) {
  for (const key of whose ? Object.keys(sessionStorage) : []) {
    const isOthers = key.startsWith(NAME) && !key.startsWith(`${NAME}.${whose}/`);
    if (isOthers && !(token() && key === place(""))) sessionStorage.removeItem(key);
  }
  const told = sessionStorage.getItem(place(whose)) ?? (token() && sessionStorage.getItem(place("")));
  return JSON.parse(told || "[]");
}

export function keepTalk(whose, talk) {
  try {
    sessionStorage.setItem(place(whose), JSON.stringify(talk));
  } catch {
    // Too long a talk, or no room: it lives as long as the page.
  }
}
