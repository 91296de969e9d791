"""The text of a PDF, page by page; nothing in it is run, opened or fetched."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from pypdf import PageObject, PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError
from pypdf.generic import DictionaryObject

from merlin.adapters.document_found import Fault, Found, Gatherer, Word

MOST_PAGES = 5000


def read_pdf(content: bytes, most_characters: int) -> Found:
    """Return the text of all pages; one that cannot be read is left out and told by `is_cut`.

    Raises Fault, and for damaged files whatever the library happens to raise.
    """
    try:
        # Files that only forbid printing open with the empty password, which is tried first.
        return _read(PdfReader(BytesIO(content)).pages, most_characters)
    except FileNotDecryptedError as error:
        raise Fault(Word.PASSWORD) from error
    except LimitReachedError as error:
        raise Fault(Word.BOMB) from error


def _read(pages: Sequence[PageObject], most_characters: int) -> Found:
    count = len(pages)
    if count > MOST_PAGES:
        raise Fault(Word.BOMB)
    gathered, damaged, pictures = Gatherer(most_characters), 0, 0
    for page in pages:
        text = _text(page)
        gathered.add(text or "")
        damaged += text is None
        pictures += text == "" and _has_pictures(page)
    if damaged and gathered.is_empty:
        raise Fault(Word.DAMAGED)
    return Found(gathered.text("\n\n"), count, is_cut=damaged + pictures > 0)


def _has_pictures(page: PageObject) -> bool:
    resources = page.get("/Resources")
    return isinstance(resources, DictionaryObject) and "/XObject" in resources


def _text(page: PageObject) -> str | None:
    """Return a page's text, None when it cannot be read."""
    try:
        return page.extract_text().strip()
    except (FileNotDecryptedError, LimitReachedError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a damaged page makes the library raise anything
        return None
