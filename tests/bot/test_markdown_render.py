"""A model's Markdown as Telegram entities: text, tables, formulas, malformed input."""

import pytest

from merlin.bot.markdown import render
from merlin.core.formatted_text import FormattedMessage
from tests.bot.markdown_cases import list_marks

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("markdown", "text", "expected"),
    [
        ("Привет, **мир**!", "Привет, мир!", [("bold", "мир", "")]),
        (
            "*a* _b_ __в__",
            "a b в",
            [("italic", "a", ""), ("italic", "b", ""), ("bold", "в", "")],
        ),
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
        ("метод __init__ и __name__.", "метод __init__ и __name__.", []),
        ("snake_case и 2 * 3 * 4", "snake_case и 2 * 3 * 4", []),
        ("(a+b)*(c+d)*n, x**2 + y**2", "(a+b)*(c+d)*n, x**2 + y**2", []),
        (
            "**слово**м, *кур*сив",
            "словом, курсив",
            [("bold", "слово", ""), ("italic", "кур", "")],
        ),
        (r"\*звёзды\* &lt;b&gt; a\_b", "*звёзды* <b> a_b", []),
        ("**не закрыт", "**не закрыт", []),
        ("<b>x</b><!-- y --> a<br>b", "<b>x</b><!-- y --> a<br>b", []),
        ("<div>\n*x*\n</div>", "<div>\nx\n</div>", [("italic", "x", "")]),
    ],
)
def test_inline_formatting_becomes_entities(markdown, text, expected):
    page = render(markdown)
    assert (page.text, list_marks(page)) == (text, expected)


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
        ("a [](https://a.ru/)", "a https://a.ru/", "https://a.ru/"),
        ("[![b](https://a.ru/b.png)](https://c.ru/)", "b", "https://c.ru/"),
        ("[файл](docs/файл.md)", "файл (docs/файл.md)", None),
        ("[здесь](http://localhost:8000/)", "здесь (http://localhost:8000/)", None),
        ("[почта](mailto:anna@a.ru)", "почта (anna@a.ru)", None),
        ("<anna@a.ru>", "anna@a.ru", None),
        ("[x](javascript:alert)", "[x](javascript:alert)", None),
        ("[x](http://[/)", "x (http://[/)", None),
        ("[1]: https://a.ru\n[t][1]", "[1]: https://a.ru\n[t][1]", None),
    ],
)
def test_link_opens_or_is_shown_as_text(markdown, text, address):
    page = render(markdown)
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
        ("1. a\n   - b\n2. c", "1. a\n   • b\n2. c"),
        ("- a\n\n- b", "• a\n\n• b"),
        ("- a\n  b\n\n  c", "• a\n   b\n\n   c"),
        ("- [ ] дело\n- [x] готово\n- [X] и это", "☐ дело\n☑ готово\n☑ и это"),
        ("- [x]нет", "• [x]нет"),
        ("-\n- b", "• \n• b"),
        ("> раз\n> два\n\nтри", "раз\nдва\n\nтри"),
    ],
)
def test_blocks_keep_their_order_and_spacing(markdown, text):
    assert render(markdown).text == text


def test_heading_is_bold_except_for_its_code():
    page = render("## Как `len` считает")
    assert list_marks(page) == [
        ("bold", "Как", ""),
        ("code", "len", ""),
        ("bold", "считает", ""),
    ]


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
    page = render(markdown)
    assert (page.text, list_marks(page)) == (text, [mark])


def test_narrow_table_is_shown_in_columns():
    page = render(
        "| Имя | Счёт | ? |\n|:--|--:|:-:|\n| **Анна** | 5 | a |\n| 漢字 | $x^2$ | abc |"
    )
    assert (
        page.text
        == "Имя  | Счёт |  ?\n-----+------+----\nАнна |    5 |  a\n漢字 |   x² | abc".replace(
            "----\nАнна", "----\nАнна"
        )
    )
    assert [mark.kind for mark in page.marks] == ["pre"]


def test_line_break_in_a_cell_is_kept():
    assert render("| a | b |\n|--|--|\n| раз<br>два | x<BR />y |").text.endswith(
        "раз два | x y"
    )
    wide = f"| Имя | О ней |\n|--|--|\n| Анна | {'слово ' * 12}<br>**ещё**<br/>одно |"
    assert render(wide).text.endswith("слово\nещё\nодно")


def test_wide_table_or_table_with_links_is_shown_in_lines():
    wide = "| Имя | О ней |\n|--|--|\n| Анна | " + "слово " * 12 + "|\n| Борис | |"
    assert (
        render(wide).text
        == "Имя: Анна\nО ней: " + ("слово " * 12).strip() + "\n\nИмя: Борис"
    )
    page = render("| Site | At |\n|--|--|\n| a | [b](https://b.ru/) |")
    assert page.text == "Site: a\nAt: b"
    assert list_marks(page) == [("text_link", "b", "https://b.ru/")]


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("$E = mc^2$", "E = mc²"),
        (
            r"\(x_{1,2} = \frac{-b \pm \sqrt{b^2-4ac}}{2a}\)",
            "x_(1,2) = (-b ± √(b²-4ac))/2a",
        ),
        (r"где $v_{\text{ср}} = \frac{s}{t}$ — скорость", "где v_ср = s/t — скорость"),
        (r"\[\sum_{i=1}^{n} i = \frac{n(n+1)}{2}\]", "∑ᵢ₌₁ⁿ i = (n(n+1))/2"),
        ("до\n\\[\na\n- b\n\\].\nпосле", "до\n\na - b\n\nпосле"),
        ("$$\na = b\n$$", "a = b"),
        (r"так: $$a \leq b$$ и $\alpha\to\infty$", "так: a ≤ b и α → ∞"),
        (r"\begin{align}x&=1\\y&=2\end{align}", "x = 1\ny = 2"),
        (r"$\begin{pmatrix}1&2\\3&4\end{pmatrix}$", "(1 2; 3 4)"),
        (
            r"$f = \begin{cases}a, & x>0\\ b, & x<0\end{cases}$",
            "f = { a, x > 0; b, x < 0",
        ),
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
def test_formulas_are_readable(markdown, text):
    assert render(markdown).text == text


@pytest.mark.parametrize(
    "text",
    [
        "от $5 до $10",
        "цена 100$ или 200$",
        "US$5/US$10",
        "echo $HOME/$USER",
        "$ x$",
    ],
)
def test_dollar_amounts_are_not_formulas(text):
    assert render(text) == FormattedMessage(text)


def test_too_long_or_too_deep_formula_is_shown_unchanged():
    long = "a^2+" * 800
    deep = "{" * 200 + "}" * 200
    assert render(f"$${deep}$$").text == deep
    assert render(f"\\[{long}\\]").text == long
