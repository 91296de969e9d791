// Light or dark: the system decides until the person does; then a cookie, which the server reads.

const YEAR_S = 365 * 24 * 3600;

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-theme-to]");
  if (!link) return;
  event.preventDefault();
  const theme = link.dataset.themeTo;
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.documentElement.dataset.theme = theme;
  document.cookie = `merlin_theme=${theme};path=/;max-age=${YEAR_S};samesite=lax${secure}`;
  document.querySelector(`[data-theme-to=${theme === "dark" ? "light" : "dark"}]`).focus();
});
