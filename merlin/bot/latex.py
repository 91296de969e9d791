r"""LaTeX formulas as readable Unicode.

\frac{a}{b+1} becomes a/(b+1), x^{n+1} becomes xⁿ⁺¹. pylatexenc parses the formula and knows the
symbols; fractions, roots, scripts, matrices and spaces are handled here, because its \frac{a}{b+1}
would be a/b+1 and its \sqrt[3]{x} a plain √(x). A formula that cannot be parsed stays as it is.
"""

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

from merlin.bot.markdown import MAX_FORMULA_CHARACTERS

# A formula that has more groups stays as it is.
MAX_GROUPS = 150
# The brackets of a matrix, which is written in one line.
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
# A bracket after the sign is meant to be the whole script, though LaTeX would raise only "(".
_SCRIPT = re.compile(r"([\^_])\s*([^\s(\[])")
_TRAILING_SIGN = re.compile(r"[\^_]\s*$")
_RELATION = re.compile(r"[^\S\n]*([=<>≤≥≠≈≡∼≃≅≪≫∈∉⊂⊆⊃⊇→←↔⇒⇐⇔⟹⟺↦±∓×÷∝∧∨∪∩])[^\S\n]*")


def to_unicode(formula: str) -> str:
    """Return a LaTeX formula as text, with the lines of an equation as lines; never raises."""
    source = formula.strip()
    if len(source) > MAX_FORMULA_CHARACTERS or len(_GROUP.findall(source)) > MAX_GROUPS:
        return source
    try:
        plain = _EMPTY_SIDE.sub("", source)
        walker = LatexWalker(plain, latex_context=_CONTEXT, tolerant_parsing=False)
        text = _WRITER.nodelist_to_text(walker.get_latex_nodes()[0])
    except Exception:  # noqa: BLE001 - whatever is wrong with a formula, its source can be shown
        return source
    # One space around relations, none at the ends of lines.
    lines = (
        " ".join(_RELATION.sub(r" \1 ", line).split()) for line in text.split("\n")
    )
    return "\n".join(filter(None, lines)) or source


class _Writer(LatexNodes2Text):  # type: ignore[misc]
    """Extends pylatexenc's converter with constructs that it does not render in one line."""

    def nodelist_to_text(self, nodelist: Sequence[Any]) -> str:
        """Return the text of consecutive nodes; a script applies to what follows its sign."""
        output = sign = ""
        for node in nodelist:
            if isinstance(node, LatexCharsNode):
                text, sign = _convert_scripts(node.chars, sign)
            else:
                text = self.node_to_text(node)
                text = _convert_script(sign, text) if sign else text
                sign = ""
            output += _separator(output, text, node) + text
        return output + sign

    def macro_node_to_text(self, node: Any) -> str:
        """Return the text of a macro; an unknown macro stays as it is."""
        if node.macroname in _MACROS:
            spec, write_arguments = _MACROS[node.macroname]
            text = write_arguments(
                [self.node_arg_to_text(node, index) for index in range(len(spec))]
            )
        elif self.latex_context.get_macro_spec(node.macroname) is None:
            text = f"\\{node.macroname} "
        else:
            text = str(super().macro_node_to_text(node))
        return text + (" " if node.macro_post_space else "")

    def environment_node_to_text(self, node: Any) -> str:
        """Return the rows of an environment: a matrix in one line, others one row per line."""
        rows = list(self._rows(node.nodelist))
        if node.environmentname not in _MATRICES:
            return "\n" + "\n".join(" ".join(row) for row in rows) + "\n"
        opening, closing = _MATRICES[node.environmentname]
        separator = ", " if node.environmentname == "cases" else " "
        lines = [
            separator.join(cell.strip(" ,") for cell in row if cell.strip())
            for row in rows
        ]
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
                row = []
                cell = []
            else:
                cell.append(node)
        yield [*row, self.nodelist_to_text(cell)]


def _convert_scripts(text: str, sign: str) -> tuple[str, str]:
    """Return `text` with its scripts converted, and a trailing sign whose script is yet to come."""
    text = " ".join(f"{sign}{text}".split("\n"))
    pending = _TRAILING_SIGN.search(text)
    end = pending.start() if pending else len(text)
    converted = _SCRIPT.sub(
        lambda match: _convert_script(match.group(1), match.group(2)), text[:end]
    )
    return converted, pending.group().strip() if pending else ""


def _separator(before: str, text: str, node: Any) -> str:
    """Return a space if a word such as sin would touch the text before it."""
    is_word = (
        isinstance(node, LatexMacroNode)
        and len(text.strip()) > 1
        and text.strip().isalpha()
    )
    touches = before[-1:].isalnum() or before[-1:] == ")"
    return " " if is_word and touches else ""


