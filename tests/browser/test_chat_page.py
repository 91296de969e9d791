"""The chat page in a real browser; the test plays the bot through the Bot API."""

import pytest
from playwright.sync_api import expect

from merlin.core.errors import MerlinError
from tests.browser.chat_browser import ANNA, find_field, find_messages
from tests.support.faults import Fault, FaultKind
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def test_typed_question_is_answered_in_a_stream_of_edits(page, bot):
    find_field(page).fill("Какие черты лица отвечают за глубину фиксации?")
    page.keyboard.press("Enter")
    message = bot.read_update()["message"]
    assert (message["from"]["id"], message["text"][:5]) == (ANNA, "Какие")
    expect(find_field(page)).to_have_value("")
    expect(find_messages(page).first).to_contain_text("Какие черты лица")
    sent = bot.say(ANNA, "…")
    expect(page.get_by_role("img", name="Готовлю ответ")).to_be_visible()
    page.evaluate(WATCH_CARETS)
    bot.edit(sent, "Черты лица, отвечающие")
    # wait_for_function is refused by the page's content security policy.
    wait_until(lambda: page.evaluate("carets.includes('Черты лица, отвечающие, true')"))
    bot.edit(sent, "Черты лица, отвечающие за глубину фиксации, — это\n1. Форма лба.")
    expect(find_messages(page).last.locator(".text")).to_contain_text("1. Форма лба.")
    expect(find_messages(page)).to_have_count(2)
    expect(page.locator(".caret, [aria-busy]")).to_have_count(0)


# Records each text that ended in a caret, and whether it was marked as busy: a caret disappears
# so soon that a slow machine could miss it.
WATCH_CARETS = """() => {
  window.carets = [];
  new MutationObserver(() => {
    for (const it of document.querySelectorAll(".caret")) {
      carets.push(`${it.textContent}, ${it.closest(".msg").ariaBusy}`);
    }
  }).observe(document.querySelector(".log"), {childList: true, subtree: true, attributes: true});
}"""


def test_pressed_key_reaches_the_bot_and_its_reply_is_shown(page, bot):
    keys = [
        [
            {"text": "👍 Верно", "callback_data": "good"},
            {"text": "👎", "callback_data": "bad"},
        ]
    ]
    sent = bot.say(ANNA, "Ответ", reply_markup={"inline_keyboard": keys})
    page.get_by_role("button", name="👍 Верно").click()
    query = bot.read_update()["callback_query"]
    assert (query["data"], query["message"]["message_id"]) == ("good", sent)
    bot.call("answerCallbackQuery", callback_query_id=query["id"], text="Спасибо!")
    expect(page.locator("#toast")).to_have_text("Спасибо!")
    bot.edit(sent, "Ответ отмечен")
    expect(page.locator(".keys")).to_have_count(0)


def test_entities_become_elements_and_markup_and_unsafe_links_do_not(page, bot):
    entities = [
        {"type": "bold", "offset": 0, "length": 8},
        {"type": "italic", "offset": 3, "length": 5},
        {"type": "text_link", "offset": 9, "length": 3, "url": "javascript:alert(1)"},
        {"type": "text_link", "offset": 13, "length": 3, "url": "https://example.com/"},
        {"type": "pre", "offset": 17, "length": 5, "language": "yaml"},
    ]
    bot.say(ANNA, "😀 жирно зло вот a:  1", entities=entities)
    expect(page.locator(".bub b")).to_have_text("😀 жирно")
    expect(page.locator(".bub b i")).to_have_text("жирно")
    expect(page.locator(".bub a")).to_have_count(1)
    expect(page.locator(".bub a")).to_have_attribute("href", "https://example.com/")
    expect(page.locator(".bub pre")).to_have_text("a:  1")
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    bot.say(ANNA, evil)
    find_field(page).fill(evil)
    page.keyboard.press("Enter")
    expect(find_messages(page)).to_have_count(3)
    expect(find_messages(page).nth(1).locator(".text")).to_have_text(evil)
    assert page.locator(".log img, .log script").count() == 0


def test_lost_connection_is_shown_and_restored_and_unsent_messages_are_repeated(
    page, bot, telegram
):
    bot.say(ANNA, "до")
    expect(find_messages(page)).to_have_count(1)
    telegram.stop()
    expect(page.locator("#offline")).to_contain_text(
        "Связь с демо прервалась. Пробуем снова"
    )
    find_field(page).fill("не уйдёт")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text(
        "Не отправлено: демо не отвечает."
    )
    telegram.start()
    expect(page.locator("#offline")).to_have_text("")
    bot.say(ANNA, "после")
    expect(page.locator(".log").first).to_contain_text("после")
    page.get_by_role("button", name="Повторить").click()
    assert bot.read_update()["message"]["text"] == "не уйдёт"
    page.route("**/control/send", lambda route: route.abort(), times=1)
    find_field(page).fill("привет")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Повторить").click()
    # Wait for it first: while the bot reads updates, Playwright passes no call of the page.
    expect(page.locator(".msg.me:not(.broken)").last).to_contain_text("привет")
    assert bot.read_update()["message"]["text"] == "привет"
    expect(page.get_by_role("alert")).to_have_count(0)
    telegram.faults.add(Fault("*", FaultKind.DROP, times=None))
    find_field(page).fill("здравствуй")
    page.keyboard.press("Enter")
    expect(find_messages(page)).to_have_count(5)


def test_pipeline_of_a_commit_is_shown_and_updated(pages):
    pipeline = {
        "dataset": "neurotypology",
        "commit": "4f2a91c0deadbeef",
        "subject": "Новый пример",
        "state": {"style": "run", "text": "обучается"},
        "steps": [
            {"key": "committed", "state": "done", "note": ""},
            {"key": "checked", "state": "done", "note": "62 примера, замечаний нет"},
            {"key": "built", "state": "done", "note": "neurotypology-8"},
            {"key": "training", "state": "now", "note": "Эпоха 3 из 4"},
        ],
        "progress": 0.68,
        "serving": {
            "model": "ft:a",
            "build": "neurotypology-7",
            "since": "2026-11-12T10:00:00Z",
        },
    }
    state = {"body": pipeline}

    def read_pipeline(_language):
        if "error" in state:
            raise MerlinError("the database is gone")
        return state["body"]

    viewport = {"width": 1280, "height": 800}
    with (
        TelegramStandIn(read_pipeline=read_pipeline) as standin,
        pages.open([], viewport=viewport) as page,
    ):
        page.goto(standin.page_url)
        expect(page.locator(".steps [aria-current=step]")).to_contain_text(
            "Эпоха 3 из 4"
        )
        expect(page.get_by_role("progressbar", name="Обучение")).to_have_attribute(
            "value", "68"
        )
        expect(page.locator(".chatside .panel")).to_contain_text("neurotypology-7")
        assert page.locator(".steps li").count() == 6
        # On a phone it is a drawer; the menu in the bar chooses person and chat.
        page.set_viewport_size({"width": 390, "height": 800})
        expect(page.locator(".chatside")).to_be_hidden()
        page.get_by_role("button", name="Эпоха 3 из 4").click()
        expect(page.locator(".chatside")).to_be_visible()
        page.get_by_role("combobox").select_option("Борис: Учебная группа")
        expect(page.get_by_role("log")).to_contain_text("Здесь будет чат группы")
        page.set_viewport_size({"width": 1280, "height": 800})
        state["body"] = {**pipeline, "commit": "", "serving": None}
        expect(page.locator(".chatside")).to_contain_text("Коммитов пока нет")
        state["error"] = True
        expect(page.locator(".chatside")).to_contain_text("не отвечает")
