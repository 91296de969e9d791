"""The pages as a Telegram Mini App: signed in by Telegram's word, in its colours, with its buttons.

Telegram's script is not asked for here: it is kept away, or a small one stands in for it.
"""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.api.sign_in_data import signed_init_data
from tests.browser.course_browser import find_cards, find_sidebar, stop_timers, wait_for_address

pytestmark = pytest.mark.integration

SCRIPT = "https://telegram.org/js/**"
KEPT = "/api/user/courses"
DARK = {
    "bg_color": "#17212b",
    "secondary_bg_color": "#232e3c",
    "section_bg_color": "#17212b",
    "text_color": "#f5f5f5",
    "accent_text_color": "#6ab2f2",
    "link_color": "#6ab3f3",
}
PALE = {**DARK, "text_color": "#2a3644"}
# What the app is told lies in `told`; the app's side calls `receive`.
BRIDGE = """window.told = [];
window.TelegramWebviewProxy = {postEvent: (type, data) => told.push([type, JSON.parse(data)])};"""
STAND_IN = """window.Telegram = {WebApp: {
  initData: "", themeParams: %s, ready() { this.isReady = true; }, expand() {},
  onEvent() {}, setHeaderColor(color) { this.header = color; }, setBackgroundColor() {},
  BackButton: {show() { this.isVisible = true; }, onClick(act) { this.act = act; }},
  MainButton: {setParams(said) { Object.assign(this, said); }, onClick(act) { this.act = act; }},
}};"""


def launched(visitor, path="/", theme=DARK, user_id=1001, script=None, **options):
    """Open a page as Telegram opens it; `script` stands in for Telegram's, None: it never comes."""
    page = visitor.page(viewport={"width": 390, "height": 780}, **options)
    # A script that comes late comes all the same: the page's patience does not run out.
    stop_timers(page)
    page.add_init_script(BRIDGE)
    if script is None:
        page.route(SCRIPT, lambda route: route.abort())
    else:
        page.route(SCRIPT, lambda route: route.fulfill(body=script, content_type="text/javascript"))
    said = quote(signed_init_data(user_id), safe="")
    params = quote(json.dumps(theme), safe="")
    launch = f"tgWebAppData={said}&tgWebAppVersion=8.0&tgWebAppThemeParams={params}"
    page.goto(f"{visitor.site.address}{path}#{launch}")
    return page


def app_calls(page, kind):
    """Return what the app was told of this kind, once it was."""
    page.wait_for_function("(kind) => window.told?.some(([one]) => one === kind)", arg=kind)
    return [data for name, data in page.evaluate("window.told") if name == kind]


def test_one_is_signed_in_without_telegrams_script_and_keeps_courses(visitor, courses):
    anna = visitor.add_user()
    page = launched(visitor, "/", user_id=anna)
    page.context.clear_cookies()
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and KEPT in answer.url
    ):
        find_cards(page).filter(has_text="Компьютерные сети").get_by_role("button").click()
    expect(find_sidebar(page).get_by_role("link")).to_have_text(["Компьютерные сети"])
    assert courses.favourite_ids(anna) == [courses.course_id("networks")]
    # No cookie is kept within a frame: the token alone must do.
    page.context.clear_cookies()
    find_sidebar(page).get_by_role("link").click()
    wait_for_address(page, f"/courses/{courses.course_id('networks')}")
    expect(find_sidebar(page).get_by_role("link")).to_have_text(["Компьютерные сети"])
    assert app_calls(page, "web_app_ready") == [""]
    assert "merlin.token" in page.evaluate("JSON.stringify(sessionStorage)")


def test_the_page_wears_telegrams_colours_and_has_no_header(visitor):
    page = launched(visitor)
    expect(page.locator("html.tg-colours")).to_be_attached()
    expect(page.get_by_role("banner")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(35, 46, 60)"
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert app_calls(page, "web_app_set_header_color") == [{"color": "#232e3c"}]


def test_colours_that_cannot_be_read_are_not_worn(visitor):
    page = launched(visitor, theme=PALE)
    expect(page.locator("html.tg[data-theme=dark]")).to_be_attached()
    assert page.locator("html.tg-colours").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 27)"


def test_the_back_button_leads_back_and_the_main_button_asks(visitor, courses):
    number = courses.course_id("algorithms")
    page = launched(visitor, f"/courses/{number}")
    assert app_calls(page, "web_app_setup_back_button") == [{"is_visible": True}]
    (main,) = app_calls(page, "web_app_setup_main_button")
    assert (main["text"], main["is_visible"]) == ("Спросить по курсу", True)
    page.evaluate("Telegram.WebView.receiveEvent('main_button_pressed')")
    page.wait_for_url(f"**/courses/{number}/chat")
    assert app_calls(page, "web_app_setup_back_button") == [{"is_visible": True}]
    page.evaluate("Telegram.WebView.receiveEvent('back_button_pressed')")
    page.wait_for_url(f"**/courses/{number}")


def test_telegrams_own_script_is_used_where_it_comes(visitor, courses):
    number = courses.course_id("algorithms")
    page = launched(visitor, f"/courses/{number}", script=STAND_IN % json.dumps(DARK))
    expect(page.locator("html.tg-colours")).to_be_attached()
    app = page.evaluate(
        "({ready: Telegram.WebApp.isReady, header: Telegram.WebApp.header,"
        " back: Telegram.WebApp.BackButton.isVisible, main: Telegram.WebApp.MainButton.text})"
    )
    assert app == {"ready": True, "header": "#232e3c", "back": True, "main": "Спросить по курсу"}
    assert page.evaluate("window.told") == []


def test_forged_words_of_telegram_sign_nobody_in(visitor):
    page = visitor.page()
    page.route(SCRIPT, lambda route: route.abort())
    forged = quote(signed_init_data(1001).replace("1001", "1002", 1), safe="")
    page.goto(f"{visitor.site.address}/#tgWebAppData={forged}&tgWebAppVersion=8.0")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("sessionStorage.getItem('merlin.token')") is None
    wait_for_address(page, "/")


def test_the_chat_is_open_to_who_is_signed_in_by_token_alone(visitor, courses):
    number = courses.course_id("algorithms")
    page = launched(visitor, f"/courses/{number}/chat", user_id=visitor.add_user())
    field = page.get_by_role("textbox", name="Вопрос")
    expect(field).to_be_visible()
    page.context.clear_cookies()
    field.fill("Что такое граф?")
    page.keyboard.press("Enter")
    expect(page.locator(".version")).to_have_text("algorithms-1")
    page.get_by_role("button", name="Верно", exact=True).click()
    expect(page.get_by_role("button", name="Верно", exact=True, pressed=True)).to_be_visible()
