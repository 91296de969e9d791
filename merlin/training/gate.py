"""Decide whether a proved model may replace the serving one: `gate` of dataset.yaml.

`none` lets every proved model serve. `floor` holds a model with too few right answers to its test
questions, of a dataset without any to the disguised ones. `not_worse` compares it with the serving
model on their common questions. It holds the model if an answer that was right is now wrong; if
answers got worse by a sign test, in which inventing counts twice; or if it answers `INVENTS`
questions of other subjects that were declined. A dataset's first model is compared with its
untrained base, and must be right more often. Losses accepted by an editor do not count, nor do
answers that a commit has changed, nor those of which only a person can say if they are right. With
fewer questions than `split.min_test` nothing is held by its answers. What commits may change
unasked has a bound beside that (`merlin.training.bounds`).

A held model is a training verdict with a reason in `HOLDS`; `compared` names what was compared,
so each pair of models is judged once.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, replace
from math import comb
from typing import Any

from peewee import fn

from merlin.core.clock import iso
from merlin.core.errors import Refused
from merlin.core.formatted_text import shorten_text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.spec import FLOOR, NO_GATE, NOT_WORSE, DatasetSpec, GateRule
from merlin.dataset.verdicts import (
    FIRST,
    HOLDS,
    MEANT,
    VerdictStatus,
    read_newest_settings,
    transition,
)
from merlin.db.database import Columns, Database, Repository, transaction
from merlin.db.notices import ADMINS, Notices
from merlin.db.tables import ACCEPTED_LOSS, CHANGE, JUDGEMENT, VERDICT
from merlin.db.values import dump_json, load_json
from merlin.training.bounds import HoldReason, find_bound, find_forgotten
from merlin.training.evaluation import (
    AnswerKind,
    JudgedAnswer,
    Pair,
    drop_meant,
    judge_answers,
    judge_base,
    pair_answers,
)
from merlin.training.evaluation_questions import read_taught
from merlin.training.jobs import Jobs
from merlin.training.models import Model, name_beside
from merlin.training.promote import find_before
from merlin.training.scores import QuestionKind, digest_answer, question_digest

log = get_logger(__name__)
_SHOWN = 5
_PERCENT = 100
# Inventing an answer is worse than refusing one.
_WORTH = {AnswerKind.WRONG: 0, AnswerKind.REFUSED: 1, AnswerKind.RIGHT: 2}
# The probability of the sign test up to which a model is held: that of four losses without a gain
# (docs/adr/0046).
_LEVEL = 1 / 16
# Of ten questions of other subjects; `recall` answers about one in twenty such.
INVENTS = 3


def find_hold(
    rule: GateRule,
    answers: Sequence[JudgedAnswer],
    pairs: Sequence[Pair],
    accepted: Collection[str] = (),
    *,
    is_first: bool = False,
) -> HoldReason | None:
    """Return why the gate holds a model, None if it may serve.

    `answers` are those to all its test questions, `pairs` those to questions common with the
    serving model (`pair_answers`), or with its base if it is the dataset's first; `accepted` are
    digests of questions.
    """
    tests = [answer for answer in answers if answer.question.kind is QuestionKind.TEST]
    scored = tests or [answer for answer in answers if answer.question.kind.is_scored]
    scored = [answer for answer in scored if answer.kind is not AnswerKind.UNSURE]
    if rule.kind == FLOOR and scored:
        right = sum(answer.kind is AnswerKind.RIGHT for answer in scored)
        floor = {
            "right": right,
            "questions": len(scored),
            "floor": round(_PERCENT * rule.right),
        }
        return (
            HoldReason("gate-floor", floor)
            if right < rule.right * len(scored)
            else None
        )
    if rule.kind != NOT_WORSE:
        return None
    counted = [
        pair
        for pair in _drop_unsure(pairs)
        if question_digest(pair[0].question) not in accepted
    ]
    judged = [pair for pair in counted if pair[0].question.kind.is_scored]
    worse = _find_no_gain(judged) if is_first else _find_loss(judged)
    return worse or _find_invented(counted)


def _find_invented(pairs: Sequence[Pair]) -> HoldReason | None:
    """Return the answers to questions of other subjects that the other model declined."""
    unrelated = [
        pair for pair in pairs if pair[0].question.kind is QuestionKind.UNRELATED
    ]
    invented = [now for now, _ in _list_worse(unrelated)]
    values = {"invented": len(invented), "questions": len(unrelated)}
    if len(invented) < INVENTS:
        return None
    return HoldReason("gate-invents", values, _make_lost_questions(invented))


def _find_no_gain(pairs: Sequence[Pair]) -> HoldReason | None:
    """Return why a first model is no better than its base; `lost` are all answers not right."""
    right = sum(now.kind is AnswerKind.RIGHT for now, _ in pairs)
    before = sum(base.kind is AnswerKind.RIGHT for _, base in pairs)
    lost = [now for now, _ in pairs if now.kind is not AnswerKind.RIGHT]
    if not lost or (right > before and sign_test(pairs) > _LEVEL):
        return None
    wrong = sum(answer.kind is AnswerKind.WRONG for answer in lost)
    values = {"right": right, "wrong": wrong, "before": before, "questions": len(pairs)}
    values["asked"] = sum(bool(base.answer.text) for _, base in pairs)
    return HoldReason(FIRST, values, _make_lost_questions(lost))


def _find_loss(pairs: Sequence[Pair]) -> HoldReason | None:
    """Return what a model answers worse than the serving one, None if it is not worse."""
    lost = _list_worse(pairs)
    count = Counter((before.kind, now.kind) for now, before in lost)
    values = {
        "wrong": count[AnswerKind.RIGHT, AnswerKind.WRONG],
        "refused": count[AnswerKind.RIGHT, AnswerKind.REFUSED],
        "invented": count[AnswerKind.REFUSED, AnswerKind.WRONG],
        "gained": sum(_WORTH[now.kind] > _WORTH[before.kind] for now, before in pairs),
    }
    if not values["wrong"] and sign_test(pairs) > _LEVEL:
        return None
    reason = "gate-lost" if values["wrong"] else "gate-worse"
    return HoldReason(reason, values, _make_lost_questions([now for now, _ in lost]))


def _drop_unsure(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs without answers of which only a person can say if they are right."""
    return [
        pair for pair in pairs if AnswerKind.UNSURE not in (pair[0].kind, pair[1].kind)
    ]


