"""Whether a proved model may take the place of the one that serves: `gate` of dataset.yaml.

`none` lets every proved model serve. `floor` holds one that answers too few of its test questions
rightly. `not_worse` sets it beside the serving model on the questions that both were asked: it
holds where an answer that was right is wrong now, and where the 95 % interval of the difference
lies wholly below 0. What an editor accepted counts no more. With fewer test questions than
`split.min_test` nothing is held, with fewer common ones than `ENOUGH_QUESTIONS` only wrong answers
count.

A held model is a training verdict with a reason of `HOLDS`; its arguments name what was compared,
so each pair of models is judged once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from peewee import fn

from merlin.core.clock import iso
from merlin.core.errors import Refused
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.finding import shorten
from merlin.dataset.spec import FLOOR, NO_GATE, NOT_WORSE, DatasetSpec, GateRule
from merlin.dataset.split import has_gate
from merlin.dataset.verdicts import HOLDS, VerdictStatus, newest_settings, transition
from merlin.db.database import Repository, Row, transaction
from merlin.db.notices import ADMINS, Notices
from merlin.db.tables import ACCEPTED_LOSS, CHANGE, VERDICT
from merlin.db.values import dump_json, load_json
from merlin.training.evaluation import (
    ENOUGH_QUESTIONS,
    AnswerKind,
    JudgedAnswer,
    Pair,
    bootstrap_interval,
    gains_of,
    judge_answers,
    lost_of,
    pair_answers,
)
from merlin.training.models import Model, question_digest

log = get_logger(__name__)
_SHOWN, _PERCENT = 5, 100


@dataclass(frozen=True, slots=True)
class HoldReason:
    """Why a model may not serve: a Fluent key with its arguments; `lost` questions as texts."""

    reason: str
    told: Row
    lost: Sequence[Row] = ()


def find_hold(
    rule: GateRule,
    answers: Sequence[JudgedAnswer],
    pairs: Sequence[Pair],
    accepted: Collection[str] = (),
) -> HoldReason | None:
    """Return why the gate holds a model, None where it lets it serve.

    `answers` are those to all its test questions, `pairs` those to the questions that the serving
    model was asked too, as `pair_answers` gives them; `accepted` are digests of questions.
    """
    if rule.kind == FLOOR and answers:
        right = sum(answer.kind is AnswerKind.RIGHT for answer in answers)
        floor = {"right": right, "questions": len(answers), "floor": round(_PERCENT * rule.right)}
        return HoldReason("gate-floor", floor) if right < rule.right * len(answers) else None
    if rule.kind != NOT_WORSE:
        return None
    rest = [pair for pair in pairs if question_digest(pair[0].question) not in accepted]
    lost = [now for now, _ in lost_of(rest)]
    wrong = sum(each.kind is AnswerKind.WRONG for each in lost)
    values = {"wrong": wrong, "refused": len(lost) - wrong, "questions": len(pairs)}
    is_enough = bool(lost) and len(pairs) >= ENOUGH_QUESTIONS
    if wrong or (is_enough and bootstrap_interval(gains_of(rest))[1] < 0):
        reason = "gate-lost" if wrong else "gate-worse"
        return HoldReason(reason, values, list(map(_text_of, lost)))
    return None


class Gates(Repository):
    """Which models are held, and which lost questions were accepted."""

    def holds(self, new: Model, serving: Model | None) -> bool:
        """Return whether the gate keeps a model from serving in the place of another one.

        Judged once; the reason is kept with the verdict, and editors and admins are told.
        """
        settings = newest_settings(self.db, new.dataset)
        if settings is None or settings.gate.kind == NO_GATE:
            return False
        compared = {"gate": asdict(settings.gate), "min_test": settings.split.min_test}
        compared["serving"] = serving.model_row if serving else None
        # A later commit may have joined: it is the one that nobody was told of.
        verdicts = VERDICT.select(VERDICT.reason, VERDICT.arguments).where(_waits(new))
        stands = self.db.row(verdicts.order_by(VERDICT.position.desc()).limit(1))
        if stands is None:
            return False
        before = load_json(stands["arguments"]) if stands["reason"] in HOLDS else {}
        if before.get("compared") == dump_json(compared):
            return True
        hold = self._find(new, serving, settings)
        if hold is None:
            return False
        kill_point("gate.judged")
        against = serving.build_version if serving else ""
        values = {"version": new.build_version, "against": against, **hold.told}
        stored = {**values, "lost": hold.lost, "compared": dump_json(compared)}
        self._keep(new, str(stands["reason"]), replace(hold, told=values), stored)
        kill_point("gate.recorded")
        return True

    def _find(self, new: Model, serving: Model | None, settings: DatasetSpec) -> HoldReason | None:
        answers = judge_answers(self.db, new)
        if not has_gate(len(answers), settings.split):
            return None
        theirs = judge_answers(self.db, serving) if serving else []
        condition = ACCEPTED_LOSS.dataset == new.dataset
        rows = self.db.rows(ACCEPTED_LOSS.select(ACCEPTED_LOSS.question_digest).where(condition))
        accepted = {row["question_digest"] for row in rows}
        return find_hold(settings.gate, answers, list(pair_answers(answers, theirs)), accepted)

    @transaction
    def _keep(self, new: Model, before: str, hold: HoldReason, stored: Row) -> None:
        """Keep a hold and tell of it, unless its questions were accepted meanwhile."""
        at = self._clock()
        why = {"reason": hold.reason, "arguments": dump_json(stored), "updated_at": iso(at)}
        is_same = VERDICT.reason == before
        if not self.db.change(VERDICT.update(why).where(_waits(new) & is_same)):
            return
        log.info("model is held", model=new.model_id, reason=hold.reason)
        newest = self.db.value(VERDICT.select(fn.MAX(VERDICT.position)).where(_waits(new)))
        of_others = (VERDICT.dataset == new.dataset) & (VERDICT.job_id != new.job_id)
        older = of_others & VERDICT.reason.in_(HOLDS) & (VERDICT.position < newest)
        transition(self.db, (VerdictStatus.TRAINING,), VerdictStatus.SUPERSEDED, at, older)
        more = {"key": "gate-more", "arguments": {"count": len(hold.lost) - _SHOWN}}
        arguments = {
            "dataset": new.dataset,
            "version": new.build_version,
            "job": new.job_id,
            "reason": {"key": hold.reason, "arguments": hold.told},
            "list": [*hold.lost[:_SHOWN], *([more] if len(hold.lost) > _SHOWN else [])],
        }
        of_commit = (VERDICT.commit_sha == CHANGE.commit_sha) & (VERDICT.dataset == CHANGE.dataset)
        edits = CHANGE.select(CHANGE.by_whom).join(VERDICT, on=of_commit).where(_waits(new))
        editors = sorted({row["by_whom"] for row in self.db.rows(edits)})
        for reader in (ADMINS, *editors):
            once = f"held:{new.model_row}:{hold.told['against']}:{reader}"
            Notices(self.db, self._clock).tell(reader, "notice-held", arguments, once=once)
        self.db.bump()

    @transaction
    def accept(self, model: Model, by: str, digest: str = "") -> int:
        """Let a held model lose the questions that it is held for, or one; return how many.

        Each counts no more for any later model, while question and taught answer are these; the
        model is judged again by what is left. Raises Refused for a model that is not held, or is
        held for no question, or not for the one named by `digest`.
        """
        row = self.db.row(VERDICT.select().where(_waits(model) & VERDICT.reason.in_(HOLDS)))
        arguments = {"model": model.build_version}
        if row is None:
            raise Refused(f"{model.build_version} is not held", "gate-not-held", **arguments)
        every = [each["arguments"] for each in load_json(row["arguments"]).get("lost", [])]
        lost = [each for each in every if digest in {"", each["digest"]}]
        if not lost:
            raise Refused("held for no such question", "gate-nothing-to-accept", **arguments)
        at = iso(self._clock())
        by_whom = {"dataset": model.dataset, "by_whom": by, "at": at}
        for each in lost:
            question = {"question_digest": each["digest"], "example_id": each["example"]}
            self.db.add_new(ACCEPTED_LOSS, {**by_whom, **question})
        free = {"reason": "", "arguments": dump_json({}), "updated_at": at}
        self.db.change(VERDICT.update(free).where(_waits(model)))
        self.db.bump()
        return len(lost)


def _waits(model: Model) -> Any:
    """Return the condition for verdicts that wait for this model to serve."""
    return (VERDICT.job_id == model.job_id) & (VERDICT.word == VerdictStatus.TRAINING.value)


def _text_of(lost: JudgedAnswer) -> Row:
    """Return the text of a lost question, with what names it when it is accepted."""
    question = lost.question
    values = {
        "question": shorten(question.messages[-1].content),
        "answer": shorten(lost.answer.text),
        "example": question.example_id,
        "digest": question_digest(question),
    }
    return {"key": f"gate-{lost.kind}", "arguments": values}
