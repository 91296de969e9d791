"""The pages as a Telegram Mini App: sign-in by init data, dark as Telegram is, its buttons."""

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.api.sign_in_data import signed_init_data
from tests.browser.course_browser import (
    find_cards,
    find_sidebar,
    wait_for_address,
    wait_until_loaded,
)

pytestmark = pytest.mark.integration

FAVOURITES_PATH = "/api/user/courses"
DARK = {
    "bg_color": "#17212b",
    "secondary_bg_color": "#232e3c",
    "section_bg_color": "#17212b",
    "text_color": "#f5f5f5",
    "accent_text_color": "#6ab2f2",
    "link_color": "#6ab3f3",
}
# Events to the app are recorded in `events`.
BRIDGE = """window.events = [];
window.TelegramWebviewProxy = {postEvent: (type, data) => events.push([type, JSON.parse(data)])};"""


def open_mini_app(visitor, path="/", theme=DARK, user_id=1001, **options):
    """Open a page as Telegram opens it."""
    page = visitor.page(is_new=True, viewport={"width": 390, "height": 780}, **options)
    page.add_init_script(BRIDGE)
    init_data = quote(signed_init_data(user_id), safe="")
    params = quote(json.dumps(theme), safe="")
    launch = (
        f"tgWebAppData={init_data}&tgWebAppVersion=8.0&tgWebAppThemeParams={params}"
    )
    page.goto(f"{visitor.site.address}{path}#{launch}")
    return page


def wait_for_events(page, kind):
    """Wait for events of this kind to the app; return their data."""
    page.wait_for_function(
        "(kind) => window.events?.some(([one]) => one === kind)", arg=kind
    )
    return [data for name, data in page.evaluate("window.events") if name == kind]


def is_call(request, *methods):
    return FAVOURITES_PATH in request.url and (not methods or request.method in methods)


def test_user_is_signed_in_by_what_telegram_says(visitor, course_site):
    anna = visitor.add_user()
    page = open_mini_app(visitor, "/", user_id=anna)
    page.context.clear_cookies()
    with page.expect_response(lambda one: is_call(one.request, "POST")):
        find_cards(page).filter(has_text="Компьютерные сети").get_by_role(
            "button"
        ).click()
    expect(find_sidebar(page).get_by_role("link")).to_have_text(["Компьютерные сети"])
    assert course_site.favourite_ids(anna) == [course_site.course_id("networks")]
    # A frame keeps no cookies: the token alone must work.
    page.context.clear_cookies()
    find_sidebar(page).get_by_role("link").click()
    wait_for_address(page, f"/courses/{course_site.course_id('networks')}")
    expect(find_sidebar(page).get_by_role("link")).to_have_text(["Компьютерные сети"])
    assert wait_for_events(page, "web_app_ready") == [""]
    assert "merlin.token" in page.evaluate("JSON.stringify(sessionStorage)")


def test_what_is_kept_while_signing_in_is_stored_before_the_sidebar_is_asked(visitor):
    page = open_mini_app(visitor, "/", user_id=visitor.add_user())
    wait_until_loaded(page)
    page.context.clear_cookies()
    page.evaluate("sessionStorage.removeItem('merlin.token')")
    asked = []
    star = find_cards(page).filter(has_text="Компьютерные сети").get_by_role("button")

    def press_first(route):
        star.click()
        route.continue_()

    page.route("**/api/auth/telegram", press_first)
    page.on("request", lambda one: asked.append(one.method) if is_call(one) else None)
    page.on(
        "response",
        lambda one: asked.append(one.status) if is_call(one.request) else None,
    )
    with page.expect_response(lambda one: is_call(one.request, "GET")):
        page.reload()
    assert asked == ["POST", 201, "GET", 200]


def test_page_is_dark_as_telegram_is_and_its_back_button_takes_the_place_of_the_header(
    visitor, course_site
):
    course_id = course_site.course_id("algorithms")
    page = open_mini_app(visitor, f"/courses/{course_id}")
    expect(page.get_by_role("banner")).to_be_hidden()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    (header,) = wait_for_events(page, "web_app_set_header_color")
    channels = [int(header["color"][place : place + 2], 16) for place in (1, 3, 5)]
    assert f"rgb({', '.join(map(str, channels))})" == ground
    assert wait_for_events(page, "web_app_setup_back_button") == [{"is_visible": True}]
    page.get_by_role("link", name="Спросить по курсу").click()
    page.wait_for_url(f"**/courses/{course_id}/chat")
    assert wait_for_events(page, "web_app_setup_back_button") == [{"is_visible": True}]
    page.evaluate("Telegram.WebView.receiveEvent('back_button_pressed')")
    page.wait_for_url(f"**/courses/{course_id}")


def test_chat_works_with_a_token_instead_of_a_cookie(visitor, course_site):
    course_id = course_site.course_id("algorithms")
    page = open_mini_app(
        visitor, f"/courses/{course_id}/chat", user_id=visitor.add_user()
    )
    field = page.get_by_role("textbox", name="Вопрос")
    expect(field).to_be_visible()
    page.context.clear_cookies()
    field.fill("Что такое граф?")
    page.keyboard.press("Enter")
    expect(page.locator(".version")).to_have_text("algorithms-1")
    page.get_by_role("button", name="Верно", exact=True).click()
    expect(
        page.get_by_role("button", name="Верно", exact=True, pressed=True)
    ).to_be_visible()
