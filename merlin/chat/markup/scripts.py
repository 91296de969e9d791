"""Scripts: letters set above and below the line, in Unicode where it has them all."""

from __future__ import annotations

import unicodedata

_PLAIN = "0123456789+-=()"
_RAISED = str.maketrans(
    _PLAIN + "−abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ∘′",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾" + "⁻ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ°′",
)
_LOWERED = str.maketrans(
    _PLAIN + "−aehijklmnoprstuvxβγρφχ",
    "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎" + "₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ",
)
_TABLES = {"^": _RAISED, "_": _LOWERED}


def script(sign: str, text: str) -> str:
    """Return `text` above the line (`sign` is "^") or below it ("_").

    What Unicode has no such letters for follows the sign itself, in brackets unless one word.
    """
    tight = "".join(text.split())
    table = _TABLES[sign]
    if all(ord(letter) in table for letter in tight):
        return tight.translate(table)
    is_one = len(tight) == 1 or (tight.isalnum() and unicodedata.is_normalized("NFKC", tight))
    return f"{sign}{tight}" if is_one else f"{sign}({text.strip()})"
