"""The ten main pages by keyboard alone, with reduced motion, and without JavaScript."""

import pytest

from tests.browser.staff_browser import VERA

pytestmark = pytest.mark.integration

PAGES = {
    "catalogue": "/",
    "course": "/courses/{course}",
    "material": "/courses/{course}/materials/1",
    "chat": "/courses/{course}/chat",
    "plans": "/plans",
    "account": "/me",
    "teaching": "/teach",
    "examples": "/datasets/algorithms/examples",
    "board": "/admin/board",
    "models": "/admin/models",
}
# What can be focused; of radio buttons the arrow keys reach the others.
STOPS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((it) => it.checkVisibility({visibilityProperty: true}))
  .filter((it) => !it.disabled && !it.matches("[type=radio], [type=hidden]"))"""
# Whether the focused element, or what stands for it, has a ring.
HAS_RING = """() => {
  const it = document.activeElement;
  it.toggleAttribute("data-reached", true);
  return it === document.body || [[it], [it, "::after"], [it.closest(".field, .slip") ?? it]]
    .some((one) => getComputedStyle(...one).outlineStyle !== "none") || it.outerHTML.slice(0, 120);
}"""
MOVING = """() => [...document.querySelectorAll("body *")].filter((it) => {
  const style = getComputedStyle(it);
  return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
}).map((it) => it.outerHTML.slice(0, 120))"""
WAYS = """() => [...document.querySelectorAll("main a[href], main form")]
  .filter((it) => it.checkVisibility()).map((it) => it.getAttribute("href") ?? it.action)"""


@pytest.mark.parametrize("name", PAGES)
def test_page_works_by_keyboard_at_rest_and_without_script(
    staff_visitor, staff_site, name
):
    path = PAGES[name].format(course=staff_site.course_id("algorithms"))
    page = staff_visitor.open(path, VERA)
    page.wait_for_load_state("networkidle")
    assert page.evaluate(MOVING) == []
    ways = set(page.evaluate(WAYS))
    for _ in range(page.evaluate(f"({STOPS})().length + 5")):
        page.keyboard.press("Tab")
        assert page.evaluate(HAS_RING) is True
    missed = f"({STOPS})().filter((it) => !it.matches('[data-reached]')).map((it) => it.outerHTML)"
    assert page.evaluate(missed) == []
    plain = staff_visitor.open(path, VERA, java_script_enabled=False)
    assert set(plain.evaluate(WAYS)) >= ways
    assert plain.locator("h1").text_content() == page.locator("h1").text_content()
