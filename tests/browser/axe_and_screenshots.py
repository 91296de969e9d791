"""Checks by axe-core and screenshots of pages, by language, width and colour scheme.

With LOOKS=all each page is checked in each language, width and colour scheme, which takes minutes
and makes all screenshots. Without it each page is checked in one language and one of the four
views, which rotate over the list of pages. SHOTS_FOLDER names a folder for the screenshots
(`make screens`).
"""

import json
import os
import tempfile
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
# All rules in the light scheme; in the dark one only those that depend on colours.
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
LANGUAGES = ("ru", "en")
VIEWS = tuple(product((1280, 360), ("light", "dark")))
# Ids that occur twice; `<use>` would draw the wrong icon.
DUPLICATE_IDS = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((it) => it.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}"""


def is_complete():
    """Return whether every page is checked in every view."""
    return os.environ.get("LOOKS") == "all"


def choose_pages(pages, language):
    """Return the index, name and path of each page that is checked in this language."""
    indexed = [(index, *item) for index, item in enumerate(pages.items())]
    rest = LANGUAGES.index(language)
    return [
        page
        for page in indexed
        if is_complete() or (page[0] + page[0] // 4) % 2 == rest
    ]


def find_faults(page, name, width, theme):
    """Return what axe finds in this view, and what is too wide for it."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(f"{AXE};null")
    if is_complete() or "SHOTS_FOLDER" in os.environ:
        language = page.locator("html").get_attribute("lang")
        picture = name if language == "ru" else f"{name}-{language}"
        path = get_pictures_folder() / f"{picture}-{width}-{theme}.png"
        page.screenshot(path=path, animations="disabled", caret="hide", full_page=True)
    rules = RULES["light" if is_complete() else theme]
    options = {"runOnly": rules, "resultTypes": ["violations"], "preload": False}
    document = page.evaluate("(options) => axe.run(document, options)", options)
    faults = {
        f"{name} {width} {theme}: {fault['id']}": [
            node["html"][:160] for node in fault["nodes"]
        ]
        for fault in document["violations"]
    }
    if too_wide := page.evaluate(TOO_WIDE):
        faults[f"{name} {width}: too wide"] = too_wide
    return faults


def find_faults_in_views(page, name, index):
    """Return what is wrong with the open page in its views, then on a narrow screen."""
    faults = {}
    for width, theme in VIEWS if is_complete() else [VIEWS[index % len(VIEWS)]]:
        faults |= find_faults(page, name, width, theme)
    faults[f"{name}: ids"] = page.evaluate(DUPLICATE_IDS)
    page.set_viewport_size({"width": 320, "height": 700})
    for check, script in NARROW_CHECKS.items():
        faults[f"{name} 320: {check}"] = page.evaluate(script)
    return {place: found for place, found in faults.items() if found}


def require_no_faults(visitor, pages, language):
    """Open these pages, name -> (path, user id), with all details; axe finds nothing in them."""
    faults = {}
    opened = {}
    for index, name, (path, user_id) in choose_pages(pages, language):
        page = opened.get(user_id) or visitor.page(user_id, locale=language)
        opened[user_id] = page
        page.goto(visitor.site.address + path)
        page.wait_for_load_state("networkidle")
        assert page.locator("html").get_attribute("lang") == language
        page.evaluate(
            "document.querySelectorAll('details').forEach(it => it.open = true)"
        )
        faults |= find_faults_in_views(page, name, index)
    assert faults == {}, json.dumps(faults, ensure_ascii=False, indent=1)


@cache
def get_pictures_folder():
    """Return the folder for the screenshots of this run."""
    folder = Path(os.environ.get("SHOTS_FOLDER") or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# Whether the page fits: on a phone innerWidth grows with what is too wide.
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
# Elements wider than the window, except those that scroll by themselves.
TOO_WIDE = f"""() => {FITS} ? []
  : [...document.querySelectorAll("body *")]
    .filter((it) => it.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .filter((it) => !it.closest(".sider ul, .top nav, .rooms, pre, .scroll"))
    .map((it) => it.outerHTML.slice(0, 120))"""

TOO_SMALL = """() => [...document.querySelectorAll("button, .btn, summary, .seg a")]
  .filter((it) => it.checkVisibility({visibilityProperty: true}))
  .filter((it) => !it.matches(".skip, .fav, .small"))
  .filter((it) => it.getBoundingClientRect().height < 40)
  .map((it) => it.outerHTML)"""

# Elements that reach into the padding of their panel, except those that scroll by themselves.
OUT_OF_PANEL = """() => [...document.querySelectorAll(".panel, .rows > li")].flatMap((panel) => {
  const padding = parseFloat(getComputedStyle(panel).paddingRight);
  const edge = panel.getBoundingClientRect().right - padding;
  return [...panel.querySelectorAll("p, dd, td, .chip, .btn, progress, h2, h3, .num")]
    .filter((it) => it.checkVisibility() && !it.closest(".scroll, pre, .vh"))
    .filter((it) => it.getBoundingClientRect().right > edge + 1)
    .map((it) => it.outerHTML.slice(0, 120));
})"""

TOO_WIDE_WITH_LARGE_TEXT = f"""() => {{
  document.documentElement.style.fontSize = "200%";
  return ({TOO_WIDE})();
}}"""

NARROW_CHECKS = {
    "too wide": TOO_WIDE,
    "out of panel": OUT_OF_PANEL,
    "too small": TOO_SMALL,
    "too wide with large text": TOO_WIDE_WITH_LARGE_TEXT,
}
