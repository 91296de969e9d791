// Light or dark: the system decides until the person does; then a cookie, which the server reads.

import { icon } from "./dom.js";

const YEAR_S = 365 * 24 * 3600;
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const button = document.getElementById("theme");

function isDark() {
  return (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
}

function paint() {
  button.replaceChildren(icon(isDark() ? "sun" : "moon"));
  button.setAttribute("aria-label", isDark() ? button.dataset.light : button.dataset.dark);
}

export function startTheme() {
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    document.cookie = `merlin_theme=${root.dataset.theme};path=/;max-age=${YEAR_S};samesite=lax`;
    paint();
  });
  system.addEventListener("change", paint);
  paint();
}
