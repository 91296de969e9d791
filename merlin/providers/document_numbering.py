"""The numbers and signs before the paragraphs of a DOCX file, which Word counts as it shows them.

Source: ECMA-376, part 1, 17.9.
"""

import re
from collections.abc import Callable
from typing import Any

from docx.document import Document
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

_USE, _LIST, _LEVEL = qn("w:numId"), qn("w:abstractNumId"), qn("w:ilvl")
_SIGN = "-"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc")),
    *((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


class Numbering:
    """Counts the paragraphs of each list of a document, in their order."""

    def __init__(self, document: Document) -> None:
        """Read the document's lists, and their uses: several may continue one list."""
        parts: list[Any] = [
            each.target_part
            for each in document.part.rels.values()
            if each.reltype.endswith("/numbering")
        ]
        elements = [each for part in parts for each in part.element]
        self._lists = {each.get(_LIST): each for each in elements if each.get(_LIST)}
        self._uses = {each.get(_USE): each for each in elements if each.get(_USE)}
        self._counts = dict[str, dict[int, int]]()
        self._begun = set[str]()

    def next_label(self, paragraph: BaseOxmlElement, style: Any) -> str:
        """Return what stands before a paragraph: "-" for a sign that is no number, "" for nothing.

        `style` is the paragraph's, of python-docx. To be called once for each that has a text.
        """
        places = [paragraph.pPr, *(each.element.pPr for each in _list_bases(style))]
        found: Any = next((each.numPr for each in places if _has_numbers(each)), None)
        use = None if found is None else self._uses.get(_value(found, "numId"))
        if use is None:
            return ""
        of = _value(use, "abstractNumId")
        levels = self._read_levels(of, use)
        style_id = getattr(style, "style_id", "")
        by_style = (
            at for at, each in levels.items() if _value(each, "pStyle") == style_id
        )
        level = int(_value(found, "ilvl") or next(by_style, 0))
        counts = self._count(of, use, level, levels)
        shape = levels.get(level)
        if shape is None or _value(shape, "numFmt") == "bullet":
            return _SIGN
        return re.sub(
            r"%([1-9])",
            lambda found: _format(
                levels.get(int(found[1]) - 1), counts, int(found[1]) - 1
            ),
            _value(shape, "lvlText"),
        ).strip()

    def _read_levels(self, of: str, use: Any) -> dict[int, Any]:
        """Return the levels of a list, as this use of it has them."""
        holders = [self._lists.get(of, ()), *use.iter(qn("w:lvlOverride"))]
        return {
            int(each.get(_LEVEL)): each
            for holder in holders
            for each in holder
            if each.tag == qn("w:lvl")
        }

    def _count(
        self, of: str, use: Any, level: int, levels: dict[int, Any]
    ) -> dict[int, int]:
        """Count one paragraph of a level; return the numbers of all levels."""
        counts = self._counts.setdefault(of, {})
        restarts = {
            int(each.get(_LEVEL)): int(_value(each, "startOverride") or 0)
            for each in use.iter(qn("w:lvlOverride"))
        }
        if use.get(_USE) not in self._begun:
            self._begun.add(use.get(_USE))
            for at in filter(restarts.get, restarts):
                counts.pop(at, None)
        first = restarts.get(level) or int(_value(levels.get(level), "start") or 1)
        counts[level] = counts.get(level, first - 1) + 1
        for below in [at for at in counts if at > level]:
            del counts[below]
        return counts


def _list_bases(style: Any) -> list[Any]:
    """Return a style and those that it is based on."""
    found = list[Any]()
    while style is not None and style not in found:
        found.append(style)
        style = getattr(style, "base_style", None)
    return found


def _has_numbers(properties: Any) -> bool:
    return properties is not None and properties.numPr is not None


def _value(element: Any, name: str) -> str:
    """Return the value of an element's child, "" for none."""
    child = None if element is None else element.find(qn(f"w:{name}"))
    return "" if child is None else child.get(qn("w:val"), "")


def _format(shape: Any, counts: dict[int, int], level: int) -> str:
    name = _value(shape, "numFmt")
    number = counts.get(level, 1)
    shown = next(
        (show(number) for end, show in _FORMATS.items() if name.endswith(end)), ""
    )
    return (
        shown.upper() if name.startswith("upper") or name.endswith("Upper") else shown
    )


def _roman(number: int) -> str:
    shown = ""
    for value, letters in _ROMAN:
        shown += letters * (number // value)
        number %= value
    return shown


def _letter(number: int, letters: str) -> str:
    """Return a letter; beyond the last one they are doubled, as Word does."""
    return letters[(number - 1) % len(letters)] * ((number - 1) // len(letters) + 1)


# How the name of a format ends; one that is not here is shown as a decimal number.
_FORMATS: dict[str, Callable[[int], str]] = {
    "none": lambda _: "",
    "decimalZero": "{:02}".format,
    "Roman": _roman,
    "Letter": lambda number: _letter(number, "abcdefghijklmnopqrstuvwxyz"),
    "russianLower": lambda number: _letter(number, _RUSSIAN),
    "russianUpper": lambda number: _letter(number, _RUSSIAN),
    "": str,
}
