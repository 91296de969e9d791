"""Test questions that tell something: proposed where a dataset has fewer than its gate needs.

    an answer that somebody liked -> a proposal -> approved -> an example of the test part

Other ways: an editor words a new example's question once more (the bot), and a teacher words
taught ones otherwise (`merlin.app.distil`). What is in the test part teaches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from merlin.account.users import Consents
from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.chat.feedback import LikedAnswer, QuestionStatistics
from merlin.dataset.example import normalise, parse_example
from merlin.dataset.files import FileIndex
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.proposals import Draft, Proposals, mask_personal_data
from merlin.dataset.split import TEST

_MAX_LIKED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPart:
    """How many test questions the newest build has, how many its gate needs, how many wait.

    All are 0 before the first build.
    """

    questions: int = 0
    least: int = 0
    waiting: int = 0

    @property
    def missing(self) -> int:
        """Return how many are missing, were all that wait approved."""
        return max(self.least - self.questions - self.waiting, 0)


def count_test_questions(ctx: Context, actor: Actor, dataset: str) -> TestPart:
    """Return how many test questions there are and must be. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    build = FileIndex(ctx.db).newest_build(dataset)
    split = build.manifest.get("split") if build else None
    if build is None or not isinstance(split, dict):
        return TestPart()
    waiting = Proposals(ctx.db, ctx.clock).count([dataset], TEST)
    least = max(int(split["min_test"]), 1)
    return TestPart(questions=build.test, least=least, waiting=waiting)


def find_liked(ctx: Context, actor: Actor, dataset: str, language: str) -> list[LikedAnswer]:
    """Return liked answers that can be test questions, masked in `language`, newest first.

    As many as are missing: of people whose consent counts, and asking what no example and no open
    proposal asks. Raises NotFound.
    """
    missing = count_test_questions(ctx, actor, dataset).missing
    files = changes.read_files(ctx, actor, dataset).files if missing else []
    read = (parse_example(file.text) for file in files if file.path.startswith(EXAMPLES))
    open_questions = Proposals(ctx.db, ctx.clock).open_questions(dataset)
    known = {normalise(words) for words in open_questions} | {
        each.facts.question for each in read if each
    }
    found = dict[str, LikedAnswer]()
    liked = QuestionStatistics(ctx.db, ctx.default_dataset).liked(dataset, _MAX_LIKED)
    for each in liked:
        question, answer = (
            mask_personal_data(words, language).words for words in (each.question, each.answer)
        )
        found.setdefault(normalise(question), replace(each, question=question, answer=answer))
    return [each for form, each in found.items() if form not in known][:missing]


def propose_liked(ctx: Context, actor: Actor, dataset: str, liked: Sequence[LikedAnswer]) -> int:
    """Let liked answers wait for an editor as test questions; return how many. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    rows, consents = Proposals(ctx.db, ctx.clock), Consents(ctx.db, ctx.clock)
    count = 0
    for each in liked:
        draft = Draft(each.question, each.answer, dataset, each.turn_id, split=TEST)
        if consents.has(each.user_id) and rows.add(each.user_id, draft) is not None:
            count += 1
    return count
