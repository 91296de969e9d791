"""Promotions under 50 questions a second at /v1: answers that fail, or of more than one model."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.figures import line

QUESTIONS, EVERY, PACE_S = 2525, 25, 1 / 50


def run() -> None:
    """Print what came of the questions, and how long each took."""
    from tests.api.promotion_load import ask_while_promoting

    with tempfile.TemporaryDirectory() as folder:
        seen, seconds, whole_s = ask_while_promoting(Path(folder), QUESTIONS, EVERY, PACE_S)
    answers = seen["serving"] + seen["canary"]
    print(f"{seen['promotions']} promotions, {QUESTIONS} questions: {answers} whole answers")
    print(
        f"of the model on trial: {seen['canary']}; failed {seen['failed']}; mixed {seen['mixed']}"
    )
    print(f"{QUESTIONS / whole_s:.1f} questions/s; {line('an answer', seconds)}")
