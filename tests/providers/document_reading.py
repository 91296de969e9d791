"""What tests of documents share: a real reading child, and what came of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.providers.document_child import UnreadableDocument, load_reader, parse
from merlin.providers.documents import ChildReader
from tests.support.sample_documents import make_docx, make_pdf

SAID = "Привет, ёж"
PAPER, ESSAY = make_pdf(SAID), make_docx(SAID)


def read(content, name, **more):
    """Return what a real child reads."""

    async def ask():
        return await ChildReader(**more).read(content, name)

    return asyncio.run(ask())


def refusal(content, name, **more):
    """Return the key of the sentence that a person gets, which both languages have."""
    with pytest.raises(Refused) as caught:
        read(content, name, **more)
    error = caught.value
    assert all(text(language, error.key, **error.arguments) for language in ("ru", "en"))
    return error.key


def parse_content(kind, content, most=1_000_000):
    """Return what the parser finds, or the word of its fault."""
    try:
        return parse(load_reader(kind), content, most)[0]
    except UnreadableDocument as fault:
        return fault.reason


def children():
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
