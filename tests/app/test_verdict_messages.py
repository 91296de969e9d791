"""Notifications to editors about their commits: every status, in both languages, with scores."""

from itertools import product

import pytest

from merlin.app.verdicts import REPORTED, news_message
from merlin.core.i18n import text
from merlin.dataset.commit_message import parse_subject
from merlin.dataset.verdicts import VerdictStatus
from merlin.training.scores import Evaluation

pytestmark = pytest.mark.unit


TRIAL = {"subject": parse_subject("Add example a"), "title": "trial", "version": "trial-8"}


def test_every_status_has_a_message():
    rejected = {"key": "verdict-rejected", "arguments": {"errors": 2, "good": 9}}
    for status, reason in product(REPORTED, (None, rejected)):
        key, arguments = news_message(status, TRIAL, reason)
        assert "Новый пример a" in text("ru", key, **arguments)
        assert "New example a" in text("en", key, **arguments)


@pytest.mark.parametrize(
    ("live", "previous", "suffix"),
    [
        (None, None, "trial-8 is live now."),
        (("trial-8", 18), None, "trial-8 is live now; 18 of 20 right."),
        (("trial-8", 18), ("trial-7", 14), "18 of 20 right, +4 against trial-7."),
        (("trial-8", 18), ("trial-7", 18), "18 of 20 right, the same as trial-7."),
        (("trial-8", 11), ("trial-7", 18), "11 of 20 right, −7 against trial-7."),
    ],
)
def test_message_shows_the_known_scores(live, previous, suffix):
    scores = [item and (item[0], _evaluation(item[1])) for item in (live, previous)]
    key, arguments = news_message(VerdictStatus.SERVING, TRIAL, None, *scores)
    assert text("en", key, **arguments).endswith(suffix)


def _evaluation(right):
    return Evaluation(
        questions=20, right=right, chrf=71.25, equal_share=right / 20, unknown_share=0.0
    )
