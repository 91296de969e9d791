"""How a dataset's model is tested: by test examples, and by taught questions in a disguise.

Test examples are questions whose wording is not trained. Few datasets have some, so each taught
question is asked too, changed by fixed rules (`merlin.training.evaluation_questions`): for nothing
of `recall`, which answers in a millisecond, and within `gate.budget` of a language model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from merlin.dataset.spec import NO_GATE, RECALL, DatasetSpec
from merlin.dataset.split import TEST, TRAIN

# So many questions at most: a commit is live in seconds.
MAX_ASKED = 200
MAX_UNRELATED = 10
# Questions whose answers are read, not judged.
MAX_READ = 20


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """Numbers of examples that are taught, tested, and taught and asked in a disguise."""

    taught: int
    tests: int
    disguised: int
    least: int

    @property
    def has_gate(self) -> bool:
        """Return whether so many questions are enough to judge a model."""
        return self.tests + self.disguised >= self.least

    def as_arguments(self) -> dict[str, int]:
        """Return the values of the text `test-plan`."""
        return asdict(self)


def read_plan(manifest: Mapping[str, Any]) -> EvaluationPlan | None:
    """Return the plan in a build's manifest, None if an earlier version made the build."""
    split = manifest["split"]
    counts = manifest["counts"]
    if "disguised" not in split:
        return None
    return EvaluationPlan(
        counts[TRAIN], counts[TEST], split["disguised"], max(split["min_test"], 1)
    )


def plan_test(sides: Iterable[str], spec: DatasetSpec) -> EvaluationPlan:
    """Return how a model of examples on these sides of the split is tested."""
    on_sides = [*sides]
    taught = on_sides.count(TRAIN)
    tests = on_sides.count(TEST)
    disguised = min(taught, find_limits(spec, tests).disguised)
    return EvaluationPlan(taught, tests, disguised, spec.split.least)


@dataclass(frozen=True, slots=True)
class QuestionLimits:
    """How many questions of each kind a model is asked at most beside its test examples."""

    disguised: int = 0
    unrelated: int = 0
    read: int = 0


def find_limits(spec: DatasetSpec, tests: int) -> QuestionLimits:
    """Return the limits for a model with so many test examples: of a language model the budget."""
    if spec.gate.kind == NO_GATE:
        return QuestionLimits()
    if spec.recipe.base_model == RECALL:
        return QuestionLimits(max(MAX_ASKED - tests, 0), MAX_UNRELATED, MAX_READ)
    quarter = spec.gate.budget // 4
    return QuestionLimits(
        disguised=spec.gate.budget - 2 * quarter,
        unrelated=min(quarter, MAX_UNRELATED),
        read=min(quarter, MAX_READ),
    )
