"""Every text exists in both languages with the same arguments, in the words of docs/words.md."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from fluent.syntax import ast, parse
from fluent.syntax.visitor import Visitor

from merlin.core.i18n import LANGUAGES, command_text, keys, text

pytestmark = pytest.mark.unit

LOCALE = Path(__file__).parents[2] / "merlin" / "locale"
TOPICS = sorted(path.name for path in (LOCALE / "ru").glob("*.ftl"))


@cache
def read_entries(language, topic):
    resource = parse((LOCALE / language / topic).read_text("utf-8"))
    return [entry for entry in resource.body if not isinstance(entry, ast.BaseComment)]


def find_arguments(entry):
    """Return the names of the arguments that an entry's text uses."""
    names = set()

    def walk(value):
        if isinstance(value, list):
            value = dict(enumerate(value))
        if isinstance(value, dict):
            if value.get("type") == "VariableReference":
                name = value["id"]["name"]
                # A title is passed in both languages; each text uses its own.
                names.add("title" if name in {"ru", "en"} else name)
            for child in value.values():
                walk(child)

    walk(entry.to_json())
    return names


@pytest.mark.parametrize("language", LANGUAGES)
def test_topic_has_no_broken_entry_and_no_duplicate_key(language):
    counts = Counter()
    for topic in TOPICS:
        entries = read_entries(language, topic)
        assert not [entry for entry in entries if isinstance(entry, ast.Junk)], topic
        counts.update(entry.id.name for entry in entries)
    assert counts.keys() == keys(language)
    assert [name for name, count in counts.items() if count > 1] == []


# The texts of the bot and the pages, and what there only the machine's owner can do.
_NOT_AT_A_SHELL = (
    "notice-",
    "bot-",
    "admin-",
    "runbook-",
    "store-no-",
    "gate-",
    "held-",
)
_OF_THE_MACHINE = {"doctor", "status", "key"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_commands_are_named_to_readers_at_a_shell_alone(language):
    named = [
        (entry.id.name, command)
        for topic in TOPICS
        for entry in read_entries(language, topic)
        if entry.id.name.startswith(_NOT_AT_A_SHELL)
        for command in re.findall(r"\bmerlin ([a-z]+)", str(entry.value.to_json()))
        if command not in _OF_THE_MACHINE
    ]
    assert named == []


def test_missing_job_names_the_command_to_readers_of_a_command_alone():
    assert text("en", "store-no-job", job=7) == "Job 7 not found."
    assert command_text("en", "store-no-job", job=7).endswith(
        " All jobs: merlin jobs list"
    )


def test_both_languages_use_the_same_arguments():
    for topic in TOPICS:
        russian = {
            entry.id.name: find_arguments(entry) for entry in read_entries("ru", topic)
        }
        english = {
            entry.id.name: find_arguments(entry) for entry in read_entries("en", topic)
        }
        assert russian == english


def test_no_word_after_two_in_russian_is_one_after_five_elsewhere():
    """«2 строки» and «5 строк»: two forms that are exchanged in one text are right in others."""
    two, five = set(), set()
    forms = re.compile(r"\[few\]([^\n]*)\n\s*\*?\[many\]([^\n]*)")
    for topic in TOPICS:
        content = (LOCALE / "ru" / topic).read_text("utf-8").casefold()
        for found in forms.finditer(content):
            after_two, after_five = (
                re.findall("[а-яё]+", each) for each in found.groups()
            )
            if len(after_two) == len(after_five):
                pairs = zip(after_two, after_five, strict=True)
                differing = [pair for pair in pairs if pair[0] != pair[1]]
                two |= {one for one, _ in differing}
                five |= {other for _, other in differing}
    assert len(two) > 40
    assert two & five == set()


def test_one_in_russian_is_also_21():
    hidden = [
        entry.id.name
        for topic in TOPICS
        for entry in read_entries("ru", topic)
        for number, one in find_variants_of_one(entry)
        if number not in find_arguments(one) | find_arguments_beside_choices(entry)
    ]
    # Its template shows the number and then an icon.
    assert hidden == ["page-stars"]


def find_variants_of_one(entry):
    """Return the number and the variant of each choice in a text that has a variant `one`."""
    variants = []

    class Choices(Visitor):
        def visit_SelectExpression(self, node):  # noqa: N802 - the name of the node
            (number,) = find_arguments(node.selector) or ("",)
            ones = (
                each for each in node.variants if getattr(each.key, "name", "") == "one"
            )
            variants.extend((number, each) for each in ones)
            self.generic_visit(node)

    Choices().visit(entry)
    return variants


def find_arguments_beside_choices(entry):
    """Return the names of the arguments that a text shows whatever it chooses."""
    placeables = (
        each for each in entry.value.elements if isinstance(each, ast.Placeable)
    )
    shown = (
        each
        for each in placeables
        if not isinstance(each.expression, ast.SelectExpression)
    )
    return {name for each in shown for name in find_arguments(each)}


# Patterns of words that docs/words.md replaces, by language, with the word to use.
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
        r"\bproposals?\b": "correction",
        r"\} %": "80%",
        r"\bcommit journey\b": "commits",
        r"\bchanged first\b": "recently changed",
        r"\bto be copied\b": "copy it",
        r"\blose more where\b": "gains elsewhere allow more losses",
        r"\bin a disguise\b": "reworded",
        r"\brated answers aren't learnt\b": "can train the next model",
        r"\bwalk this way\b": "try it",
        r"\btakes it over can only\b": "is isolated",
        r"\bno longer says anything\b": "is too easy",
    },
    "ru": {
        r"\bкасс(а|ы|е|у|ой)\b": "ЮKassa, сервис оплаты",
        r"\bпогас": "отключат",
        r"\bгодн(ый|ых|ые|ого)\b": "без ошибок",
        r"\bдатасет": "набор",
        r"\bплан(а|у|ом|е|ы|ов|ам|ами|ах)?\b": "тариф",
        r"\bпоставщик": "провайдер",
        r"\bоткатить\b": "вернуть прежнюю",
        r"\bподставн": "демо",
        r"\bстенд": "демо",
        r"\bдневник": "события",
        r"\bпросьб[аыу]\b": "задача",
        r"\bвердикт": "итог",
        r"\bпроверочн": "тестовые",
        r"\bсистемн\w+ текст": "инструкция",
        r"\bслово (провайдера|кассы)": "статус у провайдера, ответ ЮKassa",
        r"\b(работа|работы|работу|работе) (\{|№|\d)": "обучение",
        r"\bзакоммит": "сделать коммит",
        r"\b(succeeded|running|serving|queued|canceled|cancelled|heartbeat)\b": "",
        r"\bтакт(ы|ов|ами)?\b": "периодическая задача",
        r"\bдопуск(а|у|ом|е)?\b": "порог качества",
        r"\} ?%": "80 % с неразрывным пробелом",
        r" - ": "тире",
        r"обновляется само": "без перезагрузки",
        r"картина на": "состояние на",
        r"4 недели без вопросов": "вопросов пока не было",
        r"\bПуть коммитов": "коммиты",
        r"подействует, когда": "появится, когда",
        r"\bкурс выдаёт": "назначает",
        r"сначала изменённые": "сначала новые правки",
        r"объединить, повторить": "открыть правку",
        r"больше ничего не говорит": "слишком лёгкий",
        r"\bневыученн": "других формулировок",
        r"\bчуть изменён": "переписанный",
        r"вопрос, ответить на него": "не исправление, ответьте",
        r"вошёл в новый": "вошёл в следующий коммит",
        r"\bотмена\s—": "Отменено:",
        r"захвативший его, может": "чтение изолировано",
        r"языковая модель его не писала": "готовый ответ из примера",
        r"верные ответы остались верными": "не хуже прежней",
    },
}
# Prompts, which only a model reads.
PROMPTS = (
    "distil-",
    "grounding-prompt",
    "preset-prompt-",
)
FORMAL = {"legal.ftl"}
MOST_WORDS = 25
# What documentation may say, of code or in its own sense.
OF_DOCUMENTATION = ("tuned", "proved", "succeeded")
NOT_CONTRACTED = (
    r"\b(cannot|(do|does|did|is|are|was|were|has|have|could|would|will) not)\b"
)


