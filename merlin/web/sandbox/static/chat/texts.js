// The page's texts in its language, from the same Fluent files as everything else.

export const language = document.documentElement.lang;

const answer = await fetch(`/texts/${language}.json`);
const texts = await answer.json();

export function t(key) {
  return texts[key] ?? key;
}

// English as the rest of Merlin writes it: 12 Nov, 18:04.
const [locale, month] = language === "en" ? ["en-GB", "short"] : [language, "long"];
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month });
const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });

export function timeOf(seconds) {
  return clock.format(new Date(seconds * 1000));
}

export function dayOf(seconds) {
  const then = new Date(seconds * 1000);
  return then.toDateString() === new Date().toDateString() ? t("today") : day.format(then);
}

// "240 КБ"; the unit words of Intl differ from those people know from their files.
export function sizeOf(bytes) {
  const [kilo, mega, byte] = language === "ru" ? ["КБ", "МБ", "Б"] : ["kB", "MB", "B"];
  if (bytes < 1024) return `${number.format(bytes)}\u00a0${byte}`;
  if (bytes < 1024 * 1024) return `${number.format(bytes / 1024)}\u00a0${kilo}`;
  return `${number.format(bytes / 1024 / 1024)}\u00a0${mega}`;
}

export function lengthOf(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
