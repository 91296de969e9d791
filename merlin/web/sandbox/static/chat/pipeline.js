// The right side: the way of the newest commit, and what answers people now.

import { el, icon } from "./dom.js";
import { readPipeline } from "./server.js";
import { momentOf, t } from "./texts.js";

const EVERY_MS = 1000;
const STEPS = ["committed", "checked", "built", "training", "proved", "serving"];
const ICONS = { done: "check", flawed: "warn", now: "run", held: "minus", skipped: "minus", waiting: "clock", failed: "error" };
const CLASSES = { done: "", flawed: "flawed", now: "now", held: "todo", skipped: "todo", waiting: "todo", failed: "bad" };
const CHIPS = { serving: "ok", training: "run", built: "run", failed: "bad", rejected: "bad", left_out: "bad", held: "warn" };
const place = document.getElementById("way");
const bar = document.getElementById("way-bar");
let shown = "";

function state(name, title, text) {
  return [el("div", { class: "state" }, icon(name), el("h3", {}, title), el("p", {}, text))];
}

function heading(said) {
  const commit = el("code", {}, said.commit.slice(0, 8));
  const line = el("p", { class: "meta" }, commit, ` · ${said.dataset}`);
  const subject = said.subject ? el("p", { class: "subject" }, said.subject) : null;
  const kind = CHIPS[said.verdict] ?? "";
  const chip = el("span", { class: `chip ${kind}` }, t(`verdict-${said.verdict}`));
  const verdict = said.verdict ? el("p", { class: "verdict" }, chip) : null;
  return [line, subject, verdict];
}

function step(one, progress) {
  const now = one.state === "now";
  const attributes = { class: CLASSES[one.state] ?? "todo", "aria-current": now ? "step" : null };
  const name = el(one.state === "waiting" ? "span" : "b", {}, t(`step-${one.key}`));
  const spoken = el("span", { class: "vh" }, `: ${t(`state-${one.state}`)}`);
  const note = one.note ? el("p", { class: "meta" }, one.note) : null;
  const item = el("li", attributes, icon(ICONS[one.state] ?? "clock"), name, spoken, note);
  if (now && typeof progress === "number") {
    const percent = Math.round(progress * 100);
    const bar = { max: "100", value: percent, "aria-label": t("progress") };
    item.append(el("progress", bar, `${percent} %`));
  }
  return item;
}

function serving(said) {
  const parts = [el("h3", {}, t("serving"))];
  if (said) {
    const name = said.build || said.model;
    const since = said.since ? `${t("serving-since")} ${momentOf(said.since)}` : "";
    parts.push(el("p", {}, el("b", {}, name)), el("p", { class: "meta" }, since));
  } else {
    parts.push(el("p", { class: "meta" }, t("serving-none")));
  }
  return el("div", { class: "panel" }, ...parts);
}

function draw(said) {
  if (!said.commit) {
    return [...state("commit", t("journey-wait-title"), t("journey-wait")), serving(said.serving)];
  }
  const known = new Map((said.steps ?? []).map((one) => [one.key, one]));
  const rows = STEPS.map((key) => known.get(key) ?? { key, state: "waiting", note: "" });
  const list = el("ol", { class: "steps" }, ...rows.map((one) => step(one, said.progress)));
  return [...heading(said), list, serving(said.serving)].filter(Boolean);
}

// The drawer's handle on a phone: the step that the commit is at, or what answers.
function drawBar(said) {
  const steps = said?.steps ?? [];
  const one = steps.findLast((each) => !["waiting", "skipped"].includes(each.state)) ?? { key: "committed", state: "waiting" };
  const words = said?.commit ? `${t(`step-${one.key}`)}${one.note ? `: ${one.note}` : ""}` : t("journey-wait-title");
  const mark = icon(ICONS[one.state] ?? "clock");
  mark.classList.add(one.state);
  const chevron = icon("down");
  chevron.classList.add("chev");
  const parts = [mark, el("span", {}, said ? words : t("journey-failed-title"))];
  if (one.state === "now" && typeof said.progress === "number") {
    const percent = Math.round(said.progress * 100);
    parts.push(el("progress", { max: "100", value: percent, "aria-label": t("progress") }, `${percent} %`));
  }
  bar.replaceChildren(...parts, chevron);
  bar.hidden = false;
}

async function look() {
  if (document.hidden) return;
  let said = null;
  try {
    said = await readPipeline();
  } catch {
    said = null;
  }
  const now = JSON.stringify(said);
  // Nothing is drawn again that has not changed, so nothing jumps and nothing is read twice.
  if (now === shown) return;
  shown = now;
  place.replaceChildren(
    ...(said ? draw(said) : state("warn", t("journey-failed-title"), t("journey-failed"))),
  );
  drawBar(said);
}

export function watchPipeline() {
  if (document.body.dataset.pipeline !== "on") return;
  bar.addEventListener("click", () => {
    bar.setAttribute("aria-expanded", String(bar.getAttribute("aria-expanded") !== "true"));
  });
  look();
  setInterval(look, EVERY_MS);
}
