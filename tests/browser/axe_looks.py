"""How pages are looked at: widths, lights, and what axe-core finds wrong there.

With LOOKS=all each page is looked at in each light at each width, which takes minutes and makes
all pictures; else in one of the four ways, another one for each page after the other.
"""

from __future__ import annotations

import os
from importlib.resources import files
from itertools import product

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
# All that axe knows in light; in dark what a colour can change.
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
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


def faults_in(page, name, width, theme):
    """Return what axe finds at this width in this light, by name, and what is too wide."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(f"{AXE};null")
    asked = {"runOnly": RULES[theme], "resultTypes": ["violations"], "preload": False}
    said = page.evaluate("(asked) => axe.run(document, asked)", asked)
    faults = {
        f"{name} {width} {theme}: {fault['id']}": [node["html"][:160] for node in fault["nodes"]]
        for fault in said["violations"]
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
