"""Preview of an edit: the checker's findings for it and for its dataset, before a commit."""

import random

import pytest

from merlin.dataset.entries import FileText
from merlin.dataset.preview import EditChecker, unified_diff

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


def test_broken_example_is_reported_with_its_line():
    preview = preview_edits(
        "trial", make_files(), {"examples/new.yaml": "messages:\n  - user: Где?\n"}
    )
    assert not preview.is_good
    assert [(finding.rule, finding.line) for finding in preview.findings] == [
        ("last-not-assistant", 2)
    ]
    assert preview.good == {}


def test_personal_data_is_named_where_nothing_else_is_wrong():
    phone = "Звоните +7 903 123-45-67."
    edits = {"examples/a.yaml": example_text("Где?", phone)}
    found = preview_edits("trial", make_files(), edits)
    assert found.personal == {"examples/a.yaml": {"personal"}}
    edits["examples/b.yaml"] = "messages: []\n"
    assert preview_edits("trial", make_files(), edits).personal == {}


def test_findings_caused_in_other_files_are_listed_separately():
    test_file = FileText(
        "trial", "examples/t.yaml", "e" * 40, example_text("Где?") + "split: test\n"
    )
    preview = preview_edits(
        "trial",
        [*make_files(), test_file],
        {"examples/n.yaml": example_text("Где?", "Тут.")},
    )
    assert rules(preview.around) == [("examples/t.yaml", "leak")]


def test_deletion_that_leaves_too_few_is_reported():
    preview = preview_edits("trial", make_files(10), {"examples/q00.yaml": None})
    assert preview.is_good
    assert rules(preview.around) == [("examples", "too-few-examples")]


def test_binary_file_can_be_replaced():
    binary = FileText("trial", "examples/odd.yaml", "d" * 40, None)
    preview = preview_edits(
        "trial",
        [*make_files(), binary],
        {"examples/odd.yaml": example_text("Где новое?")},
    )
    assert preview.is_good


def test_diff_is_shown_line_by_line():
    assert (
        unified_diff("a\nb\n", "a\nc\n", "x")
        == "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c"
    )
    assert unified_diff(None, "a\n", "x").startswith("--- /dev/null\n+++ b/x\n")
    assert unified_diff("a\n", None, "x").endswith("-a")
    assert unified_diff("a", "a") == ""


@pytest.mark.parametrize("most", [10_000, 40])
def test_reused_checker_gives_the_same_preview_as_a_new_one(most):
    rng = random.Random(3)  # noqa: S311 - repeatable on purpose
    checker = EditChecker(most)
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
        edits = {
            path: rng.choice(texts) for path in rng.sample(paths, rng.randint(1, 3))
        }
        for name in ("trial", f"other-{step % 6}"):
            preview = checker.preview(name, [*files.values()], edits, {"recall": 40})
            assert preview == EditChecker().preview(
                name, [*files.values()], edits, {"recall": 40}
            )
        if rng.random() < 0.5:  # the edits are committed
            files |= {
                path: FileText("trial", path, f"{step}-{path}", text)
                for path, text in edits.items()
                if text is not None
            }
