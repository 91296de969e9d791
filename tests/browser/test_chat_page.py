"""The chat page in a real browser; the test plays the bot through the Bot API."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from merlin.sandbox.faults import Fault, FaultKind
from merlin.sandbox.telegram import TelegramStandIn

pytestmark = pytest.mark.integration

ANNA, VERA = 1001, 1003


class Bot:
    """The bot's side: its calls, and what it has not yet read."""

    def __init__(self, standin: TelegramStandIn) -> None:
        self.standin = standin

    def call(self, method: str, **fields: object) -> dict:
        url = f"{self.standin.base_url}{self.standin.token}/{method}"
        body = json.dumps(fields).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - the stand-in's address
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.loads(answer.read())["result"]

    def say(self, chat_id: int, text: str, **fields: object) -> int:
        return self.call("sendMessage", chat_id=chat_id, text=text, **fields)["message_id"]

    def edit(self, message_id: int, text: str, **fields: object) -> None:
        self.call("editMessageText", chat_id=ANNA, message_id=message_id, text=text, **fields)

    def next_update(self) -> dict:
        def newest() -> dict:
            pending = self.standin.pending()
            return dict(pending[-1]) if pending else {}

        update = self.standin.wait_for(newest)
        self.call("getUpdates", offset=update["update_id"] + 1)
        return update


@pytest.fixture
def telegram() -> Iterator[TelegramStandIn]:
    with TelegramStandIn() as standin:
        yield standin


@pytest.fixture
def bot(telegram: TelegramStandIn) -> Bot:
    return Bot(telegram)


@pytest.fixture
def page(chromium: Browser, telegram: TelegramStandIn) -> Iterator[Page]:
    yield from opened(chromium, telegram)


