"""Helpers of Markdown tests: an answer with every element, pieces of others, rules for pages."""

from merlin.core.formatted_text import utf16_length

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
PIECES = [
    "**",
    "*",
    "`",
    "~~",
    "[",
    "](https://a.ru/)",
    "![",
    "a",
    " ",
    "я",
    "\n",
    "\n\n",
    "> ",
    "- ",
    "1. ",
    "```\n",
    "    ",
    "# ",
    "|",
    "\n|-|-|\n",
    "$",
    "\\(",
    "\\)",
    "^2",
    "<b>",
]
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


def marked_text(page, mark):
    return page.text.encode("utf-16-le")[
        2 * mark.offset : 2 * (mark.offset + mark.length)
    ].decode("utf-16-le")


def list_marks(page):
    return [(mark.kind, marked_text(page, mark), mark.value) for mark in page.marks]


def check_page(page):
    """Check everything that Telegram requires of a text and its entities."""
    assert page.text == page.text.rstrip()
    assert [(mark.offset, -mark.length) for mark in page.marks] == sorted(
        (mark.offset, -mark.length) for mark in page.marks
    )
    for position, mark in enumerate(page.marks):
        text = marked_text(page, mark)
        assert mark.length > 0
        assert 0 <= mark.offset <= utf16_length(page.text) - mark.length
        is_indented = mark.kind in ("pre", "blockquote")
        assert text == (text.rstrip() if is_indented else text.strip())
        for other in page.marks[position + 1 :]:
            if other.offset < mark.offset + mark.length:
                assert other.offset + other.length <= mark.offset + mark.length
                assert mark.kind not in ("code", "pre")
                assert other.kind != mark.kind
                assert {mark.kind, other.kind} != {"text_link", "code"}
                assert (mark.kind == "blockquote") or other.kind not in ("code", "pre")
