// What the server reads of a browser, in cookies: its time zone, and light or dark. The system
// decides on that until the person does.

const YEAR_S = 365 * 24 * 3600;

// Keep a choice that the server reads when it draws the next page; "" forgets it.
export function setCookie(name, value, kept = `;max-age=${value ? YEAR_S : 0}`) {
  const [host, secure] = location.protocol === "https:" ? ["__Host-", ";secure"] : ["", ""];
  document.cookie = `${host}${name}=${value};path=/${kept};samesite=lax${secure}`;
}

setCookie("merlin_zone", Intl.DateTimeFormat().resolvedOptions().timeZone);

// The first page after signing in was drawn before the server knew the zone: its times are drawn again, in their
// places, so that nothing typed or opened meanwhile is lost.
function listTexts(page) {
  const walker = document.createTreeWalker(page.getElementById("main"), NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  return texts;
}

async function drawTimes() {
  const answer = await fetch(location.href);
  const news = listTexts(new DOMParser().parseFromString(await answer.text(), "text/html"));
  const texts = listTexts(document);
  if (!answer.ok || news.length !== texts.length) return;
  for (const [place, text] of texts.entries()) if (text.data !== news[place].data) text.data = news[place].data;
}

if ("lacksZone" in document.documentElement.dataset && document.cookie.includes("merlin_zone=")) drawTimes().catch(() => {});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-theme-to]");
  if (!link) return;
  event.preventDefault();
  const theme = link.dataset.themeTo;
  document.documentElement.dataset.theme = theme;
  setCookie("merlin_theme", theme);
  document.querySelector(`[data-theme-to=${theme === "dark" ? "light" : "dark"}]`).focus();
});
