"""The text of a PDF file, read in the child process (`document_child`)."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TypeVar

from pypdf import PageObject, PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError
from pypdf.generic import DictionaryObject

from merlin.providers.document_child import (
    ExtractedText,
    UnreadableDocument,
    join_parts,
)


def read_pdf(content: bytes, most_characters: int) -> ExtractedText:
    """Return the text of all readable pages, and whether any are missing.

    Raises UnreadableDocument, and for damaged files any exception of the library.
    """
    texts = [*read_each(content, _page_text)]
    return join_parts(filter(None, texts), most_characters), None in texts


T = TypeVar("T")


def read_each(content: bytes, read: Callable[[PageObject], T]) -> Iterator[T]:
    """Yield what `read` returns for each page of a PDF file. Raises UnreadableDocument."""
    try:
        # pypdf tries the empty password first, which opens files that only forbid printing.
        yield from map(read, PdfReader(BytesIO(content)).pages)
    except FileNotDecryptedError as error:
        raise UnreadableDocument("password") from error
    except LimitReachedError as error:
        raise UnreadableDocument("bomb") from error


def _page_text(page: PageObject) -> str | None:
    """Return a page's text, None for a picture and for a page that cannot be read."""
    try:
        text = page.extract_text().strip()
    except (FileNotDecryptedError, LimitReachedError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a damaged page can cause any exception
        return None
    resources = page.get("/Resources")
    is_picture = isinstance(resources, DictionaryObject) and "/XObject" in resources
    return None if is_picture and not text else text
