"""An edit is judged by the real checker, against its dataset, before anybody commits it."""

from __future__ import annotations

import random

import pytest

from merlin.core.clock import utc_now
from merlin.core.money import Price
from merlin.dataset.builds import Build
from merlin.dataset.files import FileText
from merlin.dataset.preview import EditChecker, unified_diff
from merlin.training.policy import forecast_training

pytestmark = pytest.mark.unit

SETTINGS = """\
title: {ru: Проба, en: Trial}
system: Отвечай коротко.
recipe: {provider: engine, base_model: recall, hyperparameters: {n_epochs: 2}}
"""


def preview_edits(name, files, edits):
    return EditChecker().preview(name, files, edits)


def text_of(question, answer="Да."):
    return f"messages:\n  - user: {question}\n  - assistant: {answer}\n"


def files(count=12):
    said = [
        FileText(
            "trial",
            f"examples/q{n:02d}.yaml",
            f"{n:040d}",
            text_of(f"Что {n}-{chr(1072 + n) * 3}?"),
        )
        for n in range(count)
    ]
    return [FileText("trial", "dataset.yaml", "f" * 40, SETTINGS), *said]


def rules(findings):
    return [(finding.path, finding.rule) for finding in findings]


def test_a_good_example_has_tokens_and_no_findings():
    seen = preview_edits("trial", files(), {"examples/new.yaml": text_of("Где новое?")})
    assert seen.is_good
    assert (seen.findings, seen.around) == ((), ())
    assert seen.added == 1
    assert seen.tokens["examples/new.yaml"] == seen.added_tokens > 10


def test_a_broken_example_is_told_with_line_and_column():
    seen = preview_edits("trial", files(), {"examples/new.yaml": "messages:\n  - user: Где?\n"})
    assert not seen.is_good
    assert [(finding.rule, finding.line) for finding in seen.findings] == [
        ("last-not-assistant", 2)
    ]
    assert seen.tokens == {}


def test_what_an_edit_does_to_others_is_told_around():
    tested = FileText("trial", "examples/t.yaml", "e" * 40, text_of("Где?") + "split: test\n")
    seen = preview_edits("trial", [*files(), tested], {"examples/n.yaml": text_of("Где?", "Тут.")})
    assert rules(seen.around) == [("examples/t.yaml", "leak")]


def test_a_deletion_may_leave_too_few():
    seen = preview_edits("trial", files(10), {"examples/q00.yaml": None})
    assert seen.is_good
    assert rules(seen.around) == [("examples", "too-few-examples")]
    assert (seen.added, seen.added_tokens < 0) == (-1, True)


def test_an_edit_is_counted_as_its_difference():
    path = "examples/q00.yaml"
    seen = preview_edits("trial", files(), {path: text_of("Что 0-ааа?", "Да, и ещё много слов.")})
    assert seen.added == 0
    assert 0 < seen.added_tokens < seen.tokens[path]


def test_bytes_that_are_no_text_are_still_a_finding_of_their_file():
    odd = FileText("trial", "examples/odd.yaml", "d" * 40, None)
    seen = preview_edits("trial", [*files(), odd], {"examples/odd.yaml": text_of("Где новое?")})
    assert seen.is_good


def test_a_name_that_is_not_allowed_is_told():
    seen = preview_edits("trial", files(), {"examples/a b.yaml": text_of("Где?")})
    assert rules(seen.findings) == [("examples/a b.yaml", "bad-name")]


def test_the_price_of_the_next_training_is_that_of_the_build_and_the_edit():
    seen = preview_edits("trial", files(), {"examples/new.yaml": text_of("Где новое?")})
    build = Build(1, "trial", 1, "d", "f", "s", 10, 2, 1000, 100, utc_now())
    price = Price("USD", 0, 0, 0, 25_000_000)
    told = forecast_training(build, seen, lambda _: price)
    assert (told.examples, told.tokens) == (11, 1000 + seen.added_tokens)
    assert told.billed == 2 * told.tokens
    assert told.cost_micro == told.billed * 25
    assert forecast_training(build, seen, lambda _: None).cost_micro is None
    assert forecast_training(None, preview_edits("trial", files()[1:], {}), lambda _: price) is None


def test_a_difference_is_shown_line_by_line():
    assert unified_diff("a\nb\n", "a\nc\n", "x") == "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c"
    assert unified_diff(None, "a\n", "x").startswith("--- /dev/null\n+++ b/x\n")
    assert unified_diff("a\n", None, "x").endswith("-a")
    assert unified_diff("a", "a") == ""


def test_a_checker_that_knows_the_dataset_says_what_a_new_one_says():
    dice, checker = random.Random(3), EditChecker()  # noqa: S311 - repeatable on purpose
    here = {file.path: file for file in files(30)}
    paths = [*sorted(here), "examples/new.yaml", "examples/t.yaml"]
    texts = [
        *(
            text_of(f"Что {n}-{chr(1072 + n) * 3}?", dice.choice(("Да.", "Нет.")))
            for n in range(12)
        ),
        text_of("Что 3-ггг") + "split: test\n",
        SETTINGS.replace("recall", "recall, method: dpo"),
        SETTINGS + "split: {test: 0.5}\n",
        "messages: []\n",
        None,
    ]
    for step in range(120):
        edits = {path: dice.choice(texts) for path in dice.sample(paths, dice.randint(1, 3))}
        for name in ("trial", f"other-{step % 6}"):
            seen = checker.preview(name, [*here.values()], edits, {"recall": 40})
            assert seen == EditChecker().preview(name, [*here.values()], edits, {"recall": 40})
        if dice.random() < 0.5:  # the edits are committed
            here |= {
                path: FileText("trial", path, f"{step}-{path}", text)
                for path, text in edits.items()
                if text is not None
            }
