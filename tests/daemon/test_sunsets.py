"""Models that hear or see for the bot: their last day is told to the admins in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from merlin.db.notices import Notices
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.integration


def told_by(lab, *ticks):
    lab.tick(*ticks)
    with lab.services() as services:
        waiting = Notices(services.db).waiting(100)
    return [(notice.key, notice.arguments["model"]) for notice in waiting if "sunset" in notice.key]


def day(days):
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def using(**models):
    return {use: {"provider": "stand-in", "model": name} for use, name in models.items()}


def test_a_model_that_hears_and_will_go_dark_is_told_once_a_step(tmp_path, provider):
    uses = using(transcription="whisper-1", vision="eye-1")
    known = {"whisper-1": {"sunset": day(60)}, "eye-1": {"sunset": day(-1)}}
    lab = Lab(tmp_path, provider.base_url, models=known, chat=uses)
    assert told_by(lab, "watch", "watch") == [
        ("notice-sunset-transcription", "whisper-1"),
        ("notice-sunset-vision", "eye-1"),
    ]


def test_what_nobody_uses_and_what_lives_on_is_no_news(tmp_path, provider):
    known = {"whisper-1": {"sunset": day(5)}, "eye-1": {"sunset": day(200)}}
    uses = using(transcription="stand-in-transcribe", vision="eye-1")
    lab = Lab(tmp_path, provider.base_url, models=known, chat=uses)
    assert told_by(lab, "watch") == []
