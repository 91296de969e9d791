"""Preview of an edit: the checker's findings for it and for its dataset, before a commit."""

import random

import pytest

from merlin.core.clock import utc_now
from merlin.core.money import Price
from merlin.dataset.builds import Build
from merlin.dataset.entries import FileText
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


def example_text(question, answer="Да."):
    return f"messages:\n  - user: {question}\n  - assistant: {answer}\n"


def make_files(count=12):
    examples = [
        FileText(
            "trial",
            f"examples/q{n:02d}.yaml",
            f"{n:040d}",
            example_text(f"Что {n}-{chr(1072 + n) * 3}?"),
        )
        for n in range(count)
    ]
    return [FileText("trial", "dataset.yaml", "f" * 40, SETTINGS), *examples]


def rules(findings):
    return [(finding.path, finding.rule) for finding in findings]


def test_good_example_has_tokens_and_no_findings():
    preview = preview_edits(
        "trial", make_files(), {"examples/new.yaml": example_text("Где новое?")}
    )
    assert preview.is_good
    assert (preview.findings, preview.around) == ((), ())
    assert preview.added == 1
    assert preview.tokens["examples/new.yaml"] == preview.added_tokens > 10


def test_broken_example_is_reported_with_its_line():
    preview = preview_edits(
        "trial", make_files(), {"examples/new.yaml": "messages:\n  - user: Где?\n"}
    )
    assert not preview.is_good
    assert [(finding.rule, finding.line) for finding in preview.findings] == [
        ("last-not-assistant", 2)
    ]
    assert preview.tokens == {}


def test_findings_caused_in_other_files_are_listed_separately():
    test_file = FileText(
        "trial", "examples/t.yaml", "e" * 40, example_text("Где?") + "split: test\n"
    )
    preview = preview_edits(
        "trial", [*make_files(), test_file], {"examples/n.yaml": example_text("Где?", "Тут.")}
    )
    assert rules(preview.around) == [("examples/t.yaml", "leak")]


def test_deletion_that_leaves_too_few_is_reported():
    preview = preview_edits("trial", make_files(10), {"examples/q00.yaml": None})
    assert preview.is_good
    assert rules(preview.around) == [("examples", "too-few-examples")]
    assert (preview.added, preview.added_tokens < 0) == (-1, True)


def test_edit_counts_only_its_difference():
    path = "examples/q00.yaml"
    preview = preview_edits(
        "trial", make_files(), {path: example_text("Что 0-ааа?", "Да, и ещё много слов.")}
    )
    assert preview.added == 0
    assert 0 < preview.added_tokens < preview.tokens[path]


def test_binary_file_can_be_replaced():
    binary = FileText("trial", "examples/odd.yaml", "d" * 40, None)
    preview = preview_edits(
        "trial", [*make_files(), binary], {"examples/odd.yaml": example_text("Где новое?")}
    )
    assert preview.is_good


def test_invalid_name_is_reported():
    preview = preview_edits("trial", make_files(), {"examples/a b.yaml": example_text("Где?")})
    assert rules(preview.findings) == [("examples/a b.yaml", "bad-name")]


def test_forecast_prices_the_build_together_with_the_edit():
    preview = preview_edits(
        "trial", make_files(), {"examples/new.yaml": example_text("Где новое?")}
    )
    build = Build(1, "trial", 1, "d", "f", "s", 10, 2, 1000, 100, utc_now())
    price = Price("USD", 0, 0, 0, 25_000_000)
    forecast = forecast_training(build, preview, lambda *_: price)
    assert (forecast.examples, forecast.tokens) == (11, 1000 + preview.added_tokens)
    assert forecast.billed == 2 * forecast.tokens
    assert forecast.cost_micro == forecast.billed * 25
    assert forecast_training(build, preview, lambda *_: None).cost_micro is None
    assert (
        forecast_training(None, preview_edits("trial", make_files()[1:], {}), lambda *_: price)
        is None
    )


def test_diff_is_shown_line_by_line():
    assert unified_diff("a\nb\n", "a\nc\n", "x") == "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c"
    assert unified_diff(None, "a\n", "x").startswith("--- /dev/null\n+++ b/x\n")
    assert unified_diff("a\n", None, "x").endswith("-a")
    assert unified_diff("a", "a") == ""


def test_reused_checker_gives_the_same_preview_as_a_new_one():
    rng, checker = random.Random(3), EditChecker()  # noqa: S311 - repeatable on purpose
    files = {file.path: file for file in make_files(30)}
    paths = [*sorted(files), "examples/new.yaml", "examples/t.yaml"]
    texts = [
        *(
            example_text(f"Что {n}-{chr(1072 + n) * 3}?", rng.choice(("Да.", "Нет.")))
            for n in range(12)
        ),
        example_text("Что 3-ггг") + "split: test\n",
        SETTINGS.replace("recall", "recall, method: dpo"),
        SETTINGS + "split: {test: 0.5}\n",
        "messages: []\n",
        None,
    ]
    for step in range(25):
        edits = {path: rng.choice(texts) for path in rng.sample(paths, rng.randint(1, 3))}
        for name in ("trial", f"other-{step % 6}"):
            preview = checker.preview(name, [*files.values()], edits, {"recall": 40})
            assert preview == EditChecker().preview(name, [*files.values()], edits, {"recall": 40})
        if rng.random() < 0.5:  # the edits are committed
            files |= {
                path: FileText("trial", path, f"{step}-{path}", text)
                for path, text in edits.items()
                if text is not None
            }