def _list_worse(pairs: Iterable[Pair]) -> list[Pair]:
    return [
        (now, before) for now, before in pairs if _WORTH[now.kind] < _WORTH[before.kind]
    ]


def sign_test(pairs: Sequence[Pair]) -> float:
    """Return how likely chance alone makes the first model of the pairs as bad as this, 0 to 1.

    The exact one-sided sign test on the answers that got worse or better; a question counts twice
    if one of its two answers is wrong.
    """
    losses = gains = 0
    for now, before in pairs:
        weight = 2 if AnswerKind.WRONG in (now.kind, before.kind) else 1
        losses += weight * (_WORTH[now.kind] < _WORTH[before.kind])
        gains += weight * (_WORTH[now.kind] > _WORTH[before.kind])
    changed = losses + gains
    as_bad = sum(comb(changed, count) for count in range(losses, changed + 1))
    return float(as_bad / (1 << changed))


class Gates(Repository):
    """Held models and accepted losses."""

    def holds(self, new: Model, serving: Model | None) -> bool:
        """Return whether the gate keeps a model from replacing the serving one.

        Each pair is judged once; the reason is stored, editors and admins are notified.
        """
        settings = read_newest_settings(self.db, new.dataset)
        if settings is None or settings.gate.kind == NO_GATE:
            return False
        compared = {"gate": asdict(settings.gate), "min_test": settings.split.min_test}
        compared["serving"] = serving.model_row if serving else None
        # A later commit may have joined the job: no one was notified of it yet.
        verdicts = VERDICT.select(
            VERDICT.reason, VERDICT.compared, VERDICT.is_accepted
        ).where(_awaits_serving(new))
        verdict = self.db.row(verdicts.order_by(VERDICT.position.desc()).limit(1))
        if verdict is None:
            return False
        if verdict.compared == dump_json(compared):
            return not verdict.is_accepted
        hold = self._find(new, serving, settings)
        if hold is None:
            return False
        kill_point("gate.judged")
        base = Jobs(self.db).get(new.job_id).recipe.base_model
        against = name_beside(serving, new) if serving else base
        values = {
            "version": name_beside(new, serving),
            "against": against,
            **hold.values,
        }
        held = {
            "reason": hold.reason,
            "arguments": dump_json({**values, "lost": hold.lost}),
            "compared": dump_json(compared),
        }
        self._store_hold(new, str(verdict.reason), replace(hold, values=values), held)
        kill_point("gate.recorded")
        return True

    def _find(
        self, new: Model, serving: Model | None, settings: DatasetSpec
    ) -> HoldReason | None:
        bound = serving and find_bound(
            read_taught(self.db, serving.build_id), read_taught(self.db, new.build_id)
        )
        if bound:
            return bound
        answers = judge_answers(self.db, new)
        scored = sum(answer.question.kind.is_scored for answer in answers)
        if scored < settings.split.least:
            return None
        return self._find_worse(new, serving, settings, answers)

    def _find_worse(
        self,
        new: Model,
        serving: Model | None,
        settings: DatasetSpec,
        answers: Sequence[JudgedAnswer],
    ) -> HoldReason | None:
        others = (
            judge_answers(self.db, serving)
            if serving
            else judge_base(self.db, new, answers)
        )
        accepted = self.list_accepted(new.dataset)
        pairs = list(pair_answers(answers, others))
        if serving:
            pairs = drop_meant(self.db, new, serving, pairs)
        is_first = serving is None
        hold = find_hold(settings.gate, answers, pairs, accepted, is_first=is_first)
        forgotten = find_forgotten(answers, others, is_first=is_first)
        if hold or forgotten is None:
            return hold
        values, missed = forgotten
        return HoldReason("gate-forgotten", values, _make_lost_questions(missed))

    def list_accepted(self, dataset: str) -> set[str]:
        """Return the digests of the questions whose loss an editor accepted."""
        condition = ACCEPTED_LOSS.dataset == dataset
        rows = self.db.rows(
            ACCEPTED_LOSS.select(ACCEPTED_LOSS.question_digest).where(condition)
        )
        return {row.question_digest for row in rows}

    @transaction
    def _store_hold(
        self, new: Model, before: str, hold: HoldReason, held: Columns
    ) -> None:
        """Store a hold and send notices, unless the verdict changed concurrently."""
        at = self._clock()
        is_unchanged = VERDICT.reason == before
        condition = _awaits_serving(new) & is_unchanged
        if not self.db.update(VERDICT, condition, **held, updated_at=iso(at)):
            return
        lost = ", ".join(question["arguments"]["example"] for question in hold.lost)
        log.warning("model is held", model=new.model_id, reason=hold.reason, lost=lost)
        newest = self.db.value(
            VERDICT.select(fn.MAX(VERDICT.position)).where(_awaits_serving(new))
        )
        is_other = (VERDICT.dataset == new.dataset) & (VERDICT.job_id != new.job_id)
        older = is_other & VERDICT.reason.in_(HOLDS) & (VERDICT.position < newest)
        transition(
            self.db, (VerdictStatus.TRAINING,), VerdictStatus.SUPERSEDED, at, older
        )
        notice_arguments = {
            "dataset": new.dataset,
            "version": hold.values["version"],
            "job": new.job_id,
            "reason": {"key": hold.reason, "arguments": hold.values},
            "list": _shorten(hold.lost),
        }
        of_commit = (VERDICT.commit_sha == CHANGE.commit_sha) & (
            VERDICT.dataset == CHANGE.dataset
        )
        edits = (
            CHANGE.select(CHANGE.by_whom)
            .join(VERDICT, on=of_commit)
            .where(_awaits_serving(new))
        )
        editors = sorted({row.by_whom for row in self.db.rows(edits)})
        against = hold.values["against"]
        for reader in (ADMINS, *editors):
            once = f"held:{new.model_row}:{against}:{reader}"
            Notices(self.db, self._clock).notify(
                reader, "notice-held", notice_arguments, once=once
            )
        self.db.announce_change()

    @transaction
    def accept(self, model: Model, digest: str = "") -> int:
        """Accept the losses of a held model, or the one with `digest`; return how many.

        An accepted loss counts for no later model while question and taught answer stay the same;
        the model is judged again by the rest. What an editor has to mean as a whole is accepted as
        it is, and the next model is judged by every question. Raises Refused for a model that is
        not held, or is held for no question, or not for the one with `digest`.
        """
        row = self.db.row(
            VERDICT.select().where(_awaits_serving(model) & VERDICT.reason.in_(HOLDS))
        )
        arguments = {"model": model.build_version}
        if row is None:
            raise Refused(
                f"{model.build_version} is not held", "gate-not-held", **arguments
            )
        hold = load_json(row.arguments)
        all_lost = [question["arguments"] for question in hold.get("lost", [])]
        lost = [question for question in all_lost if digest in {"", question["digest"]}]
        if not lost:
            raise Refused(
                "held for no such question", "gate-nothing-to-accept", **arguments
            )
        # A model that is accepted whole is not judged again by the same questions.
        is_accepted = row.reason in MEANT and not digest
        if not is_accepted:
            for question in lost:
                loss = {"dataset": model.dataset, "question_digest": question["digest"]}
                self.db.add_new(ACCEPTED_LOSS, loss)
        released = {
            "reason": "",
            "arguments": dump_json({}),
            "compared": row.compared if is_accepted else "",
            "is_accepted": int(is_accepted),
            "updated_at": iso(self._clock()),
        }
        self.db.update(VERDICT, _awaits_serving(model), **released)
        self.db.announce_change()
        return len(lost)

    @transaction
    def judge(self, model: Model, digest: str, *, is_right: bool) -> int:
        """Store what an editor says of an unsure answer; return 1.

        It counts for each model that gives this answer while question and taught answer stay the
        same, and a held one is judged again. Raises Refused if the model has no such answer.
        """
        for each in judge_answers(self.db, model):
            if (
                question_digest(each.question) == digest
                and each.kind is AnswerKind.UNSURE
            ):
                key = {
                    "dataset": model.dataset,
                    "question_digest": digest,
                    "answer_digest": digest_answer(each.answer),
                }
                self.db.add_new(JUDGEMENT, {**key, "is_right": int(is_right)})
                self.db.update(VERDICT, _awaits_serving(model), compared="")
                self.db.announce_change()
                return 1
        arguments = {"model": model.build_version}
        raise Refused("no unsure answer", "gate-nothing-unsure", **arguments)

    @transaction
    def note_losses(self, model: Model) -> Columns:
        """Store at a live model's verdicts how many answers are worse; return them, described."""
        losses = describe_losses(self.db, model)
        if values := losses["arguments"]:
            counted = {"against": values["against"], "count": values["count"]}
            is_its = (VERDICT.job_id == model.job_id) & (
                VERDICT.status == VerdictStatus.SERVING
            )
            new = {"reason": "live-worse", "arguments": dump_json(counted)}
            self.db.update(VERDICT, is_its, **new)
            self.db.announce_change()
        return losses


