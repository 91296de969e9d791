// One question at the door /v1/chat/completions, and its answer piece by piece.

import { headers } from "./server.js";

// Yield what the server sends, one event after the other.
export async function* events(body) {
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

// Ask; an Error that `isTold` says in words why there is no answer.
export async function asked(model, messages, signal) {
  const answer = await fetch("/v1/chat/completions", {
    method: "POST",
    signal,
    headers: headers({ "Content-Type": "application/json", "Accept-Language": document.documentElement.lang }),
    body: JSON.stringify({ model, stream: true, messages }),
  });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  throw Object.assign(new Error(said?.error?.message ?? said?.detail ?? ""), { isTold: true });
}
