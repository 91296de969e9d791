"""What models answer to a dataset's questions before they are shut down.

    test questions, what people with a consent asked, trained questions -> calls -> stored answers

An answer is stored with its Intent (`merlin.app.distil`) and asked for once. The page of a newer
model's test shows it beside that model's own.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from peewee import fn

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.distil import (
    CallPlan,
    CallReport,
    RecordingClient,
    Teacher,
    ask_recorded,
)
from merlin.app.permissions import require_editing
from merlin.chat.feedback import QuestionStatistics
from merlin.core.errors import NotFound, Refused
from merlin.core.messages import Message, SamplingParams, Usage
from merlin.core.wordings import Judgement, judge_wording
from merlin.dataset.lint import is_refusal
from merlin.dataset.tokens import count_messages
from merlin.dataset.verdicts import read_newest_settings
from merlin.db.tables import BASELINE_ANSWER, BUILD
from merlin.db.values import dump_json, storable_text
from merlin.providers.base import Answer, ModelClient
from merlin.training.ask_many import AskReport, ModelQuery
from merlin.training.evaluation import ComparedAnswer
from merlin.training.evaluation_questions import read_all, read_taught
from merlin.training.models import read_questions, revoked_builds
from merlin.training.scores import (
    EvaluationQuestion,
    QuestionKind,
    question_key,
)

BASELINE = "baseline"
_MAX_ASKED = 1_000
_LEAST_TOKENS = 256  # of an answer


@dataclass(frozen=True, slots=True)
class BaselinePlan(CallPlan):
    """The questions that a model is still to be asked; `names` are those of the answers' rows."""

    names: Mapping[str, str]
    sampling: SamplingParams


def make_plan(ctx: Context, actor: Actor, dataset: str, model: Teacher) -> BaselinePlan:
    """Return the questions of the newest build that a model has not answered; tests first.

    Raises NotFound, also without a build, and Refused if a consent to an example was withdrawn.
    """
    require_editing(ctx, actor, dataset)
    build = ctx.db.value(BUILD.select(fn.MAX(BUILD.id)).where(BUILD.dataset == dataset))
    settings = read_newest_settings(ctx.db, dataset)
    if build is None or settings is None:
        raise NotFound(f"{dataset} has no build", "prompt-no-build", dataset=dataset)
    if ctx.db.row(revoked_builds().where(BUILD.id == build).limit(1)):
        raise Refused("a consent was taken back", "held-revoked")
    tests = read_questions(ctx.db, build)
    taught = read_taught(ctx.db, build)
    statistics = QuestionStatistics(ctx.db, ctx.default_dataset)
    asked = statistics.list_asked_lately(ctx.clock(), settings, _MAX_ASKED)
    # A question that is an example and was asked by people is asked once, as the example.
    names = dict[str, str]()
    for question in (*tests, *taught, *asked):
        names.setdefault(
            model.key(dataset, question.messages, BASELINE), name_question(question)
        )
    references = (Message("assistant", each.reference) for each in (*tests, *taught))
    most_tokens = max(
        _LEAST_TOKENS, *(2 * count_messages([each]) for each in references)
    )
    is_own = (BASELINE_ANSWER.dataset == dataset) & (
        BASELINE_ANSWER.model == model.name
    )
    rows = ctx.db.rows(BASELINE_ANSWER.select(BASELINE_ANSWER.question).where(is_own))
    known = {row.question for row in rows}
    queries = dict[str, ModelQuery]()
    for question in (*tests, *asked, *taught):
        key = model.key(dataset, question.messages, BASELINE)
        messages = question.messages
        if names[key] not in known:
            queries[key] = ModelQuery(
                key, messages, Usage(count_messages(messages), most_tokens)
            )
    answered = len(names) - len(queries)
    return BaselinePlan(
        dataset,
        model,
        queries,
        answered,
        names,
        SamplingParams(most_tokens=most_tokens),
    )


def name_question(question: EvaluationQuestion) -> str:
    """Return the key of a question's answers; that of an example is the same in every build."""
    if question.kind is QuestionKind.ASKED:
        return question.key
    return hashlib.sha256(dump_json(question_key(question)[0]).encode()).hexdigest()


def run(
    ctx: Context,
    plan: BaselinePlan,
    budget_micro: int,
    report: CallReport,
    client: ModelClient,
    advance: Callable[[], None],
) -> AskReport:
    """Ask the remaining questions within the budget; each answer is stored at once.

    `report` is updated as the run goes on. Raises as `ask_many`.
    """

    def keep(query: ModelQuery, answer: Answer) -> None:
        row = {"dataset": plan.dataset, "model": plan.teacher.name}
        row |= {"question": plan.names[query.key], "answer": storable_text(answer.text)}
        ctx.db.add_new(BASELINE_ANSWER, row)

    recording = RecordingClient(ctx, BASELINE, plan, client, report, keep)
    return ask_recorded(recording, budget_micro, advance)


@dataclass(frozen=True, slots=True, kw_only=True)
class OldAnswer:
    """What a model answered before; `is_same`: it says what the newer one says, or both decline."""

    model: str
    text: str
    is_same: bool


def list_old_answers(
    ctx: Context, dataset: str, build_id: int, answers: Iterable[ComparedAnswer]
) -> dict[str, list[OldAnswer]]:
    """Return digest of a question -> the recorded answers to it, of those that have some.

    A taught question in a disguise has those to the question itself.
    """
    stored = defaultdict[str, list[tuple[str, str]]](list)
    query = BASELINE_ANSWER.select().where(BASELINE_ANSWER.dataset == dataset)
    for row in ctx.db.rows(query.order_by(BASELINE_ANSWER.model)):
        stored[row.question].append((row.model, row.answer))
    questions = read_all(ctx.db, build_id) if stored else []
    names = {question.example_id: name_question(question) for question in questions}
    return {
        answer.digest: [
            OldAnswer(model=model, text=text, is_same=_is_same(answer.now, text))
            for model, text in stored[names.get(answer.example, answer.example)]
        ]
        for answer in answers
        if names.get(answer.example, answer.example) in stored
    }


def _is_same(now: str, before: str) -> bool:
    is_right = judge_wording(now, before) is Judgement.RIGHT
    return is_right or (is_refusal(now) and is_refusal(before))
