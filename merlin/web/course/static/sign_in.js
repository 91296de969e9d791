// Says beforehand that a browser without cookies cannot stay signed in.
// Waits until the person has said yes in the bot, then goes on to where they came from.

const place = document.getElementById("login");
const line = document.getElementById("login-state");

function say(text) {
  if (line.textContent !== text) line.textContent = text;
}

async function look() {
  const form = place.querySelector("form");
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (answer.redirected) {
      location.replace(answer.url);
      return;
    }
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const news = page.getElementById("login-state");
    if (!news) {
      document.getElementById("main").replaceWith(page.getElementById("main"));
      return;
    }
    say(news.textContent);
  } catch {
    say(place.dataset.offline);
  }
  setTimeout(look, 1000 * Number(place.dataset.pollS));
}

if (place) setTimeout(look, 1000 * Number(place.dataset.pollS));

const blocked = document.getElementById("no-cookies");
if (blocked) blocked.hidden = navigator.cookieEnabled;
