// What the page asks of the stand-in. `place` is who writes and where: anna, anna@study.

async function said(answer) {
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error ?? String(answer.status));
  return body;
}

async function read(path, query) {
  const asked = query ? `?${new URLSearchParams(query)}` : "";
  return said(await fetch(`/control/${path}${asked}`));
}

export async function send(wish) {
  const headers = { "Content-Type": "application/json" };
  return said(await fetch("/control/send", { method: "POST", headers, body: JSON.stringify(wish) }));
}

export function act(place, name, given) {
  return send({ person: place, act: name, with: given });
}

export async function sendFiles(place, files, caption) {
  const form = new FormData();
  form.append("person", place);
  for (const file of files) form.append("file", file);
  if (caption) form.append("caption", caption);
  return said(await fetch("/control/send", { method: "POST", body: form }));
}

export async function readLog(chatId) {
  return (await read("log", { chat: chatId })).messages;
}

export async function readFormula(latex) {
  return (await read("formula", { latex })).text;
}

export const readChats = () => read("chats");
export const readMenu = (place) => read("menu", { person: place });

export function fileUrl(id) {
  return `/control/files/${encodeURIComponent(id)}`;
}

const KINDS = ["message", "edit", "action", "answer", "setting", "draft"];

// Hear every change: `hear(kind, change)`; `opened` at each (re)connection, `lost` in between.
export function listen(hear, opened, lost) {
  const source = new EventSource("/control/events");
  source.addEventListener("open", opened);
  source.addEventListener("error", lost);
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => hear(kind, JSON.parse(event.data)));
  }
}
