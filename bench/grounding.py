"""Measure whether the sources of a composed answer hold the fact that was asked for.

`python -m bench grounding [tuned]`. The shipped datasets are built as the daemon builds them; each
question of `grounding_questions.yaml` is asked in other words than the materials'. Right is a
question whose fact stands in one of the given passages, and a citation that names its paragraph.
The search was tuned on every other question (`tuned`); the others give the figure.
"""

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.recall import ROOT, read_yaml
from merlin.chat.grounding import PassageCache, find_sources, read_citations
from merlin.db.database import Database
from merlin.wiring.context import open_reading_context

HEAD = "questions | passage of the fact among those given | its paragraph cited | ms a question"


def run(words: Sequence[str] = ()) -> None:
    """Print a row for each dataset and the total; with `tuned` also what was missed."""
    from tests.support.pipeline_lab import Lab
    from tests.support.stand_ins import ProviderStandIn

    is_tuned, totals = "tuned" in words, [0, 0, 0, 0]
    asked = read_yaml(Path(__file__).with_name("grounding_questions.yaml"))
    with tempfile.TemporaryDirectory() as folder, ProviderStandIn() as provider:
        lab = Lab(Path(folder), provider.base_url)
        datasets = {path: path.replace("datasets-en/", "datasets/en-") for path in asked}
        for path, copy in datasets.items():
            shutil.copytree(ROOT / path, lab.repository.folder / copy)
        lab.repository.commit()
        lab.tick("fetch")
        print(HEAD)
        with open_reading_context(lab.config) as context:
            for path, copy in datasets.items():
                cases = asked[path][0 if is_tuned else 1 :: 2]
                spent_s = -time.process_time()
                right, cited, answers = _ask(context.db, Path(copy).name, cases, is_tuned=is_tuned)
                spent_s += time.process_time()
                figures = (len(cases), right, answers, cited)
                totals = [sum(pair) for pair in zip(totals, figures, strict=True)]
                print(_row(path, figures), f"| {1000 * spent_s / len(cases):.0f}")
    print(_row("all", totals))


def _row(name: str, figures: Sequence[int]) -> str:
    asked, right, answers, cited = figures
    return f"{name} | {right} of {asked} | {cited} of {answers}"


def _ask(
    db: Database, dataset: str, cases: Sequence[Sequence[str]], *, is_tuned: bool
) -> tuple[int, int, int]:
    """Return the numbers of right passages, of right citations, and of answers to be cited."""
    cache, right, cited, answers = PassageCache(), 0, 0, 0
    for fact, question, *answer in cases:
        sources = find_sources(db, cache, dataset, question)
        holding = [each.number for each in sources if _holds(fact, each)]
        right += bool(holding)
        answers += bool(answer)
        if answer and holding:
            named, _ = read_citations(f"[{holding[0]}] {answer[0]}", sources)
            cited += _holds(fact, named[0])
        if is_tuned and not holding:
            print(f"  {question} ({fact})")
    return right, cited, answers


def _holds(fact: str, source: Any) -> bool:
    return any(fact in paragraph.text for paragraph in source.paragraphs)
