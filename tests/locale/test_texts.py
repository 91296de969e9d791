"""Every text exists in both languages, under the same keys, with the same arguments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fluent.syntax import ast, parse

from merlin.core.i18n import LANGUAGES, keys

pytestmark = pytest.mark.unit

LOCALE = Path(__file__).parents[2] / "merlin" / "locale"
TOPICS = sorted(path.name for path in (LOCALE / "ru").glob("*.ftl"))


def entries(language, topic):
    resource = parse((LOCALE / language / topic).read_text("utf-8"))
    return [entry for entry in resource.body if not isinstance(entry, ast.BaseComment)]


def arguments(entry):
    """Return the names of the arguments that an entry's text uses."""
    found = set()

    def walk(value):
        if isinstance(value, list):
            value = dict(enumerate(value))
        if isinstance(value, dict):
            if value.get("type") == "VariableReference":
                name = value["id"]["name"]
                # A title comes in both languages, and each text takes its own.
                found.add("title" if name in {"ru", "en"} else name)
            for each in value.values():
                walk(each)

    walk(entry.value.to_json())
    return found


def test_both_languages_hold_the_same_keys():
    assert keys("ru") == keys("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_topic_has_no_broken_entry_and_no_key_twice(language):
    for topic in TOPICS:
        found = entries(language, topic)
        assert not [entry for entry in found if isinstance(entry, ast.Junk)], topic
        names = [entry.id.name for entry in found]
        assert len(names) == len(set(names)), topic


def test_both_languages_use_the_same_arguments():
    for topic in TOPICS:
        russian = {entry.id.name: arguments(entry) for entry in entries("ru", topic)}
        english = {entry.id.name: arguments(entry) for entry in entries("en", topic)}
        assert russian == english


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_found_by_its_key(language):
    found = {entry.id.name for topic in TOPICS for entry in entries(language, topic)}
    assert keys(language) == found


def test_no_key_stands_in_two_topics():
    names = [entry.id.name for topic in TOPICS for entry in entries("ru", topic)]
    assert len(names) == len(set(names))


# A word that docs/en/words.md replaces, by language, and what stands instead of it.
REPLACED = {
    "en": {
        r"\banew\b": "again",
        r"\bshall\b": "should",
        r"\bmend(s|ed|ing)?\b": "fix",
        r"\bfor nothing\b": "free",
        r"\bat hand\b": "",
        r"\bgo(es|ing)? dark\b": "shut down",
        r"\bsaid no\b": "declined",
        r"\btills?\b": "payment service",
        r"\b(no|some|every|any)body\b": "no one, someone, everyone, anyone",
        r"\bwhoever\b": "the person who",
        r"\bmodel before\b": "previous model",
        r"\bbeg[iau]ns?\b": "start",
        r"\bany more\b": "no longer",
        r"\b(is|'s) no such\b": "not found",
        r"\bcanceled\b": "cancelled",
        r"\bhyper-parameters?\b": "hyperparameters",
        r"\blikeness\b": "similarity",
        r"\bproved\b": "tested",
        r"\btuned\b": "trained (fine-tuned in documentation)",
        r"\} %": "80%",
    },
    "ru": {
        r"\bкасс(а|ы|е|у|ой)\b": "ЮKassa, сервис оплаты",
        r"\bпогас": "отключат",
        r"\bгодн(ый|ых|ые|ого)\b": "без ошибок",
        r"\bдатасет": "набор",
        r"\bтариф": "план",
        r"\bоткатить\b": "вернуть прежнюю",
        r"\bподставн": "демо",
        r"\bстенд": "демо",
        r"\bдневник": "события",
        r"\bпросьб[аыу]\b": "задача",
        r"\bвердикт": "итог",
        r"\bпроверочн": "тестовые",
        r"\bсистемн\w+ текст": "инструкция",
        r"\bпробн\w+ срок": "пробный период",
        r"\bслово (поставщика|кассы)": "статус у поставщика, ответ ЮKassa",
        r"\b(работа|работы|работу|работе) (\{|№|\d)": "обучение",
        r"\bзакоммит": "сделать коммит",
        r"\b(succeeded|running|serving|queued|canceled|cancelled|heartbeat)\b": "",
        r"\} ?%": "80 % с неразрывным пробелом",
        r" - ": "тире",
    },
}
# What a model reads, and what quotes commands and formats.
UNJUDGED = ("judge-", "distil-", "grounding-prompt", "preset-prompt-", "sum-system", "sum-again-")
FORMAL = {"api.ftl", "api_pay.ftl", "legal.ftl", "rules.ftl"}
IN_FULL = r"\b(cannot|(do|does|did|is|are|was|were|has|have|could|would|will) not)\b"


def words(entry):
    """Return the text of an entry with { } for what is filled in, without code and quoted code."""
    found = []

    def walk(value):
        if isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, dict):
            if value.get("type") == "TextElement":
                found.append(value["value"])
            elif value.get("type") == "Placeable":
                found.append("{}")
                walk(value["expression"])
            elif value.get("type") == "SelectExpression":
                walk([variant["value"] for variant in value["variants"]])
            elif value.get("type") == "Pattern":
                walk(value["elements"])

    walk(entry.value.to_json())
    return re.sub(r"`[^`]*`", "", "".join(found))


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_use_the_words_of_the_list(language):
    told = []
    for topic in TOPICS:
        for entry in entries(language, topic):
            if entry.id.name.startswith(UNJUDGED):
                continue
            text = words(entry)
            replaced = dict(REPLACED[language])
            if language == "en" and topic not in FORMAL and not entry.id.name.startswith("api-"):
                replaced[IN_FULL] = "a contraction"
            told += [
                f"{topic}: {entry.id.name}: “{found[0]}” → {instead}"
                for pattern, instead in replaced.items()
                if (found := re.search(pattern, text, re.IGNORECASE))
            ]
            if re.search(r'"', text):
                told.append(f"{topic}: {entry.id.name}: a straight quotation mark")
    assert told == []
