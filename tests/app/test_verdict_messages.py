"""What editors are told of their commits: every word, in both languages, with the scores."""

from __future__ import annotations

import pytest

from merlin.app.verdicts import REPORTED, news_message
from merlin.core.i18n import text
from merlin.dataset.commit_message import parse_subject
from merlin.dataset.verdicts import VerdictStatus

pytestmark = pytest.mark.unit


TRIAL = {"subject": parse_subject("Add example a"), "dataset": "trial", "version": "trial-8"}


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("reason", ["", "verdict-rejected"])
@pytest.mark.parametrize("word", REPORTED)
def test_every_word_has_a_sentence(word, reason, language):
    why = {"key": reason, "arguments": {"errors": 2, "good": 9}} if reason else None
    key, told = news_message(word, TRIAL, why)
    said = {"ru": "Новый пример a", "en": "New example a"}[language]
    assert said in text(language, key, **told)


@pytest.mark.parametrize(
    ("now", "before", "end"),
    [
        (None, None, "trial-8 is live now."),
        (("trial-8", 71.25), None, "trial-8 is live now; similarity 71.2 out of 100."),
        (
            ("trial-8", 71.5),
            ("trial-7", 67.5),
            "similarity 71.5 out of 100, +4 against trial-7.",
        ),
        (
            ("trial-8", 60.0),
            ("trial-7", 67.5),
            "similarity 60 out of 100, −7.5 against trial-7.",
        ),
    ],
)
def test_scores_are_told_as_far_as_they_are_known(now, before, end):
    key, told = news_message(VerdictStatus.SERVING, TRIAL, None, now, before)
    assert text("en", key, **told).endswith(end)


def test_scores_have_the_comma_of_russian():
    now, before = ("trial-8", 60.25), ("trial-7", 67.5)
    key, told = news_message(VerdictStatus.SERVING, TRIAL, None, now, before)
    assert text("ru", key, **told).endswith("сходство 60,2 из 100, −7,2 к trial-7.")
