"""What counts as small talk, and of which kind it is."""

import pytest

from merlin.core.small_talk import KINDS, find_small_talk, read_phrases

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("kind", KINDS)
def test_each_phrase_is_of_its_kind_only(kind):
    assert {find_small_talk(f"{each.upper()}!") for each in read_phrases()[kind]} == {
        kind
    }


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Привет, кто ты?", "who"),
        ("Спасибо большое за ответ, бот 😊", "thanks"),
        ("Ок", "thanks"),
        ("Hi there!", "greeting"),
        ("меня зовут Анна Иванова, добрый день!", "greeting"),
        ("Hello, my name is Ann.", "greeting"),
        ("Здравствуйте, меня зовут Анна, как записаться?", ""),
        ("меня зовут Анна", ""),
        ("👍🏻", "thanks"),
        ("привет, как открыть счёт?", ""),
        ("Пока что?", ""),
        ("бот", ""),
        ("", ""),
        ("привет " * 30, ""),
    ],
)
def test_only_a_short_message_of_nothing_but_phrases_is_small_talk(message, kind):
    assert find_small_talk(message) == kind
