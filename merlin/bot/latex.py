r"""Formulas of LaTeX as readable Unicode.

\frac{a}{b+1} is shown as a/(b+1), x^{n+1} as xⁿ⁺¹. pylatexenc reads a formula and knows the signs;
fractions, roots, scripts, matrices and spaces are ours: its \frac{a}{b+1} would be a/b+1, its
\sqrt[3]{x} a plain √(x). A formula that cannot be read is shown as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pylatexenc.latex2text import LatexNodes2Text  # type: ignore[import-untyped]
from pylatexenc.latexwalker import (  # type: ignore[import-untyped]
    LatexCharsNode,
    LatexMacroNode,
    LatexSpecialsNode,
    LatexWalker,
    get_default_latex_context_db,
)
from pylatexenc.macrospec import MacroSpec  # type: ignore[import-untyped]

# A longer formula, or one of more groups, stays as it was written.
MAX_CHARACTERS = 2000
MAX_GROUPS = 150
# The brackets of a matrix; its rows stand in one line.
_MATRICES = {
    "matrix": ("[", "]"),
    "pmatrix": ("(", ")"),
    "bmatrix": ("[", "]"),
    "Bmatrix": ("{", "}"),
    "vmatrix": ("|", "|"),
    "Vmatrix": ("‖", "‖"),
    "smallmatrix": ("(", ")"),
    "array": ("[", "]"),
    "cases": ("{ ", ""),
}
_GROUP = re.compile(r"[{^_]|\\begin|\\left")
_EMPTY_SIDE = re.compile(r"\\(left|right)\s*\.")
# A bracket after the sign was meant to hold the whole script, though LaTeX would lift it alone.
_SCRIPTED = re.compile(r"([\^_])\s*([^\s(\[])")
_WAITING = re.compile(r"[\^_]\s*$")
_RELATION = re.compile(r"[^\S\n]*([=<>≤≥≠≈≡∼≃≅≪≫∈∉⊂⊆⊃⊇→←↔⇒⇐⇔⟹⟺↦±∓×÷∝∧∨∪∩])[^\S\n]*")


def to_unicode(formula: str) -> str:
    """Return a formula of LaTeX as text, the lines of an equation as lines; never raises."""
    source = formula.strip()
    if len(source) > MAX_CHARACTERS or len(_GROUP.findall(source)) > MAX_GROUPS:
        return source
    try:
        plain = _EMPTY_SIDE.sub("", source)
        walker = LatexWalker(plain, latex_context=_CONTEXT, tolerant_parsing=False)
        text = _WRITER.nodelist_to_text(walker.get_latex_nodes()[0])
    except Exception:  # noqa: BLE001 - whatever is wrong with a formula, its source can be shown
        return source
    # One space around relations, none at the ends of lines.
    lines = (" ".join(_RELATION.sub(r" \1 ", line).split()) for line in text.split("\n"))
    return "\n".join(filter(None, lines)) or source


class _Writer(LatexNodes2Text):  # type: ignore[misc]
    """pylatexenc's own, with what it has no line of text for."""

    def nodelist_to_text(self, nodelist: Sequence[Any]) -> str:
        """Return the text of nodes in a row; a script takes what stands after its sign."""
        written = sign = ""
        for node in nodelist:
            if isinstance(node, LatexCharsNode):
                text, sign = _scripted(node.chars, sign)
            else:
                text = self.node_to_text(node)
                text, sign = (_set_script(sign, text) if sign else text), ""
            written += _apart(written, text, node) + text
        return written + sign

    def macro_node_to_text(self, node: Any) -> str:
        """Return the text of one macro; one that nobody knows stays as it is."""
        if node.macroname in _MACROS:
            spec, look = _MACROS[node.macroname]
            text = look([self.node_arg_to_text(node, place) for place in range(len(spec))])
        elif self.latex_context.get_macro_spec(node.macroname) is None:
            text = f"\\{node.macroname} "
        else:
            text = str(super().macro_node_to_text(node))
        return text + (" " if node.macro_post_space else "")

    def environment_node_to_text(self, node: Any) -> str:
        """Return the rows of an environment: a matrix in one line, else one below the other."""
        rows = list(self._rows(node.nodelist))
        if node.environmentname not in _MATRICES:
            return "\n" + "\n".join(" ".join(row) for row in rows) + "\n"
        opening, closing = _MATRICES[node.environmentname]
        between = ", " if node.environmentname == "cases" else " "
        lines = [between.join(cell.strip(" ,") for cell in row if cell.strip()) for row in rows]
        return opening + "; ".join(line for line in lines if line) + closing

    def _rows(self, nodes: Sequence[Any]) -> Iterator[list[str]]:
        """Yield the cells of each row."""
        cell: list[Any] = []
        row: list[str] = []
        for node in nodes:
            if isinstance(node, LatexSpecialsNode) and node.specials_chars == "&":
                row.append(self.nodelist_to_text(cell))
                cell = []
            elif isinstance(node, LatexMacroNode) and node.macroname == "\\":
                yield [*row, self.nodelist_to_text(cell)]
                row, cell = [], []
            else:
                cell.append(node)
        yield [*row, self.nodelist_to_text(cell)]


