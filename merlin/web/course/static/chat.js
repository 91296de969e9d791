// The chat of a course: a question goes to /v1/chat/completions, the answer grows as it is written.

import { asked, events } from "./chat_stream.js";
import { el, offers, telling } from "./chat_refusal.js";
import { keepTalk, keptTalk } from "./chat_talk.js";
import { headers, token } from "./server.js";

const log = document.getElementById("log");
const form = document.getElementById("say");
const field = document.getElementById("question");
const [send, stop] = ["send-it", "stop-it"].map((id) => document.getElementById(id));
const words = form?.dataset ?? {};
let talk = keptTalk(words.whose ?? "");
let running = null;

const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;

// Change the log, and follow its end only where it was in view.
function follow(change) {
  const follows = isAtEnd();
  const made = change();
  if (follows) log.scrollTop = log.scrollHeight;
  return made;
}

function bubble(text, isMine) {
  document.getElementById("nothing-said")?.remove();
  const message = el("div", isMine ? "msg me" : "msg");
  const inside = el("div", "bub");
  inside.append(el("p", "text", text));
  message.append(inside);
  follow(() => log.append(message));
  return inside;
}

function dots() {
  const made = el("span", "dots");
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", words.preparing);
  made.append(el("b", ""), el("b", ""), el("b", ""));
  return made;
}

function finish(inside, { note, foot, nearest, refused }) {
  inside.querySelector(".caret")?.classList.remove("caret");
  follow(() => {
    if (note) inside.append(el("p", "note meta", note));
    if (nearest?.length) {
      inside.append(el("p", "note meta", words.nearest));
      inside.after(offers(nearest, (question) => { if (!running) ask(question); }));
    }
    // Within Telegram a form has no token to bring; there the bot has this button.
    if (refused && !token()) inside.parentElement.append(telling(refused, `${form.action}/tell`, words.tell));
    if (foot) inside.append(el("span", "meta", foot));
  });
}

async function answerInto(inside, messages, signal) {
  const line = inside.querySelector(".text");
  const answer = await asked(words.model, messages, signal);
  const told = { foot: answer.headers.get("Merlin-Build") ?? answer.headers.get("Merlin-Model") ?? "", text: "" };
  told.foot = decodeURIComponent(told.foot);
  try {
    for await (const event of events(answer.body)) {
      if (event.error) throw Object.assign(new Error(event.error.message), { isTold: true });
      told.text += event.choices?.[0]?.delta?.content ?? "";
      told.note = event.merlin?.note ?? told.note;
      if (event.merlin?.known === false) told.refused = messages.at(-1).content;
      told.nearest = event.merlin?.nearest ?? told.nearest;
      if (told.text) follow(() => { line.textContent = told.text; line.classList.add("caret"); });
    }
  } catch (error) {
    if (!told.text) throw error;
    told.note = error.name === "AbortError" ? words.stopped : (error.isTold && error.message) || words.noAnswer;
  }
  return told;
}

function failed(inside, error, question) {
  inside.parentElement.remove();
  const line = el("p", "wrong", (error.isTold && error.message) || words.noAnswer);
  line.setAttribute("role", "alert");
  const again = el("button", "btn small", words.again);
  again.type = "button";
  again.addEventListener("click", () => { line.remove(); ask(question, true); });
  line.append(again);
  follow(() => log.append(line));
}

function busy(isBusy) {
  send.hidden = isBusy;
  stop.hidden = !isBusy;
  log.ariaBusy = isBusy;
}

async function ask(question, isShown = false) {
  if (!isShown) bubble(question, true);
  const inside = bubble("", false);
  inside.querySelector(".text").append(dots());
  running = new AbortController();
  busy(true);
  const messages = [...talk, { role: "user", content: question }];
  try {
    const bare = messages.map(({ role, content }) => ({ role, content }));
    const told = await answerInto(inside, bare, running.signal);
    finish(inside, told);
    talk = [...messages, { role: "assistant", content: told.text, foot: told.foot, nearest: told.nearest, refused: told.refused }].slice(-20);
    keepTalk(words.whose ?? "", talk);
    left();
  } catch (error) {
    if (error.name === "AbortError") {
      inside.parentElement.remove();
      field.value ||= question;
    } else {
      failed(inside, error, question);
      left();
    }
  } finally {
    running = null;
    busy(false);
    field.focus({ preventScroll: true });
  }
}

async function left() {
  const answer = await fetch(words.left, { headers: headers() }).catch(() => null);
  if (!answer?.ok) return;
  document.getElementById("left").textContent = await answer.text();
  const more = document.getElementById("more");
  if (more) more.hidden = answer.headers.get("Merlin-Over") !== "1";
}

function grow() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, 160)}px`;
}

// Within Telegram one may be signed in only once the page is here.
function letAsk() {
  if (!token() || !form?.hidden) return;
  form.hidden = false;
  document.getElementById("nothing-said")?.remove();
}

document.addEventListener("merlin:signed-in", letAsk);
letAsk();

if (form) {
  for (const one of talk) {
    const inside = bubble(one.content, one.role === "user");
    if (one.foot) finish(inside, one);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const question = field.value.trim();
    if (!question || running) return;
    field.value = "";
    grow();
    ask(question);
  });
  field.addEventListener("input", grow);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  stop.addEventListener("click", () => running?.abort());
}
log.scrollTop = log.scrollHeight;