_PLAIN = "0123456789+-=()"
_SUPERSCRIPTS = str.maketrans(
    _PLAIN + "−abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ∘′",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾" + "⁻ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ°′",
)
_SUBSCRIPTS = str.maketrans(
    _PLAIN + "−aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎" + "₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ"
)
_SCRIPT_TABLES = {"^": _SUPERSCRIPTS, "_": _SUBSCRIPTS}


def _convert_script(sign: str, text: str) -> str:
    """Return `text` as a superscript (`sign` is "^") or a subscript ("_").

    A text without such Unicode letters follows the sign, in brackets unless it is one word.
    """
    compact = "".join(text.split())
    table = _SCRIPT_TABLES[sign]
    if all(ord(letter) in table for letter in compact):
        return compact.translate(table)
    is_single_word = len(compact) == 1 or (
        compact.isalnum() and unicodedata.is_normalized("NFKC", compact)
    )
    return f"{sign}{compact}" if is_single_word else f"{sign}({text.strip()})"


_TERM = re.compile(r"-?[\w.,′°⁰-₟]+|\([^()]*\)|√[\w.,]+")

_MacroText = Callable[[Sequence[str]], str]


def _bracket(text: str) -> str:
    """Return `text` in brackets unless it is a single term."""
    text = " ".join(text.split())
    return text if _TERM.fullmatch(text) else f"({text})"


def _root(parts: Sequence[str]) -> str:
    degree, radicand = parts
    return f"{_convert_script('^', degree) if degree else ''}√{_bracket(radicand)}"


def _macros(
    names: str, spec: str, write_arguments: _MacroText
) -> dict[str, tuple[str, _MacroText]]:
    return dict.fromkeys(names.split(), (spec, write_arguments))


def _constants(text: str, names: str) -> dict[str, tuple[str, _MacroText]]:
    return _macros(names, "", lambda _: text)


# Name: argument spec of pylatexenc ("{" required, "[" optional), and the text of the arguments.
_MACROS: dict[str, tuple[str, _MacroText]] = {
    **_macros(
        "frac dfrac tfrac cfrac nicefrac",
        "{{",
        lambda parts: "/".join(map(_bracket, parts)),
    ),
    **_macros("binom dbinom tbinom", "{{", lambda parts: f"C({', '.join(parts)})"),
    **_macros("sqrt", "[{", _root),
    **_macros(
        "overset stackrel",
        "{{",
        lambda parts: f"{parts[1]}{_convert_script('^', parts[0])}",
    ),
    **_macros(
        "underset", "{{", lambda parts: f"{parts[1]}{_convert_script('_', parts[0])}"
    ),
    **_macros(
        "boxed operatorname mathrm mathbf mathit mathsf mathtt boldsymbol bm pmb textnormal mbox"
        " substack mathop mathbin mathrel ce overline underline overbrace underbrace",
        "{",
        lambda parts: parts[0],
    ),
    **_macros("tag", "{", lambda parts: f" ({parts[0]})"),
    **_macros("pmod", "{", lambda parts: f" (mod {parts[0]})"),
    **_macros("xrightarrow", "[{", lambda parts: f"→{_convert_script('^', parts[1])}"),
    **_macros("xleftarrow", "[{", lambda parts: f"←{_convert_script('^', parts[1])}"),
    **_macros("label phantom hspace vspace", "{", lambda _: ""),
    **_constants(
        "",
        "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr"
        " displaystyle textstyle scriptstyle limits nolimits nonumber notag hline centering !",
    ),
    **_constants("  ", "quad qquad enspace"),
    **_constants("…", "dots"),
    **_constants("⟹", "implies"),
    **_constants("⟺", "iff"),
    **_constants("|", "lvert rvert vert"),
    **_constants("‖", "lVert rVert Vert"),
    **_constants("°", "degree"),
    **_constants("¬", "neg lnot"),
    **_constants("′", "prime"),
    **_constants(" mod ", "bmod mod"),
    **_constants(":", "colon"),
    **_constants("tg", "tg"),
    **_constants("ctg", "ctg"),
    **_constants("arctg", "arctg"),
    **_constants("argmax", "argmax"),
    **_constants("argmin", "argmin"),
    **_constants("\n", "\\"),
}


_CONTEXT = get_default_latex_context_db()
_CONTEXT.add_context_category(
    "merlin",
    [MacroSpec(name, spec) for name, (spec, _) in _MACROS.items()],
    prepend=True,
)
_WRITER = _Writer(math_mode="text")
