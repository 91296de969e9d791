"""Masking: personal data and secrets are replaced, everything else stays."""

import pytest
from hypothesis import given, strategies as st

from merlin.core import i18n
from merlin.dataset.sensitive import mask_personal_data

pytestmark = pytest.mark.unit

KINDS = ("secret", "mail", "address", "document", "card", "phone", "handle", "name")


MASKED = [
    ("Меня зовут Анна, я тут", "Меня зовут [имя], я тут", "name"),
    ("меня зовут анна ёлкина", "меня зовут [имя] ёлкина", "name"),
    ("Меня зовут: Анна-Мария О'Нил. Да", "Меня зовут: [имя]. Да", "name"),
    ("My name is John Smith, hi", "My name is [имя], hi", "name"),
    ("Пишите: anna@mail.ru!", "Пишите: [почта]!", "mail"),
    ("тел. +7 999 123-45-67", "тел. [телефон]", "phone"),
    ("тел. 8 (999) 123-45-67", "тел. [телефон]", "phone"),
    ("звоните 89991234567", "звоните [телефон]", "phone"),
    ("живу: ул. Лесная, д. 14, кв. 87!", "живу: [адрес]!", "address"),
    ("паспорт 4510 123456", "[номер документа]", "document"),
    ("мой СНИЛС 112-233-445 95.", "мой СНИЛС [номер документа].", "document"),
    ("вот ИНН 500100732259", "вот [номер документа]", "document"),
    ("карта 4276 3800 1234 5678 моя", "карта [номер карты] моя", "card"),
    ("я @anna_elkina", "я [контакт]", "handle"),
    ("https://t.me/anna_elkina вот", "[контакт] вот", "handle"),
    ("ключ sk-abcdefghijklmnopqrstu", "ключ [секрет]", "secret"),
]


def test_personal_data_is_replaced_by_its_placeholder():
    for text, masked, kind in MASKED:
        result = mask_personal_data(text, "ru")
        assert (result.words, result.found) == (masked, (kind,))


@pytest.mark.parametrize(
    "text",
    [
        "Черты лица, отвечающие за глубину фиксации, — это 1. Форма лба.",
        "В 2026 году 12 345 678 строк, 3.14159265 и 10.10.2026",
        "Как её зовут?",
        "def f(x): return x @ y",
        "a@example.com пишут в примерах",
        "Число 1234567890123 и 0.89991234567",
    ],
)
def test_text_without_personal_data_is_unchanged(text):
    result = mask_personal_data(text, "ru")
    assert (result.words, result.found) == (text, ())


@given(st.text(max_size=200))
def test_masking_is_idempotent(text):
    once = mask_personal_data(text, "en").words
    assert mask_personal_data(once, "en").words == once


def test_every_kind_has_its_texts():
    for language in ("ru", "en"):
        assert all(i18n.text(language, f"mask-{kind}") for kind in KINDS)
        assert all(i18n.text(language, f"mask-kind-{kind}") for kind in KINDS)
