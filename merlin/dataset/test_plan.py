"""How a dataset's model is tested: by test examples, and by taught questions in a disguise.

Test examples are questions whose wording is not trained. Few datasets have some, so each taught
question is asked too, changed by fixed rules (`merlin.training.test_questions`): for nothing of
`recall`, which answers in a millisecond, and within `gate.budget` of a language model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from merlin.config.engine import RECALL
from merlin.dataset.spec import NO_GATE, DatasetSpec
from merlin.dataset.split import TEST, TRAIN

# So many questions at most: a commit is live in seconds.
MAX_ASKED = 200


@dataclass(frozen=True, slots=True)
class TestPlan:
    """Numbers of examples that are taught, tested, and taught and asked in a disguise."""

    __test__ = False  # no tests of pytest

    taught: int
    tests: int
    disguised: int
    least: int

    @property
    def has_gate(self) -> bool:
        """Return whether so many questions are enough to judge a model."""
        return self.tests + self.disguised >= self.least

    def as_json(self) -> dict[str, object]:
        """Return what a build's manifest tells of it."""
        return {"disguised": self.disguised, "has_gate": self.has_gate}

    def as_arguments(self) -> dict[str, int]:
        """Return the values of the text `test-plan`."""
        return asdict(self)


def read_plan(manifest: Mapping[str, Any]) -> TestPlan | None:
    """Return the plan in a build's manifest, None if an earlier version made the build."""
    split, counts = manifest["split"], manifest["counts"]
    if "disguised" not in split:
        return None
    return TestPlan(counts[TRAIN], counts[TEST], split["disguised"], max(split["min_test"], 1))


def plan_test(sides: Iterable[str], spec: DatasetSpec) -> TestPlan:
    """Return how a model of examples on these sides of the split is tested."""
    on_sides = [*sides]
    taught, tests = on_sides.count(TRAIN), on_sides.count(TEST)
    most = count_disguised(spec, tests)
    return TestPlan(taught, tests, min(taught, most), spec.split.least)


def count_disguised(spec: DatasetSpec, tests: int) -> int:
    """Return how many taught questions are asked in a disguise at most."""
    if spec.gate.kind == NO_GATE:
        return 0
    if spec.recipe.base_model == RECALL:
        return max(MAX_ASKED - tests, 0)
    return spec.gate.budget
