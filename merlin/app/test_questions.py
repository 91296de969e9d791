"""Test questions proposed to a dataset that has fewer than its gate needs.

    an answer that a user liked -> a proposal -> approved -> an example of the test split

Other ways: an editor adds another wording of a new example's question (the bot), and a teacher
model rewords training questions (`merlin.app.distil`). Models do not train on the test split.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.account.users import Consents
from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.chat.feedback import QuestionStatistics, RatedAnswer
from merlin.dataset.example import normalise, parse_example
from merlin.dataset.files import FileIndex
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.proposals import Draft, Proposals
from merlin.dataset.split import TEST

_MAX_LIKED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPart:
    """The number of test questions of the newest build, needed by its gate, and waiting.

    All are 0 before the first build.
    """

    questions: int = 0
    least: int = 0
    waiting: int = 0

    @property
    def missing(self) -> int:
        """Return how many are missing if all waiting ones are approved."""
        return max(self.least - self.questions - self.waiting, 0)


def count_test_questions(ctx: Context, actor: Actor, dataset: str) -> TestPart:
    """Return the number of test questions that exist, are needed and wait. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    build = FileIndex(ctx.db).find_newest_build(dataset)
    split = build.manifest.get("split") if build else None
    if build is None or not isinstance(split, dict):
        return TestPart()
    waiting = Proposals(ctx.db, ctx.clock).count([dataset], TEST)
    needed = max(int(split["min_test"]), 1)
    return TestPart(questions=build.test, least=needed, waiting=waiting)


def find_liked(ctx: Context, actor: Actor, dataset: str, language: str) -> list[RatedAnswer]:
    """Return liked answers that can be test questions, masked in `language`, newest first.

    At most as many as are missing: of users who consented, without questions that an example or an
    open proposal has. Raises NotFound.
    """
    missing = count_test_questions(ctx, actor, dataset).missing
    files = changes.read_files(ctx, actor, dataset).files if missing else []
    examples = (parse_example(file.text) for file in files if file.path.startswith(EXAMPLES))
    open_questions = Proposals(ctx.db, ctx.clock).open_questions(dataset)
    existing = {normalise(question) for question in open_questions} | {
        example.facts.question for example in examples if example
    }
    candidates = dict[str, RatedAnswer]()
    for item in QuestionStatistics(ctx.db, ctx.default_dataset).list_liked(dataset, _MAX_LIKED):
        masked = item.mask(language)
        candidates.setdefault(normalise(masked.question), masked)
    return [item for form, item in candidates.items() if form not in existing][:missing]


def propose_liked(ctx: Context, actor: Actor, dataset: str, liked: Sequence[RatedAnswer]) -> int:
    """Propose liked answers as test questions; return the number of proposals. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    proposals, consents = Proposals(ctx.db, ctx.clock), Consents(ctx.db, ctx.clock)
    count = 0
    for answer in liked:
        draft = Draft(answer.question, answer.answer, dataset, answer.turn_id, split=TEST)
        if consents.hold(answer.user_id) and proposals.add(answer.user_id, draft) is not None:
            count += 1
    return count
