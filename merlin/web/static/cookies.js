// What the server reads of a browser, in cookies: its time zone.

const YEAR_S = 365 * 24 * 3600;

// Keep a choice that the server reads when it draws the next page; "" forgets it.
export function setCookie(name, value, kept = `;max-age=${value ? YEAR_S : 0}`) {
  const [host, secure] = location.protocol === "https:" ? ["__Host-", ";secure"] : ["", ""];
  document.cookie = `${host}${name}=${value};path=/${kept};samesite=lax${secure}`;
}

setCookie("merlin_zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