def describe_losses(db: Database, model: Model) -> Columns:
    """Return what a live model answers worse than the one it replaced, as a nested message.

    Its text is empty if nothing is worse.
    """
    before = find_before(db, model)
    others = judge_answers(db, before) if before else []
    pairs = [*pair_answers(judge_answers(db, model), others)]
    judged = _drop_unsure(drop_meant(db, model, before, pairs)) if before else []
    lost = [now for now, _ in _list_worse(judged)]
    if before is None or not lost:
        return {"key": "live-not-worse", "arguments": {}}
    values = {"against": name_beside(before, model), "count": len(lost)}
    questions = _shorten(_make_lost_questions(lost))
    return {"key": "live-worse-list", "arguments": {**values, "list": questions}}


def _awaits_serving(model: Model) -> Any:
    """Return the condition for verdicts that wait for this model to serve."""
    return (VERDICT.job_id == model.job_id) & (
        VERDICT.status == VerdictStatus.TRAINING.value
    )


def _shorten(lost: Sequence[Columns]) -> list[Columns]:
    """Return the first lost questions, then how many more there are."""
    more = {"key": "gate-more", "arguments": {"count": len(lost) - _SHOWN}}
    return [*lost[:_SHOWN], *([more] if len(lost) > _SHOWN else [])]


def _make_lost_questions(lost: Sequence[JudgedAnswer]) -> list[Columns]:
    """Return the texts of lost questions, wrong ones first, with the values to accept them."""
    in_order = sorted(lost, key=lambda answer: answer.kind is AnswerKind.REFUSED)
    return [
        {
            "key": f"gate-{answer.kind}",
            "arguments": {
                "question": shorten_text(answer.question.messages[-1].content),
                "answer": shorten_text(answer.answer.text),
                "example": answer.question.example_id,
                "digest": question_digest(answer.question),
            },
        }
        for answer in in_order
    ]
