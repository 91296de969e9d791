// «+», «✔», «−»: shown first, then asked of the server; a refusal undoes it.
// Who is not signed in is asked to.

import { ask, isSignedIn } from "./server.js";
import { toast } from "./toast.js";

const form = document.getElementById("keep");
const list = document.getElementById("kept");
const said = (name, course) => form.dataset[name].replace("{}", () => course);
// Course id -> its name, in the order in which they were added.
const kept = new Map();
let last = Promise.resolve();
let changes = 0;

for (const item of list?.children ?? []) {
  kept.set(Number(item.dataset.item), item.querySelector("a").textContent);
}

// Bring every button, and the Sider, to what is kept.
export function paint() {
  for (const button of document.querySelectorAll("[data-fav][data-name]")) {
    const isKept = kept.has(Number(button.dataset.fav));
    button.setAttribute("aria-pressed", isKept);
    button.setAttribute("aria-label", said(isKept ? "drop" : "add", button.dataset.name));
    button.name = isKept ? "remove" : "add";
  }
  if (!list) return;
  for (const item of [...list.children]) if (!kept.has(Number(item.dataset.item))) item.remove();
  for (const [id, name] of kept) {
    if (!list.querySelector(`[data-item="${id}"]`)) list.append(line(id, name));
  }
  document.getElementById("none-kept").hidden = kept.size > 0;
}

function line(id, name) {
  const item = document.getElementById("kept-line").content.firstElementChild.cloneNode(true);
  const [link, button] = item.children;
  item.dataset.item = button.dataset.drop = button.value = id;
  link.href = `/courses/${id}`;
  if (link.pathname === location.pathname) link.ariaCurrent = "page";
  link.textContent = button.dataset.name = name;
  button.setAttribute("aria-label", said("dropShort", name));
  return item;
}

function change(id, name, isKept) {
  if (!isSignedIn()) {
    const { classList, dataset } = document.documentElement;
    // Within Telegram one is being signed in already.
    const isEntering = classList.contains("tg") && !("stranger" in dataset);
    if (isEntering) document.addEventListener("merlin:signed-in", () => change(id, name, isKept), { once: true });
    else signIn();
    return;
  }
  const before = new Map(kept);
  changes += 1;
  if (isKept) kept.set(id, name);
  else kept.delete(id);
  paint();
  toast(said(isKept ? "added" : "removed", name), isKept ? null : () => change(id, name, true));
  // One after another: the server sees them in the order in which they were pressed.
  last = last.then(() => send(id, isKept)).catch((error) => undo(error, before, id));
}

function send(id, isKept) {
  if (isKept) return ask("POST", "/api/user/courses", { course_id: id });
  return ask("DELETE", `/api/user/courses/${id}`);
}

function undo(error, before, id) {
  if (before.has(id)) kept.set(id, before.get(id));
  else kept.delete(id);
  paint();
  if (error.status === 401) signIn();
  else toast((error.status && error.message) || form.dataset.failed);
}

function signIn() {
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fav], [data-drop]");
  if (!button) return;
  event.preventDefault();
  const id = Number(button.value);
  const name = button.dataset.name ?? document.querySelector(`[data-fav="${id}"]`)?.dataset.name ?? "";
  const next = button.closest("li")?.nextElementSibling ?? button.closest("li")?.previousElementSibling;
  change(id, name, button.name === "add");
  if ("drop" in button.dataset) (next?.querySelector("button") ?? document.getElementById("mine")).focus();
});

// What the server keeps, once it knows of what was pressed.
export async function load() {
  if (!isSignedIn()) return;
  const before = changes;
  await last;
  const answer = await ask("GET", "/api/user/courses").catch(() => null);
  if (!answer) return;
  // What was pressed meanwhile is newer than the answer.
  if (changes !== before) {
    await load();
    return;
  }
  kept.clear();
  for (const course of answer) kept.set(course.id, course.name);
  paint();
}
