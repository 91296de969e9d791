"""Notifications to editors about their commits: every status, in both languages, with scores."""

from itertools import product

import pytest

from merlin.app.verdicts import REPORTED, NoticeView, news_message
from merlin.core.clock import utc_now
from merlin.core.i18n import LANGUAGES, text
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.notices import ADMINS
from merlin.training.scores import Evaluation

pytestmark = pytest.mark.unit


NONE = {"key": "live-not-worse", "arguments": {}}
TRIAL = {"subject": "New example a", "title": "trial", "version": "trial-8"}
TRIAL |= {"losses": NONE}


def test_every_status_has_a_message():
    rejected = {"key": "verdict-rejected", "arguments": {"errors": 2, "good": 9}}
    for status, reason in product(REPORTED, (None, rejected)):
        key, arguments = news_message(status, TRIAL, reason)
        assert all(
            "New example a" in text(each, key, **arguments) for each in LANGUAGES
        )


def test_message_shows_the_score_of_the_live_model():
    score = Evaluation(questions=20, right=18, chrf=71.25)
    for known, suffix in ((None, "live now."), (score, "live now; 18 of 20 right.")):
        key, arguments = news_message(VerdictStatus.SERVING, TRIAL, None, known)
        assert text("en", key, **arguments).endswith(suffix)


def test_notice_about_a_dataset_is_told_by_its_title_in_the_language():
    notice = NoticeView(
        1,
        ADMINS,
        "notice-proposal",
        {"dataset": "trial", "question": "Где?"},
        utc_now(),
        title={"ru": "Проба", "en": "Trial"},
    )
    assert "Проба" in notice.text("ru")
    assert "Trial" in notice.text("en")
