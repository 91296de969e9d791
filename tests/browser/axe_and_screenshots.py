"""How pages are looked at: widths, lights, and what axe-core finds wrong there.

With LOOKS=all each page is looked at in each language and light at each width, which takes minutes
and makes all pictures; else in one language and one of the four ways, another one for each page
after the other. SHOTS_FOLDER names a folder for a picture of each look (`make screens`), and
KEEP_SHOTS=1 writes those that the docs show anew.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
# All that axe knows in light; in dark what a colour can change, unless every way is looked at.
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
LANGUAGES = ("ru", "en")
WAYS = tuple(product((1280, 360), ("light", "dark")))
# Ids that are there twice, an icon's among them: `<use>` would draw the wrong thing.
CLASHES = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((it) => it.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}"""


def is_whole():
    """Return whether every page is looked at in every way."""
    return os.environ.get("LOOKS") == "all"


def looks_of(place):
    """Return the ways in which the page at this place of a list is looked at."""
    return WAYS if is_whole() else WAYS[place % len(WAYS) :][:1]


def turns_of(pages, language):
    """Return the place, name and address of each page that is looked at in this language."""
    every = [(place, *named) for place, named in enumerate(pages.items())]
    turn = LANGUAGES.index(language)
    return every if is_whole() else [one for one in every if (one[0] + one[0] // 4) % 2 == turn]


def faults_in(page, name, width, theme):
    """Return what axe finds at this width in this light, by name, and what is too wide."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(f"{AXE};null")
    if is_whole() or "SHOTS_FOLDER" in os.environ:
        language = page.locator("html").get_attribute("lang")
        named = name if language == "ru" else f"{name}-{language}"
        made = pictures_folder() / f"{named}-{width}-{theme}.png"
        page.screenshot(path=made, animations="disabled", caret="hide", full_page=True)
    rules = RULES["light" if is_whole() else theme]
    asked = {"runOnly": rules, "resultTypes": ["violations"], "preload": False}
    document = page.evaluate("(asked) => axe.run(document, asked)", asked)
    faults = {
        f"{name} {width} {theme}: {fault['id']}": [node["html"][:160] for node in fault["nodes"]]
        for fault in document["violations"]
    }
    if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
        faults[f"{name} {width}: too wide"] = []
    return faults


def faults_of(page, name, place):
    """Return what is wrong with the page that is open, the `place`-th of a list."""
    page.emulate_media(reduced_motion="reduce")
    faults = {}
    for width, theme in looks_of(place):
        faults |= faults_in(page, name, width, theme)
    if page.evaluate(CLASHES):
        faults[f"{name}: ids"] = page.evaluate(CLASHES)
    return faults


def still(page):
    """Let nothing move, so that every picture is the same and axe sees whole colours."""
    page.emulate_media(reduced_motion="reduce")
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    # A picture of the same page is the same tomorrow.
    page.evaluate(FREEZE)


# Moments and secrets' beginnings, as they were on one day.
FREEZE = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let at = walker.nextNode(); at; at = walker.nextNode()) {
    at.data = at.data.replace(/\\d+ [a-zа-я]+, \\d\\d:\\d\\d/gi, "20 ноя, 12:00");
    at.data = at.data.replace(/\\d+ [a-zа-я]+ 20\\d\\d/gi, "20 дек 2026");
    at.data = at.data.replace(/mrl_\\w+/g, "mrl_Ab12");
    at.data = at.data.replace(/\\b[0-9a-f]{8}\\b/g, "c0ffee12");
  }
}"""


@cache
def pictures_folder():
    """Return where the pictures of this run go."""
    folder = Path(os.environ.get("SHOTS_FOLDER") or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def missing_pictures(names):
    """Return which pictures of these pages the docs show and this run did not make.

    With KEEP_SHOTS=1 those that it made become the docs'.
    """
    folder = pictures_folder()
    made, shown = _pictured(folder, names), _pictured(PICTURES, names)
    if os.environ.get("KEEP_SHOTS") == "1":
        for name in made & shown:
            shutil.copyfile(folder / name, PICTURES / name)
    return shown - made if is_whole() else set()


def _pictured(folder, names):
    every = {one.name for one in folder.glob("*.png")}
    return {one for one in every if one.rsplit("-", 2)[0] in names}


# What stands out beyond the window, but for what scrolls within itself.
WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? []
  : [...document.querySelectorAll("body *")]
    .filter((it) => it.getBoundingClientRect().right > innerWidth + 1)
    .filter((it) => !it.closest(".sider ul, pre, .scroll"))
    .map((it) => it.outerHTML.slice(0, 120))"""

SMALL = """() => [...document.querySelectorAll("button, .btn, summary, .seg a")]
  .filter((it) => it.checkVisibility({visibilityProperty: true}))
  .filter((it) => !it.matches(".skip, .fav, .small"))
  .filter((it) => it.getBoundingClientRect().height < 40)
  .map((it) => it.outerHTML)"""
