// The chat of a course: the answer grows as it is written; then its turn is taken out of the talk's page.

import { readRefusal } from "./failures.js";
import { headers, token } from "./server.js";
import "./sure.js";

const byId = (id) => document.getElementById(id);
const copyOf = (id) => byId(id).content.firstElementChild.cloneNode(true);
let running = null;
// A page on plain http has no clipboard.
document.documentElement.classList.toggle("no-copy", !navigator.clipboard);

// Yield what the server sends, one event after the other.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (part.startsWith("data: ") && part !== "data: [DONE]") yield JSON.parse(part.slice(6));
    }
  }
}

// Change the log, and follow its end only where it was in view.
function follow(change) {
  const log = byId("log");
  const follows = log && log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  change();
  if (follows) log.scrollTop = log.scrollHeight;
}

// Put parts of a page in the place of what stands here; `pairs` are an element and the new one's id.
async function renew(href, pairs) {
  const answer = await fetch(href, { headers: headers() });
  if (!answer.ok) throw new Error();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const [old, id] of pairs) {
    const fresh = page.getElementById(id);
    if (!fresh || !old) continue;
    follow(() => old.replaceWith(fresh));
    window.htmx?.process(fresh);
  }
}

const pairs = () => ["talks", "left"].map((id) => [byId(id), id]);

// Say in the place of the answer why there is none; `link` leads out of it.
function failed(place, words, again, link) {
  const line = copyOf("failed");
  line.querySelector("span").textContent = words || byId("say").dataset.lost;
  line.querySelector("button").addEventListener("click", again);
  if (link) line.append(link);
  follow(() => place.replaceWith(line));
}

// What the server told instead of an answer: a text, or an error page with its title and a link to sign in.
async function refusal(answer) {
  const [kind, told] = [answer.headers.get("Content-Type") ?? "", await answer.text()];
  return kind.startsWith("text/plain") ? { told } : readRefusal(told);
}

// Ask; `pending` shows the answer as it grows, and gives way to the turn as the server keeps it.
async function ask(body, question, replaced) {
  if (running) return;
  const form = byId("say");
  // A question that is sent again belongs to the talk that has begun meanwhile.
  body.set("talk", form.talk.value);
  const pending = copyOf("asked");
  const [asked, line] = pending.querySelectorAll(".text");
  asked.textContent = question;
  byId("welcome")?.remove();
  replaced?.remove();
  byId("log").append(pending);
  pending.scrollIntoView({ block: "end" });
  const place = {};
  let text = "";
  running = new AbortController();
  busy(true);
  try {
    const sent = headers({ Accept: "text/event-stream" });
    const answer = await fetch(form.action, { method: "POST", body, headers: sent, signal: running.signal });
    if (!answer.ok) throw await refusal(answer);
    // It was asked before, and its answer was lost: the page of that turn shows it.
    if (answer.redirected) return location.assign(answer.url);
    for await (const event of events(answer.body)) {
      if (event.turn) {
        Object.assign(place, event);
        pending.id = `turn-${event.turn}`;
      }
      text += event.text ?? "";
      if (text) follow(() => { line.textContent = text; line.classList.add("caret"); });
    }
  } catch (error) {
    if (!place.turn && error.name !== "AbortError") {
      failed(pending.lastElementChild, error.told, () => ask(body, question, pending), error.link);
      busy(false);
      return;
    }
  }
  busy(false);
  if (!place.turn) {
    pending.replaceWith(...(replaced ? [replaced] : []));
    if (!replaced) byId("question").value ||= question;
    return;
  }
  form.talk.value = place.talk;
  const href = `${new URL(form.action).pathname}/${place.talk}`;
  history.replaceState(history.state, "", href);
  const show = async () => {
    try {
      await renew(href, [[pending, `turn-${place.turn}`], ...pairs()]);
      byId("spoken").textContent = document.querySelector(`#turn-${place.turn} .msg:not(.me) :is(.text, .note)`)?.textContent ?? "";
    } catch {
      failed(pending.lastElementChild, "", show);
    }
  };
  await show();
}

function busy(isBusy) {
  byId("send-it").hidden = isBusy;
  byId("stop-it").hidden = !isBusy;
  if (!isBusy) running = null;
  byId("question").focus({ preventScroll: true });
}

// A mark by which the server knows a question that is sent again.
const mark = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, 160)}px`;
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "say") return;
  event.preventDefault();
  const [field, button] = [byId("question"), event.submitter];
  const body = new URLSearchParams(new FormData(event.target, button));
  body.set("once", mark());
  const old = button?.name === "again" ? button.closest(".turn") : null;
  const question = old?.querySelector(".me .text").textContent ?? (button?.name === "near" ? button.value : field.value.trim());
  if (!question || running) return;
  if (!button?.name) field.value = "";
  grow(field);
  ask(body, question, old);
});
document.addEventListener("input", (event) => { if (event.target.id === "question") grow(event.target); });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
  if (event.target.id !== "question" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  // An empty one is not sent: Enter pressed twice would open the browser's hint about a required field.
  if (event.target.value.trim()) byId("say").requestSubmit();
});
document.addEventListener("click", async (event) => {
  if (event.target.closest("#stop-it")) running?.abort();
  const copy = event.target.closest("[data-copy]");
  if (!copy) return;
  await navigator.clipboard.writeText(copy.closest(".msg").querySelector(".text").innerText);
  byId("spoken").textContent = copy.dataset.copy;
  copy.setAttribute("aria-pressed", "true");
});

// htmx finds what had the focus by its id; what is gone gives it to the answer's actions.
document.addEventListener("htmx:afterSettle", ({ target, detail }) => {
  if (detail.requestConfig?.triggeringEvent && document.activeElement === document.body) target.querySelector(".do a")?.focus({ preventScroll: true });
});

// Within Telegram the page comes before one is signed in: then it comes once more.
function letAsk() {
  if (token() && !("mayAsk" in byId("room").dataset)) renew(location.href, [[byId("room"), "room"]]);
}

document.addEventListener("merlin:signed-in", letAsk);
letAsk();
const log = byId("log");
if (log && !location.hash.startsWith("#turn-")) log.scrollTop = log.scrollHeight;