def read_text(entry):
    """Return the text of an entry with {} for placeables, without code in backquotes."""
    parts = []

    def walk(value):
        if isinstance(value, list):
            for child in value:
                walk(child)
        elif isinstance(value, dict):
            if value.get("type") == "TextElement":
                parts.append(value["value"])
            elif value.get("type") == "Placeable":
                parts.append("{}")
                walk(value["expression"])
            elif value.get("type") == "SelectExpression":
                for variant in value["variants"]:
                    walk(variant["value"])
                    parts.append("\n")
            elif value.get("type") == "Pattern":
                walk(value["elements"])

    walk(entry.value.to_json())
    return re.sub(r"`[^`]*`", "", "".join(parts))


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_use_the_words_of_the_list(language):
    problems = []
    for topic in TOPICS:
        for entry in read_entries(language, topic):
            if entry.id.name.startswith(PROMPTS):
                continue
            text = read_text(entry)
            replaced = dict(REPLACED[language])
            if (
                language == "en"
                and topic not in FORMAL
                and not entry.id.name.startswith("api-")
            ):
                replaced[NOT_CONTRACTED] = "a contraction"
            problems += [
                f"{topic}: {entry.id.name}: “{found[0]}” → {instead}"
                for pattern, instead in replaced.items()
                if (found := re.search(pattern, text, re.IGNORECASE))
            ]
            if language == "en":
                problems += [
                    f"{topic}: {entry.id.name}: {len(words)} words in a sentence: “{sentence}”"
                    for sentence in re.split(r"(?<=[.!?])\s+|\n", text)
                    if len(words := re.findall(r"[\w’'-]+|\{\}", sentence)) > MOST_WORDS
                ]
                if re.search(r"; (?!did you mean).*[.!?]$", text, re.MULTILINE):
                    problems.append(
                        f"{topic}: {entry.id.name}: a semicolon in a sentence"
                    )
            if re.search(r'"', text):
                problems.append(f"{topic}: {entry.id.name}: a straight quotation mark")
    assert problems == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_documentation_uses_the_words_of_the_list(language):
    root = LOCALE.parents[1]
    readme = root / ("README.md" if language == "en" else "README.ru.md")
    problems = []
    for page in (readme, *sorted((root / "docs" / language).glob("*.md"))):
        code = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)", re.DOTALL)
        text = code.sub("", page.read_text("utf-8"))
        problems += [
            f"{page.name}: “{found[0]}” → {instead}"
            for pattern, instead in REPLACED[language].items()
            if not any(word in pattern for word in OF_DOCUMENTATION)
            for found in re.finditer(pattern, text, re.IGNORECASE)
        ]
    assert problems == []
