"""The table of leftovers: what other programs leave in a text, and text that is about these."""

import pytest

from merlin.core.i18n import LANGUAGES, keys, text
from merlin.dataset.finding import Severity
from merlin.dataset.leftovers import find_leftovers
from tests.support.dataset_tree import check_with, example_yaml, only_finding

pytestmark = pytest.mark.unit

# Rule and kind -> texts; those of a question begin with "Q: ", which is cut.
FOUND = {
    "missing-value": [
        "null",
        "NaN",
        "N/A",
        "-",
        "<NA>",
        "#Н/Д",
        "[object Object]",
        "Q: nan",
    ],
    "unfilled-template": [
        "I am {{name}}.",
        "{% if a %}Yes{% endif %}",
        "Q: {{ user.name }}?",
    ],
    "masked-value": [
        *(
            "Звоните: [телефон].",
            "Call [PHONE]",
            "I am <name>.",
            "Пишите <имя>",
            "[EMAIL_1]",
        ),
        *("Dear [Your Name],", "<PHONE_NUMBER>", "[НОМЕР КАРТЫ]"),
        "[insert the date here]",
    ],
    "reasoning": [
        "<think>So…</think>Lamps.",
        "So…\n</think>\nLamps.",
        "So…</seed:think>Lamps.",
    ],
    "replacement-character": ["Это л\ufffdмпа.", "Q: `\ufffd`?"],
    "leftover masked": ["Q: Меня зовут [имя], где я?", "Q: Write to <e-mail>?"],
    "leftover excel": ["One._x000D_\nTwo.", "Q: One_x000a_Two?"],
    "leftover escape": [
        *("One.\\nTwo.", "Раз\\nДва", "First:\\n- one", "Done.\\n", "\\u0414\\u0430"),
        *("Q: One.\\r\\nTwo?", "One.\\ntwo"),
    ],
    "leftover separator": [
        *(
            "Q: Where?\n\n###\n\n",
            "Q: Where? ->",
            "Q: Where?\n\n### Response:\n",
            "Q: Where?###",
        ),
        *(
            "Hold the button. [END]",
            " Hold the button. END",
            "Hold it.\nEND\n",
            "Hold it ###",
        ),
    ],
    "leftover html": [
        *(
            "<p>One.</p>",
            '<a href="https://example.org">pass</a>',
            "One<br>two",
            "One <br/>two",
        ),
        *(
            "Press &quot;OK&quot;",
            "It&#39;s",
            "room &mdash; 12",
            "<ul>\n<li>One</li>\n</ul>",
        ),
        *("<b>Важно:</b> приходите", "Q: Who&#39;s there?", '<font color="red">now'),
        "<p>One.\n<p>Two.",
    ],
    "leftover citation": [
        *(
            "On 12 June【4:0†source】.",
            "See the plan :contentReference[oaicite:1]{index=1}",
        ),
        *(
            "It is.\ue200cite\ue202turn0search0\ue201",
            "It is. citeturn0search0turn1view0",
        ),
        "Look at https://example.org/?utm_source=chatgpt.com",
    ],
    "leftover role": [
        *("Q: User: What is a lamp?", "Assistant: A light.", "**Ассистент:** Свет"),
        *(
            "It opens a circuit.\nUser: And a fuse?\nAssistant: It breaks one.",
            "### Human: Where?",
        ),
        *(
            "Свет.\nПользователь: А ещё?",
            "Клиент: Где?\nОператор: Там",
            "Bot: A light.",
        ),
    ],
    "leftover encoding": [
        *("РџСЂРёРІРµС‚", "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Ïðèâåò, ìèð", "╨Я╤А╨╕╨▓╨╡╤В"),
        *("Лампа вЂ” это свет", "itâ€™s"),
    ],
    "leftover address": [
        *("So:\n\n![image](FAQ%201a2b/img.png)", "Как [здесь](../faq/pay.md)"),
        *("![](@@PLUGINFILE@@/1.png)", "![x](data:image/png;base64,iVBO)"),
    ],
    "leftover wiki": ["Смотри [[Оплата]].", "Q: Where is [[pay|the shop]]?"],
    "leftover placeholder": [
        *("I am {name}.", "Привет, {имя}!", "{first_name}, hi", "Hi, %first_name%!"),
        *("Здравствуйте, %имя%", "Q: Where is {your order}?"),
    ],
    "leftover number": ["8.80056E+10", "Звоните: 8,80056E+10"],
    "leftover calculation": ["It is <<2+2=4>>4.", "It is four.\n#### 4"],
    "leftover speech": [
        *("<noinput>", "Так [неразборчиво] вот", "[00:12] Hello.", "(1:02:33) Да"),
        *("00:01:23,456 --> 00:01:25,000", "00:01 --> 00:05 Да"),
    ],
}
CASES = [(rule, each) for rule, texts in FOUND.items() for each in texts]
QUIET = [
    *(
        "`None`",
        "It is null.",
        "In Jinja it is `{{ name }}`.",
        "std::vector<P> {{x, y}}, all",
    ),
    *(r"The half is \frac{{a}}{{b}}, and x^{{n}}", "```\n{% if a %}\n```"),
    *(
        "[телефон](tel:+74950000000)",
        "<name>Anna</name>",
        "git checkout `<name>`",
        "[телефон]: 2",
    ),
    *("List<String>, std::map<int, a>", "The list [1, 2] at [i]"),
    *("Do models write `<think>`?", "Excel writes `_x000D_`, in quotes “_x000D_”"),
    r"The escape \n ends a line, so does '\n' and \r\n.",
    *(r'print("a\nB")', r"In LaTeX x\neq y and a\times b; on Windows C:\new\table"),
    *(
        "The WEEKEND",
        "END of it",
        "Q: What is ### in Markdown?",
        "Q: Which is it: a or b?",
    ),
    "# Title\n\n**Bold:** text\n\n> quote\n\n---\n\n* an item\n\n### Next\n\ntext",
    *(
        "The tag `<b>` makes it bold.",
        "```html\n<p>Hi</p>\n```",
        "The tags <b> and </b> frame it.",
    ),
    *("Тег <br> переносит строку.", "«<p>» и «&nbsp;»", "AT&T, R&D; a && b; x &y"),
    *(
        "if a < b and c > d, then x<y",
        "При a<b и c>d верно",
        "{x | x<5}, i<n; j>k",
        "p<0.05",
    ),
    *(
        "See [4] and 【note】",
        "Cite it in turn 0",
        "https://example.org/?utm_source=mail",
    ),
    *(
        "Ответ: 42.",
        "Пользователь: admin\nПароль: у куратора",
        "System: Windows 10",
        "Оператор: звоните до 18.",
    ),
    *("![](https://a.org/1.png) [a](tel:+7800) [b](mailto:a@b.org) [c](#d)", "f[i](x)"),
    *("The matrix [[1, 2], [3, 4]]", "[[ -f x ]] is a test", "`[[page]]`"),
    *(r"\frac{name}{two}, x^{ab}", "The set {a, b}", "100% of it, 5 % a year%"),
    *(
        "6.02E+23",
        "At 10:00, from 9:30 to 18:00 (12:00)",
        "x << 2 == 8",
        "#### 4 steps\ntext",
    ),
    *("СССР — РФ, РСФСР; С»", "Ça, élève, größere Übel, naïve", "╔══╤══╗\n║ a│b║"),
]


