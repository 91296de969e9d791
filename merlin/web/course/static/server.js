// What the page asks of the api, in the name of whoever is signed in.

// Null where the browser stores nothing.
function store(name) {
  try {
    return window[name];
  } catch {
    return null;
  }
}

export const session = store("sessionStorage") ?? {};

// Within Telegram no cookie is kept: there the sign-in token lives as long as the page does.
export const token = () => session["merlin.token"];

export const isSignedIn = () => "signedIn" in document.body.dataset || Boolean(token());

export function headers(more = {}) {
  return token() ? { ...more, Authorization: `Bearer ${token()}` } : more;
}

// Return what is answered; an Error carries the problem's words and its status.
export async function ask(method, path, body) {
  const sent = headers({ Accept: "application/json", "Accept-Language": document.documentElement.lang });
  if (body) sent["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers: sent, body: body && JSON.stringify(body) });
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  // One that has ended is forgotten; within Telegram the next page gets another.
  if (answer.status === 401) delete session["merlin.token"];
  if (!answer.ok) {
    throw Object.assign(new Error(said?.detail ?? ""), { status: answer.status, said });
  }
  return said;
}
