"""All hundred hostile documents, sent to one running bot."""

from __future__ import annotations

import pytest
from hostile import FIRST, check_hostile
from injections import SECRET, documents
from running_bot import texts, with_media

pytestmark = pytest.mark.load


def test_a_hundred_hostile_documents_change_nothing(telegram, provider, settings):
    provider.behave(context_window=200_000)
    check_hostile(telegram, provider, with_media(settings), documents())
    answers = [texts(telegram, person)[-1] for person in range(FIRST, FIRST + 100)]
    assert not [answer for answer in answers if SECRET in answer]
