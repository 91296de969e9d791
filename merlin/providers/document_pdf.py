"""The text of a PDF file, read in the child process (`document_child`)."""

from collections.abc import Iterator, Sequence
from io import BytesIO

from pypdf import PageObject, PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError
from pypdf.generic import DictionaryObject

from merlin.providers.document_child import ExtractedText, UnreadableDocument, join_parts

MAX_PAGES = 5000


def read_pdf(content: bytes, most_characters: int) -> ExtractedText:
    """Return the text of all readable pages, and whether any are missing.

    Raises UnreadableDocument, and for damaged files any exception of the library.
    """
    try:
        # pypdf tries the empty password first, which opens files that only forbid printing.
        return _read_pages(PdfReader(BytesIO(content)).pages, most_characters)
    except FileNotDecryptedError as error:
        raise UnreadableDocument("password") from error
    except LimitReachedError as error:
        raise UnreadableDocument("bomb") from error


def _read_pages(pages: Sequence[PageObject], most_characters: int) -> ExtractedText:
    if len(pages) > MAX_PAGES:
        raise UnreadableDocument("bomb")
    damaged = pictures = 0

    def texts() -> Iterator[str]:
        nonlocal damaged, pictures
        for page in pages:
            text = _page_text(page)
            resources = page.get("/Resources") if text == "" else None
            damaged += text is None
            pictures += isinstance(resources, DictionaryObject) and "/XObject" in resources
            yield text or ""

    try:
        text = join_parts(texts(), most_characters)
    except UnreadableDocument as fault:
        if damaged and fault.reason == "no-text":
            raise UnreadableDocument("damaged") from fault
        raise
    return text, damaged + pictures > 0


def _page_text(page: PageObject) -> str | None:
    """Return a page's text, None when it cannot be read."""
    try:
        return page.extract_text().strip()
    except (FileNotDecryptedError, LimitReachedError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a damaged page can cause any exception
        return None
