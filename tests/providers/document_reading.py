"""Helpers of the document tests: reading by a real child process, refusals and parse errors."""

import asyncio
import os
from pathlib import Path

import pytest

from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.providers.document_child import UnreadableDocument, load_reader, parse
from merlin.providers.documents import ChildReader
from tests.support.sample_documents import make_docx, make_pdf

TEXT = "Привет, ёж"
PDF = make_pdf(TEXT)
DOCX = make_docx(TEXT)


def read_document(content, name, **options):
    """Return the text that a real child process reads, and whether it is cut."""

    async def read():
        return await ChildReader(**options).read(content, name)

    return asyncio.run(read())


def get_refusal_key(content, name, **options):
    """Return the text key of the refusal; both languages have that text."""
    with pytest.raises(Refused) as caught:
        read_document(content, name, **options)
    error = caught.value
    assert all(
        text(language, error.key, **error.arguments) for language in ("ru", "en")
    )
    return error.key


def parse_content(kind, content, max_characters=1_000_000):
    """Return the text that the parser finds, or the reason why it finds none."""
    try:
        return parse(load_reader(kind), content, max_characters)[0]
    except UnreadableDocument as error:
        return error.reason


def list_children():
    """Return the process ids of this process's children."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
