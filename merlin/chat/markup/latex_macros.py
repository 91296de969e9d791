r"""Latex macros: what a macro that takes arguments looks like in a line of text.

Only those that pylatexenc has no good line for: its \frac{a}{b+1} would be a/b+1, its \sqrt[3]{x}
a plain √(x).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from merlin.chat.markup.scripts import script

_ATOM = re.compile(r"-?[\w.,′°⁰-₟]+|\([^()]*\)|√[\w.,]+")

Look = Callable[[Sequence[str]], str]


def grouped(text: str) -> str:
    """Return `text` in brackets unless it is one thing."""
    text = " ".join(text.split())
    return text if _ATOM.fullmatch(text) else f"({text})"


def _fraction(parts: Sequence[str]) -> str:
    return "/".join(grouped(part) for part in parts)


def _choice(parts: Sequence[str]) -> str:
    return f"C({', '.join(parts)})"


def _root(parts: Sequence[str]) -> str:
    degree, radicand = parts
    return f"{script('^', degree) if degree else ''}√{grouped(radicand)}"


def _above(parts: Sequence[str]) -> str:
    above, below = parts
    return f"{below}{script('^', above)}"


def _below(parts: Sequence[str]) -> str:
    below, above = parts
    return f"{above}{script('_', below)}"


def _content(parts: Sequence[str]) -> str:
    return parts[-1]


def _nothing(_parts: Sequence[str]) -> str:
    return ""


def _named(names: str, spec: str, look: Look) -> dict[str, tuple[str, Look]]:
    return dict.fromkeys(names.split(), (spec, look))


def _shown(text: str, names: str) -> dict[str, tuple[str, Look]]:
    return _named(names, "", lambda _: text)


# Name, its arguments in pylatexenc's letters ("{" one in braces, "[" one that may be missing).
LOOKS: dict[str, tuple[str, Look]] = {
    **_named("frac dfrac tfrac cfrac nicefrac", "{{", _fraction),
    **_named("binom dbinom tbinom", "{{", _choice),
    **_named("sqrt", "[{", _root),
    **_named("overset stackrel", "{{", _above),
    **_named("underset", "{{", _below),
    **_named(
        "boxed operatorname mathrm mathbf mathit mathsf mathtt boldsymbol bm pmb", "{", _content
    ),
    **_named("textnormal mbox substack mathop mathbin mathrel ce", "{", _content),
    **_named("overline underline overbrace underbrace", "{", _content),
    **_named("tag", "{", lambda parts: f" ({parts[0]})"),
    **_named("pmod", "{", lambda parts: f" (mod {parts[0]})"),
    **_named("xrightarrow", "[{", lambda parts: f"→{script('^', parts[1])}"),
    **_named("xleftarrow", "[{", lambda parts: f"←{script('^', parts[1])}"),
    **_named("label phantom hspace vspace", "{", _nothing),
    **_named("left right middle big Big bigg Bigg bigl bigr Bigl Bigr", "", _nothing),
    **_named("biggl biggr Biggl Biggr displaystyle textstyle scriptstyle", "", _nothing),
    **_named("limits nolimits nonumber notag hline centering !", "", _nothing),
    **_shown("  ", "quad qquad enspace"),
    **_shown("…", "dots"),
    **_shown("⟹", "implies"),
    **_shown("⟺", "iff"),
    **_shown("|", "lvert rvert vert"),
    **_shown("‖", "lVert rVert Vert"),
    **_shown("°", "degree"),
    **_shown("¬", "neg lnot"),
    **_shown("′", "prime"),
    **_shown(" mod ", "bmod mod"),
    **_shown(":", "colon"),
    **_shown("tg", "tg"),
    **_shown("ctg", "ctg"),
    **_shown("arctg", "arctg"),
    **_shown("argmax", "argmax"),
    **_shown("argmin", "argmin"),
    **_shown("\n", "\\"),
}