def find(words):
    kind = "question" if words.startswith("Q: ") else "answer"
    found = find_leftovers(words.removeprefix("Q: "), kind)
    return [f"{row.rule} {row.kind}".strip() for row, _ in found]


@pytest.mark.parametrize(("rule", "words"), CASES)
def test_leftover_is_found_as_what_it_is(rule, words):
    assert find(words) == [rule]


@pytest.mark.parametrize("words", QUIET)
def test_text_about_leftovers_is_none(words):
    assert find(words) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_label_of_a_masked_value_is_one(language):
    labels = [each for each in keys(language) if each.startswith("mask-")]
    labels = [
        text(language, each) for each in labels if not each.startswith("mask-kind-")
    ]
    assert [find(f"See {label}.") for label in labels] == [["masked-value"]] * 8


def test_missing_and_masked_values_reject_the_example_and_the_rest_warns():
    errors = {
        rule
        for rule, words in CASES
        if check_with(a=answer_or_question(words)).rejected
    }
    assert errors == {"missing-value", "unfilled-template", "masked-value"}


def answer_or_question(words):
    quoted = '"{}"'.format(words.removeprefix("Q: ").translate(ESCAPES))
    return (
        example_yaml(quoted) if words.startswith("Q: ") else example_yaml(answer=quoted)
    )


ESCAPES = str.maketrans({"\n": "\\n", '"': '\\"', "\\": "\\\\"})


@pytest.mark.parametrize(
    ("rule", "words"),
    [case for case in CASES if case[0].startswith(("leftover", "masked"))][::4],
)
def test_finding_names_the_place_in_words_of_its_own(rule, words):
    finding = only_finding(check_with(a=answer_or_question(words)), rule.split()[0])
    assert finding.line == (2 if words.startswith("Q: ") else 3)
    shown = {finding.text(language) for language in LANGUAGES}
    assert len(shown) == len(LANGUAGES)
    assert all(finding.arguments["found"] in each for each in shown)


def test_later_question_is_looked_at_but_may_be_a_missing_value():
    turns = "  - user: {}\n  - assistant: Верно.\n"
    talk = example_yaml("Спроси", "Что вернёт print?") + turns
    assert check_with(a=talk.format("None")).rejected == 0
    assert only_finding(check_with(a=talk.format("'[имя]?'")), "leftover").line == 4


def test_rejected_answer_is_looked_at():
    finding = only_finding(
        check_with(a=example_yaml(more="rejected: nan\n")), "missing-value"
    )
    assert (finding.line, finding.severity) == (4, Severity.ERROR)


@pytest.mark.parametrize(
    "part", ["<p>", "[a ", "&", "User: ", "Ð", "\n", "{{", "【", "<br", "\\n"]
)
def test_long_text_of_beginnings_is_searched_once(part):
    # A search that starts again at each of them does not end within minutes.
    assert len([*find_leftovers(part * 30_000, "answer")]) <= 1
