// What the page asks of the api, in the name of whoever is signed in.

// Within Telegram no cookie is kept: there the sign-in token lives as long as the page does.
export const token = () => sessionStorage.getItem("merlin.token");

export const isSignedIn = () => "signedIn" in document.body.dataset || Boolean(token());

export function headers(more = {}) {
  return token() ? { ...more, Authorization: `Bearer ${token()}` } : more;
}

// Ask, and return what was answered; an Error carries the words of the problem and its status.
export async function ask(method, path, body) {
  const sent = headers({ Accept: "application/json", "Accept-Language": document.documentElement.lang });
  if (body) sent["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers: sent, body: body && JSON.stringify(body) });
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  // One that has ended is forgotten; within Telegram the next page gets another.
  if (answer.status === 401) sessionStorage.removeItem("merlin.token");
  if (!answer.ok) {
    throw Object.assign(new Error(said?.detail ?? ""), { status: answer.status, said });
  }
  return said;
}
