// What the page asks of the stand-in.

async function said(answer) {
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error ?? String(answer.status));
  return body;
}

export async function send(wish) {
  const headers = { "Content-Type": "application/json" };
  return said(await fetch("/control/send", { method: "POST", headers, body: JSON.stringify(wish) }));
}

export async function sendFile(person, file) {
  const form = new FormData();
  form.append("person", person);
  form.append("file", file);
  return said(await fetch("/control/send", { method: "POST", body: form }));
}

export async function readLog(person) {
  return (await said(await fetch(`/control/log?chat=${person}`))).messages;
}

export async function readPipeline() {
  return said(await fetch("/control/pipeline"));
}

export function fileUrl(id) {
  return `/control/files/${encodeURIComponent(id)}`;
}

const KINDS = ["message", "edit", "delete", "reaction", "action", "draft", "answer"];

// Hear every change: `hear(kind, change)`; `opened` at each (re)connection, `lost` in between.
export function listen(hear, opened, lost) {
  const source = new EventSource("/control/events");
  source.addEventListener("open", opened);
  source.addEventListener("error", lost);
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => hear(kind, JSON.parse(event.data)));
  }
}