def _scripted(text: str, sign: str) -> tuple[str, str]:
    """Return `text` with its scripts set, and the sign whose script is still to come."""
    text = " ".join(f"{sign}{text}".split("\n"))
    waiting = _WAITING.search(text)
    end = waiting.start() if waiting else len(text)
    set_text = _SCRIPTED.sub(lambda found: _set_script(found.group(1), found.group(2)), text[:end])
    return set_text, waiting.group().strip() if waiting else ""


def _apart(written: str, text: str, node: Any) -> str:
    """Return a space where a word, such as sin, would run into its neighbour."""
    is_word = isinstance(node, LatexMacroNode) and len(text.strip()) > 1 and text.strip().isalpha()
    follows = written[-1:].isalnum() or written[-1:] == ")"
    return " " if is_word and follows else ""


_PLAIN = "0123456789+-=()"
_RAISED = str.maketrans(
    _PLAIN + "−abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ∘′",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾" + "⁻ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ°′",
)
_LOWERED = str.maketrans(
    _PLAIN + "−aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎" + "₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ"
)
_TABLES = {"^": _RAISED, "_": _LOWERED}


def _set_script(sign: str, text: str) -> str:
    """Return `text` above the line (`sign` is "^") or below it ("_").

    What Unicode has no such letters for follows the sign itself, in brackets unless one word.
    """
    tight = "".join(text.split())
    table = _TABLES[sign]
    if all(ord(letter) in table for letter in tight):
        return tight.translate(table)
    is_one = len(tight) == 1 or (tight.isalnum() and unicodedata.is_normalized("NFKC", tight))
    return f"{sign}{tight}" if is_one else f"{sign}({text.strip()})"


_ATOM = re.compile(r"-?[\w.,′°⁰-₟]+|\([^()]*\)|√[\w.,]+")

_MacroText = Callable[[Sequence[str]], str]


def _bracket(text: str) -> str:
    """Return `text` in brackets unless it is one thing."""
    text = " ".join(text.split())
    return text if _ATOM.fullmatch(text) else f"({text})"


def _root(parts: Sequence[str]) -> str:
    degree, radicand = parts
    return f"{_set_script('^', degree) if degree else ''}√{_bracket(radicand)}"


def _named(names: str, spec: str, look: _MacroText) -> dict[str, tuple[str, _MacroText]]:
    return dict.fromkeys(names.split(), (spec, look))


def _macros(text: str, names: str) -> dict[str, tuple[str, _MacroText]]:
    return _named(names, "", lambda _: text)


# Name, its arguments in pylatexenc's letters ("{" one in braces, "[" one that may be missing).
_MACROS: dict[str, tuple[str, _MacroText]] = {
    **_named("frac dfrac tfrac cfrac nicefrac", "{{", lambda parts: "/".join(map(_bracket, parts))),
    **_named("binom dbinom tbinom", "{{", lambda parts: f"C({', '.join(parts)})"),
    **_named("sqrt", "[{", _root),
    **_named("overset stackrel", "{{", lambda parts: f"{parts[1]}{_set_script('^', parts[0])}"),
    **_named("underset", "{{", lambda parts: f"{parts[1]}{_set_script('_', parts[0])}"),
    **_named(
        "boxed operatorname mathrm mathbf mathit mathsf mathtt boldsymbol bm pmb textnormal mbox"
        " substack mathop mathbin mathrel ce overline underline overbrace underbrace",
        "{",
        lambda parts: parts[0],
    ),
    **_named("tag", "{", lambda parts: f" ({parts[0]})"),
    **_named("pmod", "{", lambda parts: f" (mod {parts[0]})"),
    **_named("xrightarrow", "[{", lambda parts: f"→{_set_script('^', parts[1])}"),
    **_named("xleftarrow", "[{", lambda parts: f"←{_set_script('^', parts[1])}"),
    **_named("label phantom hspace vspace", "{", lambda _: ""),
    **_macros(
        "",
        "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr"
        " displaystyle textstyle scriptstyle limits nolimits nonumber notag hline centering !",
    ),
    **_macros("  ", "quad qquad enspace"),
    **_macros("…", "dots"),
    **_macros("⟹", "implies"),
    **_macros("⟺", "iff"),
    **_macros("|", "lvert rvert vert"),
    **_macros("‖", "lVert rVert Vert"),
    **_macros("°", "degree"),
    **_macros("¬", "neg lnot"),
    **_macros("′", "prime"),
    **_macros(" mod ", "bmod mod"),
    **_macros(":", "colon"),
    **_macros("tg", "tg"),
    **_macros("ctg", "ctg"),
    **_macros("arctg", "arctg"),
    **_macros("argmax", "argmax"),
    **_macros("argmin", "argmin"),
    **_macros("\n", "\\"),
}


_CONTEXT = get_default_latex_context_db()
_CONTEXT.add_context_category(
    "merlin", [MacroSpec(name, spec) for name, (spec, _) in _MACROS.items()], prepend=True
)
_WRITER = _Writer(math_mode="text")
