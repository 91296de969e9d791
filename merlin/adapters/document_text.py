"""The text of a plain file, in whatever letters it was written."""

from __future__ import annotations

import codecs
import re

from merlin.adapters.document_found import Fault, Found, Gatherer, Word

_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Ten letters make up two thirds of any Russian text; in a wrong table they come out as others.
_FREQUENT = frozenset("оеаинтсрвл")
_CYRILLIC, _WESTERN = ("cp1251", "koi8-r", "cp866"), "cp1252"
# Every encoding that a text may be taken for.
TABLES = ("utf-8", "utf-16-le", *_BOMS.values(), *_CYRILLIC, _WESTERN)
_ASCII, _ROWS = bytes(range(128)), re.compile(rb"[\x80-\xff]{2,}")
_SAMPLE = 100_000
_LEAST_SHARE = 0.25
# So few broken bytes in a text of UTF-8 are damage, not another table.
_MOST_BROKEN = 0.01
_SIGNS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def read_text(content: bytes, most_characters: int) -> Found:
    """Return the text of a TXT, MD or CSV file as it stands. Raises Fault."""
    if not content.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        raise Fault(Word.EMPTY)
    text, is_whole = _decoded(content)
    if len(_SIGNS.findall(text)) > len(text) // 100:
        raise Fault(Word.UNKNOWN)
    gathered = Gatherer(most_characters)
    gathered.add(text)
    return Found(gathered.text(""), is_cut=not is_whole)


def _decoded(content: bytes) -> tuple[str, bool]:
    """Return the text, and whether every byte of it made sense."""
    # UTF-32's mark begins as UTF-16's does, so it is looked for first.
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            text = content.removeprefix(codecs.BOM_UTF8).decode(encoding, "replace")
            return text, "\ufffd" not in text
    text = content.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if broken <= _MOST_BROKEN * len(text):
        return text, not broken
    return content.decode(_table(content), "replace"), True


def _table(content: bytes) -> str:
    """Return the table of one byte a letter in which the text looks most like Russian.

    Letters of western texts that have no place in ASCII stand alone, those of Russian words in
    rows; a text without rows, or Russian in no table, is taken for a western one.
    """
    sample = content[:_SAMPLE].translate(None, _ASCII)
    in_rows = sum(map(len, _ROWS.findall(content[:_SAMPLE])))
    if in_rows < len(sample) / 2:
        return _WESTERN
    shares = {table: _share(sample.decode(table, "replace")) for table in _CYRILLIC}
    best = max(shares, key=lambda table: shares[table])
    return best if shares[best] >= _LEAST_SHARE else _WESTERN


def _share(text: str) -> float:
    return sum(letter in _FREQUENT for letter in text) / max(len(text), 1)
