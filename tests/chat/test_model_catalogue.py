"""The model catalogue: which models are offered, in which order, and when a session has room."""

import pytest

from merlin.chat.model_catalogue import (
    CandidateKind,
    ModelRequest,
    is_chat_model,
    list_models,
    switch_model,
)
from merlin.chat.sessions import Session
from merlin.core.money import Price
from tests.support.config import make_config

pytestmark = pytest.mark.unit

FREE = Price("USD", 0, 0, 0, 0)


class NoTrainedModels:
    """A catalogue without trained models."""

    def serving_row(self, *_):
        return None

    def tuned_row(self, *_):
        return None


class SameNameLists:
    """Two providers that list the same model name."""

    def read_windows(self, provider):
        return {"a": {"m": 100, "n": None, "tts-1": 5}, "b": {"m": None}}.get(
            provider, {}
        )


def offer(*general, config=None):
    request = ModelRequest(None, None, general)
    return list_models(
        NoTrainedModels(), SameNameLists(), request, config or make_config()
    )


def test_configured_models_come_first_and_each_model_once():
    options = offer(("a", None), ("b", "m"), ("c", "z"))
    assert [(option.provider, option.model_id) for option in options] == [
        ("b", "m"),
        ("c", "z"),
        ("a", "m"),
        ("a", "n"),
    ]
    assert {option.kind for option in options} == {CandidateKind.GENERAL}


def test_window_comes_from_the_provider_or_else_the_config():
    config = make_config(
        models={
            "m": {"context": 7},
            "n": {"context": 8, "price": {"input": 0, "output": 0, "training": 0}},
        }
    )
    options = offer(("a", None), config=config)
    assert [(option.window, option.price) for option in options] == [
        (100, None),
        (8, FREE),
    ]


@pytest.mark.parametrize(
    ("model_id", "is_talker"),
    [
        ("gpt-4o-mini", True),
        ("recall", False),
        ("ft:gpt-4o:org::x", False),
        ("text-embedding-3-small", False),
        ("whisper-1", False),
        ("gpt-4o-mini-TTS", False),
        ("omni-moderation-latest", False),
    ],
)
def test_models_that_cannot_chat_are_recognised_by_name(model_id, is_talker):
    assert is_chat_model(model_id) is is_talker


@pytest.mark.parametrize(
    ("limit", "is_full", "is_warned"),
    [(1000, True, True), (1200, False, True), (10_000, False, False)],
)
def test_window_state_follows_the_new_models_limit(limit, is_full, is_warned):
    old = Session(1, 1, 1, used_tokens=1000, is_warned=True, is_full=True)
    new = switch_model(old, limit)
    assert (new.is_full, new.is_warned) == (is_full, is_warned)
