"""Other wordings of a question by rules."""

import pytest

from merlin.dataset.wordings import propose_by_frames

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("language", "question", "first", "count"),
    [
        ("en", "Where is it?", "Could you tell me: where is it?", 2),
        ("ru", "Где касса?", "Подскажите: где касса?", 2),
        ("de", "Wo?", None, 0),
    ],
)
def test_question_is_asked_in_other_frames(language, question, first, count):
    proposed = propose_by_frames(question, language)
    assert len(proposed) == count
    assert proposed[:1] == ((first,) if first else ())
