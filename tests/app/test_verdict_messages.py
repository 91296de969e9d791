"""Notifications to editors about their commits: every status, in both languages, with scores."""

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
@pytest.mark.parametrize("status", REPORTED)
def test_every_status_has_a_message(status, reason, language):
    why = {"key": reason, "arguments": {"errors": 2, "good": 9}} if reason else None
    key, arguments = news_message(status, TRIAL, why)
    subject = {"ru": "Новый пример a", "en": "New example a"}[language]
    assert subject in text(language, key, **arguments)


@pytest.mark.parametrize(
    ("live", "previous", "suffix"),
    [
        (None, None, "trial-8 is live now."),
        (("trial-8", 71.25), None, "trial-8 is live now; similarity 71.2 out of 100."),
        (
            ("trial-8", 71.5),
            ("trial-7", 67.5),
            "similarity 71.5 out of 100, +4 against trial-7.",
        ),
        (("trial-8", 67.5), ("trial-7", 67.5), "67.5 out of 100, the same as trial-7."),
        (
            ("trial-8", 60.0),
            ("trial-7", 67.5),
            "similarity 60 out of 100, −7.5 against trial-7.",
        ),
    ],
)
def test_message_shows_the_known_scores(live, previous, suffix):
    key, arguments = news_message(VerdictStatus.SERVING, TRIAL, None, live, previous)
    assert text("en", key, **arguments).endswith(suffix)


def test_scores_have_a_decimal_comma_in_russian():
    live, previous = ("trial-8", 60.25), ("trial-7", 67.5)
    key, arguments = news_message(VerdictStatus.SERVING, TRIAL, None, live, previous)
    assert text("ru", key, **arguments).endswith("сходство 60,2 из 100, −7,2 к trial-7.")
