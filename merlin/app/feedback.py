"""Correcting: from a turn and a better answer to a draft that editors may read.

Everything here is to be called within the store's work.
"""

from __future__ import annotations

from merlin.app.sessions import OwnTurn
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.dataset.proposals import MOST_LETTERS, Draft, mask_personal_data

# What was asked in these can be an example: a picture or a whole document cannot.
FORMATS = frozenset({"text", "voice"})


def dataset_of(shelf: ModelCatalogue, turn: OwnTurn, default: str | None) -> str:
    """Return the dataset that a correction of this turn belongs to, "" where there is none."""
    model = shelf.model(turn.model_id) if turn.model_id else None
    if model is not None:
        return model.dataset
    serving = shelf.serving(default)
    return serving.dataset if serving else default or ""


def draft_of(turn: OwnTurn, words: str, dataset: str, language: str) -> Draft | None:
    """Return the masked draft, None for a turn that can be no example."""
    is_short = len(turn.question) <= MOST_LETTERS
    if not (turn.is_private and turn.answer and turn.format in FORMATS and is_short and dataset):
        return None
    question, answer = (
        mask_personal_data(turn.question, language).words,
        mask_personal_data(words, language).words,
    )
    return Draft(question, answer, dataset, turn.turn_id, turn.model_id)
