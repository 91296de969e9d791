"""Promote models under 50 questions per second at /v1; count failed and mixed answers."""

import tempfile
from pathlib import Path

from bench.figures import line

QUESTIONS, EVERY, PACE_S = 2525, 25, 1 / 50


def run() -> None:
    """Print the results of the questions, and the times of answers."""
    from tests.api.promotion_load import ask_while_promoting

    with tempfile.TemporaryDirectory() as folder:
        counts, seconds, total_s = ask_while_promoting(Path(folder), QUESTIONS, EVERY, PACE_S)
    print(f"{counts['promotions']} promotions, {QUESTIONS} questions")
    print(f"whole: {counts['serving']}; failed {counts['failed']}; mixed {counts['mixed']}")
    print(f"{QUESTIONS / total_s:.1f} questions/s; {line('an answer', seconds)}")
