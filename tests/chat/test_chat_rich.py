"""A model's Markdown as Telegram shows it: text, marks, tables, formulas; whatever comes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merlin.chat.markup.rich import DEEPEST, MOST_CHARACTERS, plain, rich
from merlin.core.page import Mark, Page
from merlin.core.utf16 import units

pytestmark = pytest.mark.unit

ANSWER = """# Ответ

Вот **краткий** ответ 😀 про *Python*:
1. Списки `[1, 2]`
2. Кортежи
   - неизменяемые
   - быстрые

```python
def f(x):
    return x
```

> Цитата с **жирным**

| Имя | Счёт |
|:--|--:|
| Анна | 5 |

Формула $x^2$ и [сайт](https://merlin.example/).
"""
SIGNS = "ab яж12 \n\n\t*_~`[]()<>#|-+!\\$&;:.{}^=😀"
PIECES = ["**", "*", "`", "~~", "[", "](https://a.ru/)", "![", "a", " ", "я", "\n", "\n\n", "> "]
PIECES += ["- ", "1. ", "```\n", "    ", "# ", "|", "\n|-|-|\n", "$", "\\(", "\\)", "^2", "<b>"]
NAUGHTY = [
    "\0",
    "\ud800 \udc00",
    "\ufeff\u200b\u200d\u2060",
    "\u202eтекст\u202c",
    "Ṱ̺̺̕o͞ ̷i̲̬͇̪͙n̝̗͕v̟̜̘̦͟o̶̙̰̠kè͚̮̺̪̹̱̤ ̖t̝͕̳̣̻̪͞h̼͓̲̦̳̘̲e͇̣̰̦̬͎ ̢̼̻̱̘h͚͎͙̜̣̲ͅi̦̲̣̰̤v̻͍e̺̭̳̪̰-m̢iͅn̖̺̞̲̯̰d̵̼̟͙̩̼̘̳",
    "👩‍👩‍👧🇷🇺👍🏽" * 5,
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "[a](javascript:alert(1))",
    "[a](http://[)",
    "[a](http://a.b:99999999/)",
    "[a](http://a.b:0/)",
    "![a](\\)",
    "$$\n\\frac{\n$$",
    "\\(\\frac{\\(\\)",
    "\\[\\begin{a}\\]",
    "$\\input{/etc/passwd}$",
    "|\n|-|\n|",
    "|a|\n|-|\n|\\||",
    "99999999999. a",
    "&#0; &#xD800; &nbsp;",
    "\r\n\r\r\n",
    "```\0\n```",
    "-\n-\n  -",
    ">\n>>\n>",
    "- [x]\n- [ ]",
]


def shown(page, mark):
    return page.text.encode("utf-16-le")[2 * mark.offset : 2 * (mark.offset + mark.length)].decode(
        "utf-16-le"
    )


def marks(page):
    return [(mark.kind, shown(page, mark), mark.value) for mark in page.marks]


def is_whole(page):
    """Check all that Telegram asks of a text and its marks."""
    assert page.text == page.text.rstrip()
    assert [(one.offset, -one.length) for one in page.marks] == sorted(
        (one.offset, -one.length) for one in page.marks
    )
    for place, mark in enumerate(page.marks):
        text = shown(page, mark)
        assert mark.length > 0
        assert 0 <= mark.offset <= units(page.text) - mark.length
        is_indented = mark.kind in ("pre", "blockquote")
        assert text == (text.rstrip() if is_indented else text.strip())
        for other in page.marks[place + 1 :]:
            if other.offset < mark.offset + mark.length:
                assert other.offset + other.length <= mark.offset + mark.length
                assert mark.kind not in ("code", "pre")
                assert other.kind != mark.kind
                assert {mark.kind, other.kind} != {"text_link", "code"}
                assert (mark.kind == "blockquote") or other.kind not in ("code", "pre")


@pytest.mark.parametrize(
    ("markdown", "text", "expected"),
    [
        ("Привет, **мир**!", "Привет, мир!", [("bold", "мир", "")]),
        ("*a* _b_ __c__", "a b c", [("italic", "a", ""), ("italic", "b", ""), ("bold", "c", "")]),
        ("~~нет~~ да", "нет да", [("strikethrough", "нет", "")]),
        ("😀 `код` 😀", "😀 код 😀", [("code", "код", "")]),
        ("***оба***", "оба", [("italic", "оба", ""), ("bold", "оба", "")]),
        ("**a *b* c**", "a b c", [("bold", "a b c", ""), ("italic", "b", "")]),
        ("**a **b** c**", "a b c", [("bold", "a b c", "")]),
        (
            "**a `b` c**",
            "a b c",
            [("bold", "a", ""), ("code", "b", ""), ("bold", "c", "")],
        ),
        ("snake_case и 2 * 3 * 4", "snake_case и 2 * 3 * 4", []),
        (r"\*звёзды\* &lt;b&gt; a\_b", "*звёзды* <b> a_b", []),
        ("**не закрыт", "**не закрыт", []),
        ("<b>x</b><!-- y --> a<br>b", "<b>x</b><!-- y --> a<br>b", []),
        ("<div>\n*x*\n</div>", "<div>\nx\n</div>", [("italic", "x", "")]),
    ],
)
def test_words_carry_their_marks(markdown, text, expected):
    page = rich(markdown)
    assert (page.text, marks(page)) == (text, expected)


@pytest.mark.parametrize(
    ("markdown", "text", "address"),
    [
        ("[сайт](https://a.ru/x?y=1)", "сайт", "https://a.ru/x?y=1"),
        (
            "[имя](http://пример.рф/путь)",
            "имя",
            "http://xn--e1afmkfd.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C",
        ),
        ("<https://a.ru/>", "https://a.ru/", "https://a.ru/"),
        ("[Анна](tg://user?id=1001)", "Анна", "tg://user?id=1001"),
        ("[`x`](https://a.ru/)", "x", "https://a.ru/"),
        ("![кот](https://a.ru/c.png)", "кот", "https://a.ru/c.png"),
        ("![](https://a.ru/c.png)", "https://a.ru/c.png", "https://a.ru/c.png"),
        ("a [](https://a.ru/)", "a https://a.ru/", "https://a.ru/"),
        ("[![b](https://a.ru/b.png)](https://c.ru/)", "b", "https://c.ru/"),
        ("[файл](docs/файл.md)", "файл (docs/файл.md)", None),
        ("[здесь](http://localhost:8000/)", "здесь (http://localhost:8000/)", None),
        ("[почта](mailto:anna@a.ru)", "почта (anna@a.ru)", None),
        ("<anna@a.ru>", "anna@a.ru", None),
        ("[x](ftp://a.ru/)", "x (ftp://a.ru/)", None),
        ("[x](javascript:alert)", "[x](javascript:alert)", None),
        ("[x](http://[/)", "x (http://[/)", None),
        ("[1]: https://a.ru\n[t][1]", "[1]: https://a.ru\n[t][1]", None),
    ],
)
def test_an_address_opens_or_can_be_read(markdown, text, address):
    page = rich(markdown)
    assert page.text == text
    assert [mark.value for mark in page.marks] == ([address] if address else [])


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# Заголовок\nтекст\n## Ещё\n\nконец", "Заголовок\n\nтекст\n\nЕщё\n\nконец"),
        ("раз\nдва\n\nтри", "раз\nдва\n\nтри"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\n\n---\n\nb", "a\n\n———\n\nb"),
        ("a\n---\nb\n===", "a\n\n———\n\nb\n==="),
        ("Список:\n- раз\n- два\n\nконец", "Список:\n• раз\n• два\n\nконец"),
        ("Список:\n\n* раз\n* два", "Список:\n\n• раз\n• два"),
        ("- a\n  - b\n    - c\n- d", "• a\n   • b\n      • c\n• d"),
        ("3. три\n4. четыре", "3. три\n4. четыре"),
        ("1) a\n1) b", "1) a\n2) b"),
        ("1. a\n   - b\n2. c", "1. a\n   • b\n2. c"),
        ("- a\n\n- b", "• a\n\n• b"),
        ("- a\n  b\n\n  c", "• a\n   b\n\n   c"),
        ("- [ ] дело\n- [x] готово\n- [X] и это", "☐ дело\n☑ готово\n☑ и это"),
        ("- [x]нет", "• [x]нет"),
        ("-\n- b", "• \n• b"),
        ("> раз\n> два\n\nтри", "раз\nдва\n\nтри"),
    ],
)
def test_blocks_keep_their_order_and_distance(markdown, text):
    assert rich(markdown).text == text


def test_a_heading_is_bold_but_for_its_code():
    page = rich("## Как `len` считает")
    assert marks(page) == [("bold", "Как", ""), ("code", "len", ""), ("bold", "считает", "")]


def test_a_quote_within_a_quote_has_no_mark_of_its_own():
    page = rich("> a **b**\n> > c\n> - d")
    assert marks(page) == [("blockquote", "a b\n\nc\n\n• d", ""), ("bold", "b", "")]


@pytest.mark.parametrize(
    ("markdown", "text", "mark"),
    [
        ("```python\n  a\n\n  b\n```", "  a\n\n  b", ("pre", "  a\n\n  b", "python")),
        ("~~~c++ title=x\na\n~~~", "a", ("pre", "a", "c++")),
        ("```\n**a** <b>\n```", "**a** <b>", ("pre", "**a** <b>", "")),
        ("```sh\nls", "ls", ("pre", "ls", "sh")),
        ("- a\n  ```sh\n  ls\n  ```", "• a\nls", ("pre", "ls", "sh")),
        ("1. ```sh\n   ls\n   ```", "1. \nls", ("pre", "ls", "sh")),
        ("a\n\n    b\n      c", "a\n\nb\n  c", ("pre", "b\n  c", "")),
        (f"```{'x' * 41}\na\n```", "a", ("pre", "a", "")),
    ],
)
def test_code_keeps_its_indent_and_language(markdown, text, mark):
    page = rich(markdown)
    assert (page.text, marks(page)) == (text, [mark])


def test_a_table_that_fits_a_telephone_is_in_columns():
    page = rich("| Имя | Счёт | ? |\n|:--|--:|:-:|\n| **Анна** | 5 | a |\n| 漢字 | $x^2$ | abc |")
    assert (
        page.text
        == "Имя  | Счёт |  ?\n-----+------+----\nАнна |    5 |  a\n漢字 |   x² | abc".replace(
            "----\nАнна", "----\nАнна"
        )
    )
    assert [mark.kind for mark in page.marks] == ["pre"]


def test_a_wide_table_and_one_with_links_is_in_lines():
    wide = "| Имя | О ней |\n|--|--|\n| Анна | " + "слово " * 12 + "|\n| Борис | |"
    assert rich(wide).text == "Имя: Анна\nО ней: " + ("слово " * 12).strip() + "\n\nИмя: Борис"
    page = rich("| Site | At |\n|--|--|\n| a | [b](https://b.ru/) |")
    assert page.text == "Site: a\nAt: b"
    assert marks(page) == [("text_link", "b", "https://b.ru/")]


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("$E = mc^2$", "E = mc²"),
        (r"\(x_{1,2} = \frac{-b \pm \sqrt{b^2-4ac}}{2a}\)", "x_(1,2) = (-b ± √(b²-4ac))/2a"),
        (r"где $v_{\text{ср}} = \frac{s}{t}$ — скорость", "где v_ср = s/t — скорость"),
        (r"\[\sum_{i=1}^{n} i = \frac{n(n+1)}{2}\]", "∑ᵢ₌₁ⁿ i = (n(n+1))/2"),
        ("до\n\\[\na\n- b\n\\].\nпосле", "до\n\na - b\n\nпосле"),
        ("$$\na = b\n$$", "a = b"),
        (r"так: $$a \leq b$$ и $\alpha\to\infty$", "так: a ≤ b и α → ∞"),
        (r"\begin{align}x&=1\\y&=2\end{align}", "x = 1\ny = 2"),
        (r"$\begin{pmatrix}1&2\\3&4\end{pmatrix}$", "(1 2; 3 4)"),
        (r"$f = \begin{cases}a, & x>0\\ b, & x<0\end{cases}$", "f = { a, x > 0; b, x < 0"),
        (r"$e^{-x^2}, \sqrt[3]{x}, \binom{n}{k}$", "e^(-x²), ³√x, C(n, k)"),
        (r"$\lim_{x\to 0}\sin x$, $90^\circ$", "lim_(x → 0) sin x, 90°"),
        (r"$\left.\frac{dy}{dx}\right|_{x=0}$", "dy/dx|ₓ₌₀"),
        (r"$\mathbb{R} \setminus \emptyset$", "ℝ ∖ ∅"),
        (r"$\frac{a$ и $\newthing{b}$", "\\frac{a и \\newthing b"),
        (r"$\input{/etc/hosts}$", r"\input{/etc/hosts}"),
        ("- шаг $a^2$\n- итог", "• шаг a²\n• итог"),
        ("> $$x^2$$", "x²"),
        ("`$x^2$`", "$x^2$"),
    ],
)
def test_formulas_can_be_read(markdown, text):
    assert rich(markdown).text == text


@pytest.mark.parametrize(
    "words",
    [
        "от $5 до $10",
        "цена 100$ или 200$",
        "$5, а потом 10$",
        "US$5/US$10",
        "echo $HOME/$USER",
        "$5 and then some 10$",
        "$ x$",
    ],
)
def test_money_is_no_formula(words):
    assert rich(words) == Page(words)


def test_a_formula_too_long_or_too_deep_stays_as_it_was_written():
    long, deep = "a^2+" * 800, "{" * 200 + "}" * 200
    assert rich(f"$${deep}$$").text == deep
    assert rich(f"\\[{long}\\]").text == long


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(SIGNS, max_size=120))
def test_whatever_comes_is_shown_and_its_marks_fit(text):
    page = rich(text)
    is_whole(page)
    assert bool(page.text.strip()) == bool(text.strip())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_marks_within_marks_are_as_telegram_wants_them(pieces):
    is_whole(rich("".join(pieces)))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("аб *_#>-+!<\n", max_size=80))
def test_no_word_is_lost(text):
    words = re.compile(r"[\W_]+")
    assert words.sub("", rich(text).text) == words.sub("", text)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.text("аб,.-!?()«»—+= \n", max_size=20), max_size=8).map("\n".join))
def test_a_text_without_signs_is_the_same_as_if_it_were_parsed(text):
    page = rich(text)
    if page == Page(text):
        assert rich(f"{text}\n\n`x`").text == f"{text}\n\nx".lstrip("\n")


@pytest.mark.parametrize("text", ["Просто ответ.\n\nВторой абзац — с тире.", "a, b (c): 5 > 3"])
def test_a_plain_answer_is_left_alone(text):
    assert rich(text) == Page(text)


@pytest.mark.parametrize("text", NAUGHTY)
def test_naughty_strings_are_shown(text):
    for page in (rich(text), rich(f"**{text}**"), rich(f"- a\n  > {text}\n"), plain(text)):
        page.text.encode("utf-16-le")
        assert not {"\0", "\r"} & set(page.text)
    is_whole(rich(f"# {text}"))


def test_every_beginning_of_an_answer_can_be_shown():
    for end in range(len(ANSWER)):
        is_whole(rich(ANSWER[:end]))


def test_what_is_finished_stays_as_it_is_while_the_answer_grows():
    blocks = ANSWER.strip().split("\n\n")
    whole = rich(ANSWER)
    for count in range(1, len(blocks)):
        grown = rich("\n\n".join(blocks[:count]))
        assert whole.text.startswith(grown.text)
        assert whole.marks[: len(grown.marks)] == grown.marks


def test_an_open_fence_is_code_already():
    page = rich("Так:\n```python\nfor i in x:\n")
    assert marks(page) == [("pre", "for i in x:", "python")]
    assert rich("Так:\n```python").text == "Так:"
    assert rich("```").text == "```"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "![" * 1000,
        "*" * 50_000,
        "*a_" * 16_000,
        "> " * 20_000,
        "- " * 20_000,
        "`" * 50_000,
        "$" * 50_000,
        "\\(" * 20_000,
        "|a" * 2400 + "|\n" + "|-" * 2400 + "|\n",
        "<" * 50_000,
        "![" * 900 + "](b)" * 900,
        "".join("  " * depth + "- a\n" for depth in range(150)),
        "```\n" * 10_000,
        "a" * (MOST_CHARACTERS + 1) + "**b**",
    ],
    ids=lambda text: f"{text[:6]!r}…{len(text)}",
)
def test_a_text_made_to_hurt_is_shown(text):
    page = rich(text)
    is_whole(Page(page.text, page.marks[:50]))
    assert page.text.strip()


def test_what_is_nested_too_deep_is_shown_as_it_is():
    text = "> " * (DEEPEST + 5) + "слово"
    assert rich(text) == Page(text)


def test_plain_text_has_no_marks():
    assert plain("**a**\r\n\0\ud800") == Page("**a**\n\ufffd\ufffd")


def test_marks_are_counted_in_utf16_units():
    assert rich("😀😀 **b**").marks == (Mark("bold", 5, 1),)
