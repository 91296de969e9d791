"""A canary: a newly good model answers a share of the people before it serves all of them.

    gate passed -> canary -> serves     time is up, both models have enough answers, not worse
                          -> held       it is clearly worse than the serving one

`canary` of dataset.yaml enables it. A hash of dataset, model and person selects the share
(`is_in_share`), so a session keeps its model during the canary. If time is up and there are too
few answers, the share doubles for another period; beyond all people the model serves. A canary
ends with any promotion, with a pin and with a model that is gone or revoked.

Two figures are compared over the same period: questions without the answer that they should have
got, and people who pressed 👎, each counted once. A model is clearly worse by at least `FEWEST`
and with Fisher's exact test (one-sided) below `CHANCE`. Judged after each of 2,000 answers, equal
models (1 to 10 % bad answers, shares 0.1 and 0.5; 1,000 simulated canaries each) were found worse
in 1.7 % at most; one three times as bad as 5 % was found in 98 %, typically after 640 answers.
Source: R. A. Fisher, The Design of Experiments, 1935.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from math import exp, lgamma
from typing import Literal

from merlin.chat.answer import Ending, Reply
from merlin.chat.feedback import count_dislikers
from merlin.chat.model_catalogue import CandidateKind
from merlin.core.clock import iso
from merlin.core.log import get_logger
from merlin.dataset import verdicts
from merlin.dataset.spec import CanaryRule
from merlin.dataset.verdicts import ON_LINE, VerdictStatus, read_newest_settings, transition
from merlin.db.database import Database, Prepared, Repository, transaction
from merlin.db.notices import ADMINS, Notices
from merlin.db.tables import CANARY, MODEL, SERVING, VERDICT
from merlin.db.values import RowMap, dump_json
from merlin.training.models import Model, ModelState, model_of, name_beside, select_models
from merlin.training.promote import Holds, end_canary

log = get_logger(__name__)
FEWEST, CHANCE = 5, 0.002
_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Canary:
    """A model that answers `share` of a dataset's people, from `since` until `until`.

    It and the serving model need `least` answers each; the counts are their answers, and the
    questions that they failed to answer.
    """

    dataset: str
    model_row: int
    share: float
    least: int
    since: datetime
    until: datetime
    answers: int = 0
    failures: int = 0
    serving_answers: int = 0
    serving_failures: int = 0


@dataclass(frozen=True, slots=True)
class CanaryFigures:
    """Failures and totals of the canary and of the serving model."""

    sign: Literal["failures", "dislikes"]
    bad: int
    of: int
    serving_bad: int
    serving_of: int

    @property
    def is_worse(self) -> bool:
        """Return whether the canary is clearly worse than the serving model."""
        figures = (self.bad, self.of, self.serving_bad, self.serving_of)
        return self.bad >= FEWEST and tail_probability(*figures) < CHANCE


def tail_probability(bad: int, of: int, serving_bad: int, serving_of: int) -> float:
    """Return the probability of at least `bad` of `of` if both models were alike: 0..1."""
    of, serving_of = max(of, bad), max(serving_of, serving_bad)
    all_bad, total = bad + serving_bad, of + serving_of
    whole = _log_choose(total, of)
    most, least = min(all_bad, of), max(bad, all_bad - serving_of)
    logs = (
        _log_choose(all_bad, each) + _log_choose(total - all_bad, of - each) - whole
        for each in range(least, most + 1)
    )
    return min(sum(map(exp, logs)), 1.0)


def _log_choose(of: int, count: int) -> float:
    return lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)


# Neither for nor against a model: the person stopped it, or the question does not fit.
_NOT_COUNTED = (Ending.STOPPED, Ending.TOO_LONG)


def count_answer(db: Database, reply: Reply) -> None:
    """Count a reply for or against the model of a canary."""
    first = reply.first
    if first is None or not first.canary or reply.ending in _NOT_COUNTED:
        return
    result = "answers" if reply.first_answered else "failures"
    name = result if first.kind is CandidateKind.CANARY else f"serving_{result}"
    db.update(CANARY, CANARY.model_row == first.canary, **{name: getattr(CANARY, name) + 1})


_CANARIES = RowMap(Canary)
_AWAITED = (
    MODEL.select(MODEL.id)
    .join(VERDICT, on=(VERDICT.job_id == MODEL.job_id))
    .where((VERDICT.word == VerdictStatus.TRAINING.value) & ON_LINE)
)
_TRIED = select_models().join(CANARY, on=(CANARY.model_row == MODEL.id))
_UNAWAITED = Prepared(_TRIED.where(CANARY.model_row.not_in(_AWAITED)))


class Canaries(Repository):
    """The canaries, at most one for each dataset."""

    def find(self, dataset: str) -> Canary | None:
        """Return a dataset's canary, None if there is none."""
        return _CANARIES.find(self.db, CANARY.select().where(CANARY.dataset == dataset))

    def end_unawaited(self) -> None:
        """End the canaries of models that are gone, which the admins are told, or their commits."""
        for row in self.db.rows(_UNAWAITED()):
            self.db.transact(partial(self._end, model_of(row)))

    def _end(self, model: Model) -> None:
        end_canary(self.db, model.dataset)
        if model.state is ModelState.GONE:
            values = {"version": model.build_version, "provider": model.provider}
            values["dataset"] = model.dataset
            once = f"canary-gone:{model.model_row}:{iso(self._clock())}"
            Notices(self.db, self._clock).tell(ADMINS, "notice-canary-gone", values, once=once)

    def holds(self, gate: Holds, new: Model, serving: Model | None) -> bool:
        """Return whether a model may not serve everybody yet; start and end its canary.

        A model that passed the gate becomes a canary; one that did worse stays held until a person
        promotes it, or dataset.yaml disables the canary.
        """
        settings = read_newest_settings(self.db, new.dataset)
        rule = settings.canary if settings else None
        tried = self.find(new.dataset)
        if rule is None or serving is None:
            return gate(new, serving)
        if tried is not None and tried.model_row == new.model_row:
            return self._judge(tried, rule, new, serving)
        is_mine = (VERDICT.job_id == new.job_id) & (VERDICT.reason == "canary-worse")
        if self.db.has(VERDICT, is_mine) or gate(new, serving):
            return True
        self._begin(rule, new, serving)
        return True

    @transaction
    def _begin(self, rule: CanaryRule, new: Model, serving: Model) -> None:
        """Start the canary of a model, unless another model serves by now."""
        stands = (SERVING.dataset == new.dataset) & (SERVING.model_row == serving.model_row)
        if self.db.row(
            self.db.for_update(SERVING.select().where(stands & (SERVING.is_pinned == 0)))
        ):
            at = self._clock()
            overtaken = (VERDICT.dataset == new.dataset) & (VERDICT.reason == verdicts.CANARY)
            transition(self.db, (VerdictStatus.TRAINING,), VerdictStatus.SUPERSEDED, at, overtaken)
            end_canary(self.db, new.dataset)
            ends = at + timedelta(hours=rule.hours)
            canary = Canary(new.dataset, new.model_row, rule.share, rule.answers, at, ends)
            self.db.put(CANARY.insert(_CANARIES.write(canary)))
            self._tell(canary, new, serving)

    def _judge(self, tried: Canary, rule: CanaryRule, new: Model, serving: Model) -> bool:
        """Return whether the canary continues or is held; otherwise the model is to serve."""
        for found in self.compare(tried, new, serving):
            if found.is_worse:
                self._hold(found, tried, new, serving)
                return True
        if self._clock() < tried.until:
            return True
        is_enough = min(tried.answers, tried.serving_answers) >= tried.least
        if is_enough or tried.share >= 1:
            return False
        self._widen(tried, rule, new, serving)
        return True

    def compare(self, tried: Canary, new: Model, serving: Model) -> Sequence[CanaryFigures]:
        """Return the failures of both models since the start of the canary.

        If the serving model was asked less than `least`, the missing answers count as good.
        """
        attempts = tried.answers + tried.failures
        serving_asked = max(tried.serving_answers + tried.serving_failures, tried.least)
        people, others = (
            count_dislikers(self.db, each.model_id, tried.since) for each in (new, serving)
        )
        return (
            CanaryFigures(
                "failures", tried.failures, attempts, tried.serving_failures, serving_asked
            ),
            CanaryFigures("dislikes", people, attempts, others, serving_asked),
        )

    @transaction
    def _widen(self, tried: Canary, rule: CanaryRule, new: Model, serving: Model) -> None:
        """Double the share of a canary with too few answers, for another period."""
        until = self._clock() + timedelta(hours=rule.hours)
        wider = replace(tried, share=min(2 * tried.share, 1.0), until=until)
        is_it = (CANARY.model_row == tried.model_row) & (CANARY.share == tried.share)
        if self.db.update(CANARY, is_it, share=wider.share, until=iso(wider.until)):
            self._tell(wider, new, serving)

    def _tell(self, canary: Canary, new: Model, serving: Model) -> None:
        values = {
            "version": name_beside(new, serving),
            "against": name_beside(serving, new),
            "share": round(_PERCENT * canary.share),
            "answers": canary.least,
        }
        log.info("model is tried", model=new.model_id, share=canary.share)
        once = f"canary:{new.model_row}:{canary.share}:{iso(canary.since)}"
        self._note(new, verdicts.CANARY, values, once)

    @transaction
    def _hold(self, comparison: CanaryFigures, tried: Canary, new: Model, serving: Model) -> None:
        """End a canary that did worse, and store why."""
        if not self.db.delete(CANARY, CANARY.model_row == tried.model_row):
            return
        values = {
            "version": name_beside(new, serving),
            "against": name_beside(serving, new),
            "sign": comparison.sign,
            "bad": comparison.bad,
            "of": comparison.of,
            "serving_bad": comparison.serving_bad,
            "serving_of": tried.serving_answers + tried.serving_failures,
        }
        log.info("model did worse", model=new.model_id, sign=comparison.sign)
        once = f"canary-worse:{new.model_row}:{iso(tried.since)}"
        self._note(new, "canary-worse", values, once)

    def _note(self, model: Model, reason: str, values: dict[str, object], once: str) -> None:
        """Store in a model's verdicts why it does not serve everybody; notify the admins."""
        waits = (VERDICT.job_id == model.job_id) & (VERDICT.word == VerdictStatus.TRAINING.value)
        why = {"reason": reason, "arguments": dump_json(values), "updated_at": iso(self._clock())}
        self.db.update(VERDICT, waits, **why)
        text = {"key": reason, "arguments": values}
        notice = {"dataset": model.dataset, **values, "reason": text}
        Notices(self.db, self._clock).tell(ADMINS, f"notice-{reason}", notice, once=once)
        self.db.bump()
