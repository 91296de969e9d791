"""Answers that plain text shows badly: 30 formulas, 10 tables, 10 long answers."""

FORMULAS = [
    "Площадь круга $S = \\pi r^2$.",
    "Дискриминант: $D = b^2 - 4ac$",
    "Корни: $x_{1,2} = \\frac{-b \\pm \\sqrt{D}}{2a}$",
    "$$E = mc^2$$",
    "\\[\\int_0^1 x^2\\,dx = \\frac{1}{3}\\]",
    "\\(a^2 + b^2 = c^2\\)",
    "$$\\sum_{i=1}^{n} i = \\frac{n(n+1)}{2}$$",
    "$$\\lim_{x \\to 0} \\frac{\\sin x}{x} = 1$$",
    "Производная $f'(x)$ в точке $x_0$",
    "**Важно:** $\\Delta x \\to 0$",
    "- первый: $\\alpha$\n- второй: $\\beta$",
    "1. $x = 1$\n2. $y = 2$",
    "> Из условия $x > 0$",
    "## Закон Ома $I = \\frac{U}{R}$",
    "| величина | формула |\n|--|--|\n| ток | $I = \\frac{U}{R}$ |",
    "\\begin{align}\nx &= 1 \\\\\ny &= 2\n\\end{align}",
    "$$\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}$$",
    "$$\n\\log_2 8 = 3\n$$",
    "Если $n = 3$, то $n! = 6$.",
    "Цена $5 и площадь $a^2$",
    "$\\sqrt[3]{27} = 3$",
    "$$\\forall x \\in \\mathbb{R}: x^2 \\ge 0$$",
    "$\\overline{z} = a - bi$",
    "$P(A|B) = \\frac{P(AB)}{P(B)}$",
    "$$\\vec{F} = m\\vec{a}$$",
    "$\\varepsilon < 10^{-6}$",
    "$$f(x) = \\begin{cases} 1, & x > 0 \\\\ 0, & x \\le 0 \\end{cases}$$",
    "Тогда $A \\cup B$ и $A \\cap B$",
    "Скорость \\(v = \\dot{x}\\), ускорение \\(a = \\ddot{x}\\)",
    "[Пифагор](https://merlin.example/p): $c = \\sqrt{a^2 + b^2}$",
]


def _table(columns, rows, cell):
    heading = "|".join(f"столбец {column}" for column in range(columns))
    lines = [
        "|".join(cell(row, column) for column in range(columns)) for row in range(rows)
    ]
    return "\n".join(
        [f"|{heading}|", "|--" * columns + "|", *(f"|{x}|" for x in lines)]
    )


TABLES = [
    "| Имя | Счёт |\n|:--|--:|\n| Анна | 5 |",
    '| язык | пример |\n|--|--|\n| Python | `print(1)` |\n| C | `puts("1");` |',
    "До\n\n| a | b |\n|--|--|\n| **1** | *2* |\n\nПосле",
    "| a | b |\n|:-:|:-:|\n| раз<br>два | |",
    "| сайт |\n|--|\n| [ссылка](https://merlin.example/) |",
    "| только заголовок | второй |\n|--|--|",
    "| длинная | таблица |\n|--|--|\n" + f"| {'слово ' * 20}| {'другое ' * 20}|",
    _table(20, 3, lambda row, column: f"{row}·{column}"),
    _table(2, 300, lambda row, column: f"ячейка {row} {column}"),
    "- пункт\n\n  | a | b |\n  |--|--|\n  | x | y |",
]

_TEXT = "Это предложение о языке Python и о том, как его учат на первом курсе. "
LONG = [
    _TEXT * 60,
    "\n\n".join([_TEXT * 3] * 20),
    "\n\n".join(f"## Глава {n}\n\n{_TEXT * 5}" for n in range(12)),
    "\n".join(f"{n}. {_TEXT}" for n in range(1, 70)),
    "\n".join(f"- **слово {n}**: {_TEXT}" for n in range(70)),
    "\n\n".join(f"> {_TEXT * 4}" for _ in range(15)),
    _TEXT * 40 + "\n\n```python\nprint('конец')\n```\n\n" + _TEXT * 40,
    "\n\n---\n\n".join([_TEXT * 10] * 7),
    "\n\n".join(f"[ссылка {n}](https://merlin.example/{n}) {_TEXT}" for n in range(70)),
    "😀 " * 2000 + "слово " * 200,
]
