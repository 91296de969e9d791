"""Transcription and vision models: admins are notified of their last day in time."""

from datetime import UTC, datetime, timedelta

import pytest

from merlin.db.notices import Notices
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.integration


def run_and_read_notices(lab, *ticks):
    lab.tick(*ticks)
    with lab.services() as services:
        waiting = Notices(services.db).list_waiting(100)
    return [
        (notice.key, notice.arguments["model"])
        for notice in waiting
        if "sunset" in notice.key
    ]


def day_from_now(days):
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def use_models(**models):
    return {use: f"stand-in/{name}" for use, name in models.items()}


def test_sunset_of_a_used_media_model_is_notified_once_per_step(tmp_path, provider):
    uses = use_models(transcription="whisper-1", vision="eye-1")
    models = {
        "whisper-1": {"sunset": day_from_now(60)},
        "eye-1": {"sunset": day_from_now(-1)},
    }
    lab = Lab(tmp_path, provider.base_url, models=models, chat=uses)
    assert run_and_read_notices(lab, "watch", "watch") == [
        ("notice-sunset-transcription", "whisper-1"),
        ("notice-sunset-vision", "eye-1"),
    ]


def test_unused_models_and_models_without_a_sunset_are_not_notified(tmp_path, provider):
    models = {
        "whisper-1": {"sunset": day_from_now(5)},
        "eye-1": {"sunset": day_from_now(200)},
    }
    uses = use_models(transcription="stand-in-transcribe", vision="eye-1")
    lab = Lab(tmp_path, provider.base_url, models=models, chat=uses)
    assert run_and_read_notices(lab, "watch") == []