def opened(
    chromium: Browser, telegram: TelegramStandIn, width: int = 1280, **options: object
) -> Iterator[Page]:
    """Open the page, and fail the test for anything that the browser complained of."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and "net::ERR_" not in said.text
            else None
        ),
    )
    page.goto(telegram.page_url)
    expect(page.get_by_role("button", name="Начать", exact=True)).to_be_visible()
    yield page
    context.close()
    # Chromium's own word when a quick navigation overtakes a view transition.
    assert [one for one in complaints if one != "Transition was skipped"] == []


def field(page: Page):
    return page.get_by_role("textbox", name="Сообщение", exact=True)


def bubbles(page: Page):
    return page.locator(".log:not([hidden]) .msg")


def test_a_person_types_and_sees_the_answer_stream(page, bot):
    field(page).fill("Какие черты лица отвечают за глубину фиксации?")
    page.keyboard.press("Enter")
    asked = bot.next_update()["message"]
    assert (asked["from"]["id"], asked["text"][:5]) == (ANNA, "Какие")
    expect(field(page)).to_have_value("")
    expect(bubbles(page).first).to_contain_text("Какие черты лица")
    sent = bot.say(ANNA, "…")
    expect(page.get_by_role("img", name="Готовлю ответ")).to_be_visible()
    page.evaluate(WATCH_CARETS)
    bot.edit(sent, "Черты лица, отвечающие")
    page.wait_for_function("carets.includes('Черты лица, отвечающие, true')")
    bot.edit(sent, "Черты лица, отвечающие за глубину фиксации, — это\n1. Форма лба.")
    expect(bubbles(page).last.locator(".text")).to_contain_text("1. Форма лба.")
    expect(bubbles(page)).to_have_count(2)
    expect(page.locator(".caret, [aria-busy]")).to_have_count(0)


# Remember each text that ended in a caret, and whether readers were told to wait; a caret is
# gone so soon that a slow machine could miss it.
WATCH_CARETS = """() => {
  window.carets = [];
  new MutationObserver(() => {
    for (const it of document.querySelectorAll(".caret")) {
      carets.push(`${it.textContent}, ${it.closest(".msg").ariaBusy}`);
    }
  }).observe(document.querySelector(".log"), {childList: true, subtree: true, attributes: true});
}"""


def test_enter_with_shift_makes_a_line_and_the_button_sends(page, bot):
    field(page).press_sequentially("раз")
    page.keyboard.press("Shift+Enter")
    field(page).press_sequentially("два")
    page.get_by_role("button", name="Отправить", exact=True).click()
    assert bot.next_update()["message"]["text"] == "раз\nдва"


def test_a_long_text_goes_in_parts_as_clients_send_it(page, bot, telegram):
    field(page).fill("я" * 5000)
    page.keyboard.press("Enter")
    expect(bubbles(page)).to_have_count(2)
    assert [len(one.text) for one in telegram.log("anna")] == [4096, 904]


def test_the_start_button_begins_the_chat(page, bot):
    page.get_by_role("button", name="Начать").click()
    message = bot.next_update()["message"]
    assert message["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    expect(page.get_by_role("button", name="Начать")).to_have_count(0)


def test_a_pressed_key_reaches_the_bot_and_its_word_is_shown(page, bot):
    keys = [[{"text": "👍 Верно", "callback_data": "good"}, {"text": "👎", "callback_data": "bad"}]]
    sent = bot.say(ANNA, "Ответ", reply_markup={"inline_keyboard": keys})
    page.get_by_role("button", name="👍 Верно").click()
    query = bot.next_update()["callback_query"]
    assert (query["data"], query["message"]["message_id"]) == ("good", sent)
    bot.call("answerCallbackQuery", callback_query_id=query["id"], text="Спасибо!")
    expect(page.locator("#toast")).to_have_text("Спасибо!")
    bot.edit(sent, "Ответ отмечен")
    expect(page.locator(".keys")).to_have_count(0)


def test_each_person_has_an_own_chat_and_an_own_draft(page, bot):
    field(page).fill("недописано")
    vera = page.get_by_role("button", name=re.compile("Вера, администратор"))
    bot.say(VERA, "neurotypology-8 обучена")
    expect(vera.locator(".fresh")).to_be_visible()
    vera.click()
    expect(vera).to_have_attribute("aria-pressed", "true")
    expect(vera.locator(".fresh")).to_be_hidden()
    expect(bubbles(page)).to_have_text([re.compile("neurotypology-8 обучена")])
    expect(field(page)).to_have_value("")
    field(page).fill("/status")
    page.keyboard.press("Enter")
    assert bot.next_update()["message"]["from"]["id"] == VERA
    page.get_by_role("button", name=re.compile("Анна, студентка")).click()
    expect(field(page)).to_have_value("недописано")


def test_a_file_and_the_sample_voice_are_sent(page, bot, tmp_path):
    notes = tmp_path / "конспект-семинар-2.txt"
    notes.write_text("Глубина фиксации. " * 100, encoding="utf-8")
    page.locator("#chosen-file").set_input_files(notes)
    assert bot.next_update()["message"]["document"]["file_name"] == "конспект-семинар-2.txt"
    expect(page.get_by_role("link", name="конспект-семинар-2.txt")).to_be_visible()
    expect(bubbles(page)).to_have_count(1)
    page.get_by_role("button", name="Отправить голос-образец").click()
    voice = bot.next_update()["message"]["voice"]
    assert (voice["mime_type"], voice["duration"]) == ("audio/ogg", 4)
    play = page.get_by_role("button", name="Слушать: голосовое сообщение, 0:04")
    play.click()
    expect(page.get_by_role("button", name=re.compile("Остановить"))).to_be_visible()


def test_a_photo_is_shown(page, bot, telegram, tmp_path):
    picture = tmp_path / "pixel.png"
    picture.write_bytes(bytes.fromhex(PIXEL))
    page.locator("#chosen-file").set_input_files(picture)
    assert bot.next_update()["message"]["photo"]
    image = page.get_by_role("img", name="Фото")
    expect(image).to_be_visible()
    page.wait_for_function("document.querySelector('.bub img').naturalWidth === 1")


PIXEL = (
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


def test_hostile_text_is_only_text(page, bot):
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    bot.say(ANNA, evil)
    field(page).fill(evil)
    page.keyboard.press("Enter")
    expect(bubbles(page)).to_have_count(2)
    expect(bubbles(page).first.locator(".text")).to_have_text(evil)
    assert page.locator(".log img, .log script").count() == 0


def test_entities_become_elements_and_hostile_links_do_not(page, bot):
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


def test_deleted_messages_go_and_typing_is_shown(page, bot):
    sent = bot.say(ANNA, "лишнее")
    expect(bubbles(page)).to_have_count(1)
    bot.call("sendChatAction", chat_id=ANNA, action="typing")
    expect(page.get_by_role("img", name="Бот печатает")).to_be_visible()
    bot.say(ANNA, "вот")
    expect(page.get_by_role("img", name="Бот печатает")).to_have_count(0)
    bot.call("deleteMessage", chat_id=ANNA, message_id=sent)
    expect(bubbles(page)).to_have_count(1)


def test_a_lost_connection_is_told_and_mended(page, bot, telegram):
    bot.say(ANNA, "до")
    expect(bubbles(page)).to_have_count(1)
    telegram.stop()
    expect(page.locator("#offline")).to_contain_text("Связь со стендом прервалась")
    field(page).fill("не уйдёт")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Не отправлено: стенд не отвечает.")
    telegram.start()
    expect(page.locator("#offline")).to_have_text("")
    bot.say(ANNA, "после")
    expect(page.locator(".log").first).to_contain_text("после")
    page.get_by_role("button", name="Повторить").click()
    assert bot.next_update()["message"]["text"] == "не уйдёт"


def test_what_was_not_sent_can_be_sent_again(page, bot, telegram):
    page.route("**/control/send", lambda route: route.abort(), times=1)
    field(page).fill("привет")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Повторить").click()
    assert bot.next_update()["message"]["text"] == "привет"
    expect(page.get_by_role("alert")).to_have_count(0)


def test_dark_mode_is_chosen_and_remembered(page):
    def ground():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert ground() == "rgb(246, 245, 241)"
    page.get_by_role("button", name="Включить тёмную тему").click()
    assert ground() == "rgb(17, 22, 27)"
    page.reload()
    assert ground() == "rgb(17, 22, 27)"
    expect(page.get_by_role("button", name="Включить светлую тему")).to_be_visible()


def test_the_page_changes_to_english(page):
    page.get_by_role("link", name="In English").click()
    expect(page.get_by_role("button", name="Anna, student")).to_be_visible()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_keyboard_alone_is_enough(page, bot):
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(page.evaluate(NAME_OF_FOCUS))
    assert names[:6] == [
        "К сообщению",
        "In English",
        "Включить тёмную тему",
        "Анна, студентка",
        "Вера, администратор",
        "Переписка: Анна, студентка",
    ]
    page.get_by_role("link", name="К сообщению").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("привет")
    page.keyboard.press("Enter")
    assert bot.next_update()["message"]["text"] == "привет"


NAME_OF_FOCUS = """() => {
  const it = document.activeElement;
  return it.getAttribute("aria-label") ?? it.innerText.replace("новое", "").trim();
}"""


@pytest.mark.parametrize(
    ("width", "scheme"), [(360, "light"), (390, "dark"), (768, "light"), (1280, "dark")]
)
def test_nothing_is_cut_off_unnamed_or_too_pale(chromium, telegram, bot, width, scheme):
    for page in opened(chromium, telegram, width, color_scheme=scheme):
        keys = [[{"text": "Верно", "callback_data": "a"}, {"text": "Нет", "callback_data": "b"}]]
        bot.say(ANNA, "слово" * 60, reply_markup={"inline_keyboard": keys})
        telegram.say("anna", "Какие черты лица отвечают за глубину фиксации?")
        expect(bubbles(page)).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(UNNAMED) == []
        assert page.evaluate(PALE) == []
        assert page.evaluate(SMALL) == []
        keep_for_the_eye(page, f"chat-{width}-{scheme}")


# Buttons, links and fields without a name that a screen reader could say.
UNNAMED = """() => [...document.querySelectorAll("button, a, textarea, input:not([type=file])")]
  .filter((it) => !(it.ariaLabel || it.innerText.trim() || it.labels?.length))
  .map((it) => it.outerHTML)"""

# Texts whose contrast with the nearest painted ground is under 4.5 (WCAG 2.2, SC 1.4.3).
PALE = """() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parts(color).slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (it) => {
    for (let at = it; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((parts(color)[3] ?? 1) > 0.99) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const said = (it) => [...it.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  return [...document.body.querySelectorAll("*")]
    .filter((it) => said(it) && it.checkVisibility({visibilityProperty: true}))
    .filter((it) => {
      const [a, b] = [light(getComputedStyle(it).color), light(ground(it))];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
    })
    .map((it) => it.outerHTML);
}"""

# Things to press that are smaller than a finger wants: 40 px (WCAG 2.2, SC 2.5.8, asks for 24).
SMALL = """() => [...document.querySelectorAll("button, .btn")]
  .filter((it) => it.checkVisibility({visibilityProperty: true}) && !it.classList.contains("skip"))
  .filter((it) => it.getBoundingClientRect().height < 40)
  .map((it) => it.outerHTML)"""


def keep_for_the_eye(page: Page, name: str) -> None:
    """Keep a screenshot where SHOTS_FOLDER names a folder."""

    folder = os.environ.get("SHOTS_FOLDER")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_each_person_has_a_log_that_a_reader_can_follow(page):
    expect(page.get_by_role("log", name="Переписка: Анна, студентка")).to_be_visible()
    page.get_by_role("button", name="Вера, администратор").click()
    expect(page.get_by_role("log", name="Переписка: Вера, администратор")).to_be_visible()


def test_without_script_the_page_says_what_it_needs(chromium, telegram):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(telegram.page_url)
    expect(page.get_by_text("Этой странице нужен JavaScript")).to_be_visible()
    context.close()


def test_a_commits_way_is_drawn_and_follows(chromium, telegram):
    way = {
        "dataset": "neurotypology",
        "commit": "4f2a91c0deadbeef",
        "subject": "Новый пример",
        "verdict": "training",
        "steps": [
            {"key": "committed", "state": "done", "note": ""},
            {"key": "checked", "state": "done", "note": "62 примера, замечаний нет"},
            {"key": "built", "state": "done", "note": "neurotypology-8"},
            {"key": "training", "state": "now", "note": "Эпоха 3 из 4"},
        ],
        "progress": 0.68,
        "serving": {"model": "ft:a", "build": "neurotypology-7", "since": "2026-11-12T10:00:00Z"},
    }
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    said = {"body": way}
    page.route("**/control/pipeline", lambda route: route.fulfill(json=said["body"]))
    with TelegramStandIn(pipeline_url="http://127.0.0.1:9/") as standin:
        page.goto(standin.page_url)
        expect(page.locator(".steps [aria-current=step]")).to_contain_text("Эпоха 3 из 4")
        expect(page.get_by_role("progressbar", name="Обучение")).to_have_attribute("value", "68")
        expect(page.locator(".chatside .panel")).to_contain_text("neurotypology-7")
        assert page.locator(".steps li").count() == 6
        said["body"] = {**way, "commit": "", "serving": None}
        expect(page.locator(".chatside")).to_contain_text("Коммитов ещё нет")
        page.unroute("**/control/pipeline")
        expect(page.locator(".chatside")).to_contain_text("не отвечает")
        context.close()


def test_a_faulty_bot_api_does_not_trouble_the_page(page, telegram):
    telegram.faults.add(Fault("*", FaultKind.DROP, times=None))
    field(page).fill("привет")
    page.keyboard.press("Enter")
    expect(bubbles(page)).to_have_count(1)
